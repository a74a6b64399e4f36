/// What a PATCH says that brings more of an upload.
package struct UploadAppendFields: Sendable, Equatable {
    package var dialect: UploadDialect
    /// Where the client believes the upload is; anything else than its true offset is a conflict.
    package var offset: Int64
    /// Of the whole upload, where this request tells it: by Upload-Length, or because its content is the rest.
    package var length: Int64?
    /// The draft's word that the content is the rest. Always false in tus, where the length decides alone.
    package var bodyCompletes: Bool
    package var checksum: UploadChecksum?
    /// The checksum comes behind the content, and with it which algorithm it is of.
    package var hasChecksumTrailer: Bool

    package init(parsing head: RequestHead, dialect: UploadDialect) throws(UploadFieldError) {
        let reader = UploadFieldReader(head, dialect)
        if let wanted = dialect.appendType, !head.fields.hasContentType(wanted) {
            throw .contentTypeWrong(wanted: wanted)
        }
        self.dialect = dialect
        guard let offset = try reader.number("Upload-Offset", or: .offsetInvalid) else { throw .offsetMissing }
        self.offset = offset
        length = try reader.number("Upload-Length", or: .lengthInvalid)
        checksum = try reader.checksum()
        hasChecksumTrailer = reader.hasChecksumTrailer
        bodyCompletes = false
        guard case .draft(let interop) = dialect else { return }

        // Up to -05 the field is needed only where more is to come; from -06 on it is always.
        guard let completes = try reader.completes() ?? (interop <= 6 ? true : nil) else { throw .completeMissing }
        bodyCompletes = completes
        guard completes, let contentLength = reader.contentLength else { return }
        let (end, isOverflowing) = offset.addingReportingOverflow(contentLength)
        guard !isOverflowing, length == nil || length == end else { throw .inconsistentLength }
        length = end
    }
}
