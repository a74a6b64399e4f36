import COpenSSL

/// A running digest. It is as large as its state, and nothing is kept for it elsewhere.
package struct Digest: ~Copyable {
    package enum Algorithm: Sendable {
        case sha256, sha1, md5

        package var byteCount: Int {
            switch self {
            case .sha256: Int(SHA256_DIGEST_LENGTH)
            case .sha1: Int(SHA_DIGEST_LENGTH)
            case .md5: Int(MD5_DIGEST_LENGTH)
            }
        }
    }

    private enum Context {
        case sha256(SHA256_CTX)
        case sha1(SHA_CTX)
        case md5(MD5_CTX)

        init(_ algorithm: Algorithm) {
            switch algorithm {
            case .sha256:
                var state = SHA256_CTX()
                SHA256_Init(&state)
                self = .sha256(state)
            case .sha1:
                var state = SHA_CTX()
                SHA1_Init(&state)
                self = .sha1(state)
            case .md5:
                var state = MD5_CTX()
                MD5_Init(&state)
                self = .md5(state)
            }
        }
    }

    private let algorithm: Algorithm
    private var context: Context

    package init(_ algorithm: Algorithm) {
        self.algorithm = algorithm
        context = Context(algorithm)
    }

    /// Goes on from where `other` is, apart from it.
    package init(copying other: borrowing Digest) {
        algorithm = other.algorithm
        context = other.context
    }

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        switch context {
        case .sha256(var state):
            SHA256_Update(&state, bytes.baseAddress, bytes.count)
            context = .sha256(state)
        case .sha1(var state):
            SHA1_Update(&state, bytes.baseAddress, bytes.count)
            context = .sha1(state)
        case .md5(var state):
            MD5_Update(&state, bytes.baseAddress, bytes.count)
            context = .md5(state)
        }
    }

    /// The digest's bytes; the value starts anew after it.
    package mutating func finish() -> [UInt8] {
        let digest = [UInt8](unsafeUninitializedCapacity: algorithm.byteCount) { buffer, count in
            switch context {
            case .sha256(var state): SHA256_Final(buffer.baseAddress, &state)
            case .sha1(var state): SHA1_Final(buffer.baseAddress, &state)
            case .md5(var state): MD5_Final(buffer.baseAddress, &state)
            }
            count = algorithm.byteCount
        }
        context = Context(algorithm)
        return digest
    }

    package static func of(_ bytes: Span<UInt8>, _ algorithm: Algorithm) -> [UInt8] {
        var digest = Digest(algorithm)
        bytes.withUnsafeBytes { digest.update($0) }
        return digest.finish()
    }

    package static func hexadecimal(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
