/// What a request says that begins a resumable upload.
package struct UploadCreationFields: Sendable, Equatable {
    package var dialect: UploadDialect
    /// Of the whole upload. In the draft also where Content-Length tells it; nil for one that is made of parts.
    package var length: Int64?
    /// The length comes later.
    package var isLengthDeferred: Bool
    /// The draft's word that the content is the whole upload. Always false in tus, where the length decides alone.
    package var bodyCompletes: Bool
    package var checksum: UploadChecksum?
    /// The checksum comes behind the content, and with it which algorithm it is of.
    package var hasChecksumTrailer: Bool
    package var metadata: UploadMetadata?
    package var concatenation: UploadConcatenation?
    /// As given, because HEAD gives it back as given.
    package var concatenationText: String?
    /// Content may follow: chunked content counts before its first byte.
    package var hasBody: Bool

    package init(parsing head: RequestHead, dialect: UploadDialect) throws(UploadFieldError) {
        let reader = UploadFieldReader(head, dialect)
        self.dialect = dialect
        checksum = try reader.checksum()
        hasChecksumTrailer = reader.hasChecksumTrailer
        hasBody = reader.contentLength != 0
        length = try reader.number("Upload-Length", or: .lengthInvalid)
        switch dialect {
        case .tus:
            bodyCompletes = false
            isLengthDeferred = try Self.isLengthDeferred(head.fields)
            // RFC 9110 §5.3: a list may come in more lines than one.
            let lines = head.fields.values("Upload-Metadata")
            if !lines.isEmpty {
                let given = try UploadMetadata(parsing: lines.joined(separator: ","))
                metadata = given.items.isEmpty ? nil : given
            }
            concatenationText = try head.fields.single("Upload-Concat")
            if let concatenationText { concatenation = try UploadConcatenation(parsing: concatenationText) }
            try checkTus(head.fields)
        case .draft:
            guard let completes = try reader.completes() else { throw .completeMissing }
            bodyCompletes = completes
            if completes, let contentLength = reader.contentLength {
                guard length == nil || length == contentLength else { throw .inconsistentLength }
                length = contentLength
            }
            isLengthDeferred = length == nil
        }
    }

    /// tus: any value but `1` is an error.
    private static func isLengthDeferred(_ fields: HTTPFields) throws(UploadFieldError) -> Bool {
        guard let text = try fields.single("Upload-Defer-Length") else { return false }
        guard text == "1" else { throw .deferralInvalid }
        return true
    }

    private func checkTus(_ fields: HTTPFields) throws(UploadFieldError) {
        if case .final? = concatenation {
            // Its length is the sum of its parts, its content theirs.
            guard length == nil, !isLengthDeferred else { throw .finalWithLength }
            guard !hasBody else { throw .finalWithContent }
            return
        }
        guard length == nil || !isLengthDeferred else { throw .lengthAndDeferral }
        guard length != nil || isLengthDeferred else { throw .lengthMissing }
        guard !hasBody || fields.hasContentType(UploadDialect.tusType) else {
            throw .contentTypeWrong(wanted: UploadDialect.tusType)
        }
    }
}
