/// `Upload-Checksum: sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=` (tus, "Checksum"), as a field or as a trailer: what the content
/// of this one request must hash to, or none of it counts.
package struct UploadChecksum: Sendable, Equatable {
    package enum Algorithm: String, CaseIterable, Sendable {
        case sha1, sha256, md5, crc32c

        package var digestByteCount: Int {
            switch self {
            case .sha1: 20
            case .sha256: 32
            case .md5: 16
            case .crc32c: 4
            }
        }
    }

    package var algorithm: Algorithm
    /// The digest; that of crc32c is the sum with its highest octet first.
    package var value: [UInt8]

    package init(algorithm: Algorithm, value: [UInt8]) {
        precondition(value.count == algorithm.digestByteCount, "A digest has the length of its algorithm.")
        self.algorithm = algorithm
        self.value = value
    }

    package init(parsing text: String) throws(UploadFieldError) {
        let words = text.pieces(between: ASCII.space)
        guard words.count == 2, !words[0].isEmpty else { throw .checksumInvalid }
        guard let algorithm = Algorithm(rawValue: String(words[0])) else { throw .checksumAlgorithmUnknown }
        guard let value = Base64.decode(words[1]), value.count == algorithm.digestByteCount else {
            throw .checksumInvalid
        }
        self.init(algorithm: algorithm, value: value)
    }

    /// The checksum among a head's fields or among the trailers; nil when there is none.
    package init?(in fields: HTTPFields) throws(UploadFieldError) {
        guard let text = try fields.single("Upload-Checksum") else { return nil }
        try self.init(parsing: text)
    }

    /// What a content that has come whole must hash to, nil for anything. One that was announced as a trailer, and did
    /// not come, may have been lost with the end of the content: without another one nothing says that it is whole.
    package static func decisive(
        head: UploadChecksum?, trailers: HTTPFields, isAnnounced: Bool
    ) throws(UploadFieldError) -> UploadChecksum? {
        guard isAnnounced else { return head }
        guard let sum = try UploadChecksum(in: trailers) ?? head else { throw .checksumTrailerMissing }
        return sum
    }
}
