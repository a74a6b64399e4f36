/// In which of the two protocols a client speaks of its upload.
///
/// tus 1.0.0 (tus.io), or draft-ietf-httpbis-resumable-upload in one of its interop versions: 3 (-01), 4 (-02),
/// 5 (-03), 6 (-04, -05), 7 (-06 to -08), 8 (-09 and later).
package enum UploadDialect: Sendable, Equatable {
    case tus
    case draft(interop: Int)

    package static let interopVersions = 3...8

    /// The draft's last form, which is what a client means that names no version: HEAD and DELETE of the finished
    /// protocol carry no field by which it could be told.
    package static let finalForm = UploadDialect.draft(interop: interopVersions.upperBound)

    /// Nil: neither, so that the request is what it would be without resumable uploads. An interop version that is not
    /// known here is nil as well: a client of another draft then gets a plain upload, as the draft wants it.
    package static func of(_ head: RequestHead) throws(UploadFieldError) -> UploadDialect? {
        if let version = try head.fields.single("Tus-Resumable") {
            // tus, "OPTIONS": the server must ignore the field there.
            guard version == "1.0.0" || head.method == "OPTIONS" else { throw .tusVersionUnsupported }
            return .tus
        }
        let versions = head.fields.values("Upload-Draft-Interop-Version")
        if let version = versions.first {
            guard versions.count == 1, let interop = StructuredItem.integer(version),
                interopVersions.contains(Int(interop))
            else { return nil }
            return .draft(interop: Int(interop))
        }
        if head.fields["Upload-Complete"] != nil { return finalForm }
        // Only the first form that was ever used knows this field.
        return head.fields["Upload-Incomplete"] != nil ? .draft(interop: 3) : nil
    }

    /// Whether 104 may be sent: the draft forbids it where the client did not name the version, and HTTP/1.0 has no
    /// interim responses (RFC 9110 §15.2).
    package static func allowsInterim(_ head: RequestHead) -> Bool {
        guard head.minorVersion > 0, head.fields["Upload-Draft-Interop-Version"] != nil,
            let dialect = try? of(head), dialect != .tus
        else { return false }
        return true
    }

    /// Whether 104 may tell how far a long append is: that came with version 5.
    package static func allowsProgress(_ head: RequestHead) -> Bool {
        guard allowsInterim(head), case .draft(let interop)? = try? of(head) else { return false }
        return interop >= 5
    }

    /// The media type that an append must have, nil where any will do.
    var appendType: String? {
        switch self {
        case .tus: Self.tusType
        case .draft(let interop): interop >= 6 ? Self.partialType : nil
        }
    }

    static let tusType = "application/offset+octet-stream"
    static let partialType = "application/partial-upload"
}

extension HTTPFields {
    /// The one value of a field that says one thing.
    func single(_ name: String) throws(UploadFieldError) -> String? {
        let values = values(name)
        guard values.count <= 1 else { throw .fieldRepeated(name: name) }
        return values.first
    }

    /// Whether Content-Type names this type, whatever its parameters.
    func hasContentType(_ essence: String) -> Bool {
        let values = values("Content-Type")
        return values.count == 1 && MediaType(parsing: values[0])?.essence == essence
    }
}

/// What of an upload's fields both requests read the same way.
struct UploadFieldReader {
    let fields: HTTPFields
    let framing: BodyFraming
    let dialect: UploadDialect

    init(_ head: RequestHead, _ dialect: UploadDialect) {
        fields = head.fields
        framing = head.framing
        self.dialect = dialect
    }

    func number(_ name: String, or error: UploadFieldError) throws(UploadFieldError) -> Int64? {
        guard let text = try fields.single(name) else { return nil }
        switch dialect {
        case .tus:
            // "A non-negative integer": digits, no sign, and no wrapping at 2⁶³.
            guard !text.isEmpty, text.utf8.allSatisfy(\.isDigit), let value = Int64(text) else { throw error }
            return value
        case .draft:
            // The draft lets a server ignore what it cannot read; a client learns more from a refusal.
            guard let value = StructuredItem.integer(text), value >= 0 else { throw error }
            return value
        }
    }

    /// Whether the content is the last of the upload, in the draft's words; nil where it does not say.
    func completes() throws(UploadFieldError) -> Bool? {
        guard case .draft(let interop) = dialect else { return nil }
        let isNegated = interop == 3
        guard let text = try fields.single(isNegated ? "Upload-Incomplete" : "Upload-Complete") else { return nil }
        guard let value = StructuredItem.boolean(text) else { throw .completeInvalid }
        return value != isNegated
    }

    func checksum() throws(UploadFieldError) -> UploadChecksum? { try UploadChecksum(in: fields) }

    /// A trailer section exists in chunked content alone (RFC 9112 §7.1.2).
    var hasChecksumTrailer: Bool { framing == .chunked && fields.contains("Trailer", token: "Upload-Checksum") }

    /// How many bytes the content has; nil when that shows at its end only.
    var contentLength: Int64? {
        switch framing {
        case .none: 0
        case .length(let count): count
        case .chunked: nil
        }
    }
}
