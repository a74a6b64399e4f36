/// How far an upload is, as replies say it.
package struct UploadStanding: Sendable, Equatable {
    /// Nil for a final upload whose parts are not joined yet.
    package var offset: Int64?
    package var length: Int64?
    package var isComplete: Bool
    /// Nil for what is never removed by itself.
    package var expiresUnixMilliseconds: Int64?
    package var sizeLimitBytes: Int64?
    /// Upload-Metadata as it was given.
    package var metadata: String?
    /// Upload-Concat as it was given.
    package var concatenation: String?

    package init(
        offset: Int64?, length: Int64? = nil, isComplete: Bool = false, expiresUnixMilliseconds: Int64? = nil,
        sizeLimitBytes: Int64? = nil, metadata: String? = nil, concatenation: String? = nil
    ) {
        self.offset = offset
        self.length = length
        self.isComplete = isComplete
        self.expiresUnixMilliseconds = expiresUnixMilliseconds
        self.sizeLimitBytes = sizeLimitBytes
        self.metadata = metadata
        self.concatenation = concatenation
    }
}
