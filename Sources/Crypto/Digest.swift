import COpenSSL

/// A running digest. The algorithm is fetched once for the process: a fetch costs more than hashing a small input.
package struct Digest: ~Copyable {
    package struct Algorithm: @unchecked Sendable {
        fileprivate let type: OpaquePointer
        package let byteCount: Int

        fileprivate init(_ name: String) {
            // EVP_MD_fetch(3): the result may be shared by threads and is kept for the life of the process.
            guard let type = EVP_MD_fetch(nil, name, nil) else { preconditionFailure("OpenSSL has no \(name)") }
            self.type = type
            byteCount = Int(EVP_MD_get_size(type))
        }

        package static let sha256 = Algorithm("SHA256")
        package static let sha1 = Algorithm("SHA1")
        package static let md5 = Algorithm("MD5")
    }

    private let algorithm: Algorithm
    private let context: OpaquePointer

    package init(_ algorithm: Algorithm) {
        guard let context = EVP_MD_CTX_new() else { preconditionFailure("EVP_MD_CTX_new: out of memory") }
        self.algorithm = algorithm
        self.context = context
        EVP_DigestInit_ex2(context, algorithm.type, nil)
    }

    /// Goes on from where `other` is, apart from it.
    package init(copying other: borrowing Digest) {
        self.init(other.algorithm)
        EVP_MD_CTX_copy_ex(context, other.context)
    }

    deinit { EVP_MD_CTX_free(context) }

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
    }

    /// The digest's bytes; the value starts anew after it.
    package mutating func finish() -> [UInt8] {
        let digest = [UInt8](unsafeUninitializedCapacity: algorithm.byteCount) { buffer, count in
            EVP_DigestFinal_ex(context, buffer.baseAddress, nil)
            count = algorithm.byteCount
        }
        EVP_DigestInit_ex2(context, algorithm.type, nil)
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
