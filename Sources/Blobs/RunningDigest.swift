import Crypto
import System

/// The digest of a file that grows, as far as it has come. It runs beside the writing, and never holds it up: what it
/// missed it reads from the file later (`catchUp`). Used by one thread at a time.
final class RunningDigest: @unchecked Sendable {
    private var digest: Digest
    private(set) var hashedBytes: Int64

    init() {
        digest = Digest(.sha256)
        hashedBytes = 0
    }

    private init(copying other: RunningDigest) {
        digest = Digest(copying: other.digest)
        hashedBytes = other.hashedBytes
    }

    /// The same up to here, to come back to.
    func copy() -> RunningDigest { RunningDigest(copying: self) }

    /// Takes bytes that begin at `offset`; those that are not next are left for `catchUp`.
    func update(_ bytes: UnsafeRawBufferPointer, at offset: Int64) {
        guard offset == hashedBytes else { return }
        digest.update(bytes)
        hashedBytes += Int64(bytes.count)
    }

    /// Reads on in the file, at most `bytesMax` and no further than `end`; the thread is needed by others too.
    func catchUp(_ descriptor: Int32, to end: Int64, bytesMax: Int64) throws(SystemError) {
        let stop = bytesMax < end - hashedBytes ? hashedBytes + bytesMax : end
        try BodyChecksum.read(descriptor, from: hashedBytes, to: stop) { bytes in
            digest.update(bytes)
            hashedBytes += Int64(bytes.count)
        }
    }

    func finish() -> String { Digest.hexadecimal(digest.finish()) }
}
