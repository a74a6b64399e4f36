import System

/// A file that grows behind what is in it. What is appended gathers up to a bound before it is written.
struct GrowingFile: ~Copyable {
    private let descriptor: OwnedDescriptor
    private var writtenBytes: Int64
    private var buffer: [UInt8] = []
    private var isSynced = true

    init(_ descriptor: consuming OwnedDescriptor, startBytes: Int64) {
        self.descriptor = descriptor
        writtenBytes = startBytes
    }

    var raw: Int32 { descriptor.raw }
    /// All that was appended, written or not.
    var byteCount: Int64 { writtenBytes + Int64(buffer.count) }

    mutating func append(_ bytes: some Collection<UInt8>) throws(SystemError) {
        buffer.append(contentsOf: bytes)
        if buffer.count >= TextJob.writeBytes { try flush() }
    }

    mutating func append(_ write: (inout [UInt8]) -> Void) throws(SystemError) {
        write(&buffer)
        if buffer.count >= TextJob.writeBytes { try flush() }
    }

    mutating func flush() throws(SystemError) {
        guard !buffer.isEmpty else { return }
        isSynced = false
        try unsafeBytes(of: buffer) { (bytes) throws(SystemError) in
            try Files.write(descriptor.raw, bytes, at: writtenBytes)
        }
        writtenBytes += Int64(buffer.count)
        buffer.removeAll(keepingCapacity: true)
    }

    /// Makes it last (fsync(2)).
    mutating func sync() throws(SystemError) {
        try flush()
        if !isSynced { try Files.sync(descriptor.raw) }
        isSynced = true
    }
}
