import Core
import Crypto
import Loop
import System

/// The file under an upload. Opened by its first write; writes are made by one thread at a time, syncs by another
/// beside them.
final class ContentFile: @unchecked Sendable {
    /// Dirty pages are pushed out in steps of this size and dropped behind.
    static let pushOutBytes: Int64 = 4 << 20

    let path: String
    private let startBytes: Int64
    private var descriptor: OwnedDescriptor?
    private var pushedOutBytes: Int64

    /// Goes on behind `startBytes`; what lies beyond them is cut off.
    init(path: String, startBytes: Int64) {
        self.path = path
        self.startBytes = startBytes
        pushedOutBytes = startBytes
    }

    /// The open file's number. Only after `open` or `write`.
    var raw: Int32 {
        guard let raw = descriptor?.raw else { preconditionFailure("the file is opened before anything else") }
        return raw
    }

    func open() throws(SystemError) {
        guard descriptor == nil else { return }
        let opened = try Files.open(path, startBytes == 0 ? .createIfMissing : .readWrite)
        let size = try Files.size(opened.raw)
        // EIO: bytes that are on record are not there.
        if size < startBytes { throw SystemError("fstat(\(path))", 5) }
        if size > startBytes { try Files.truncate(opened.raw, to: startBytes) }
        descriptor = consume opened
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(SystemError) {
        try open()
        try Files.write(raw, bytes, at: offset)
        let end = offset + Int64(bytes.count)
        if end - pushedOutBytes >= Self.pushOutBytes {
            Files.pushOut(raw, from: pushedOutBytes, count: end - pushedOutBytes, dropBefore: pushedOutBytes)
            pushedOutBytes = end
        }
    }

    func cut(to byteCount: Int64) throws(SystemError) {
        try open()
        try Files.truncate(raw, to: byteCount)
        pushedOutBytes = min(pushedOutBytes, byteCount)
    }

    func close() { descriptor = nil }

    func remove() {
        descriptor = nil
        // Swept at the next start if it cannot be removed now.
        try? Files.remove(path)
    }

    /// The first bytes, for judging the type.
    func prefix() throws(SystemError) -> [UInt8] {
        var failure: SystemError?
        let bytes = [UInt8](unsafeUninitializedCapacity: DocumentType.judgedPrefixBytes) { buffer, count in
            do throws(SystemError) {
                count = try Files.read(raw, at: 0, into: UnsafeMutableRawBufferPointer(buffer))
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }
}
