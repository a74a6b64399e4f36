import System

/// A file that grows behind what is in it. What is appended gathers up to a bound before it is written.
struct GrowingFile: ~Copyable {
    /// The kernel begins to write so much to the disk while the next is made: a sync then waits for the rest alone.
    static let pushOutBytes: Int64 = 1 << 20

    private let descriptor: OwnedDescriptor
    private var writtenBytes: Int64
    private var pushedOutBytes: Int64
    private var buffer: [UInt8] = []
    private var isSynced = true

    init(_ descriptor: consuming OwnedDescriptor, startBytes: Int64) {
        self.descriptor = descriptor
        writtenBytes = startBytes
        pushedOutBytes = startBytes
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
        if writtenBytes - pushedOutBytes >= Self.pushOutBytes {
            Files.pushOut(
                descriptor.raw, from: pushedOutBytes, count: writtenBytes - pushedOutBytes, dropBefore: 0)
            pushedOutBytes = writtenBytes
        }
    }

    /// Makes it last (fsync(2)).
    mutating func sync() throws(SystemError) {
        try flush()
        if !isSynced { try Files.sync(descriptor.raw) }
        isSynced = true
    }
}
