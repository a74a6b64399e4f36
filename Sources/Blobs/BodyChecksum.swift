import Crypto
import System

/// The sum of a part of a file (tus, "Checksum").
package struct BodyChecksum: Sendable {
    package enum Algorithm: Sendable { case sha1, sha256, md5, crc32c }

    package var algorithm: Algorithm
    /// What the client says it is; a CRC with its most significant byte first.
    package var expected: [UInt8]

    package init(_ algorithm: Algorithm, expected: [UInt8]) {
        self.algorithm = algorithm
        self.expected = expected
    }

    /// Reads the file's bytes from `start` to `end`; whether they are what was said.
    func matches(_ descriptor: Int32, from start: Int64, to end: Int64) throws(SystemError) -> Bool {
        switch algorithm {
        case .crc32c:
            var sum = CRC32C()
            try Self.read(descriptor, from: start, to: end) { sum.update($0) }
            return expected == withUnsafeBytes(of: sum.value.bigEndian) { Array($0) }
        case .sha1: return try matches(.sha1, descriptor, start, end)
        case .sha256: return try matches(.sha256, descriptor, start, end)
        case .md5: return try matches(.md5, descriptor, start, end)
        }
    }

    private func matches(
        _ algorithm: Digest.Algorithm, _ descriptor: Int32, _ start: Int64, _ end: Int64
    ) throws(SystemError) -> Bool {
        var digest = Digest(algorithm)
        try Self.read(descriptor, from: start, to: end) { digest.update($0) }
        return digest.finish() == expected
    }

    static let pieceBytes = 256 * 1024

    /// Gives a file's bytes from `start` to `end` to `body`, piece by piece.
    static func read(
        _ descriptor: Int32, from start: Int64, to end: Int64, _ body: (UnsafeRawBufferPointer) -> Void
    ) throws(SystemError) {
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: pieceBytes, alignment: 4096)
        defer { piece.deallocate() }
        var position = start
        while position < end {
            let wanted = Int(min(Int64(piece.count), end - position))
            let count = try Files.read(
                descriptor, at: position, into: UnsafeMutableRawBufferPointer(rebasing: piece[..<wanted]))
            // EIO: what was written is not there.
            guard count > 0 else { throw SystemError("pread", 5) }
            body(UnsafeRawBufferPointer(rebasing: piece[..<count]))
            position += Int64(count)
        }
    }
}
