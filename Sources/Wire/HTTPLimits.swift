/// How much of a request, apart from its content, is taken before it is refused. Content is the server's own to bound:
/// it arrives in ranges and is never kept here.
package struct HTTPLimits: Sendable {
    /// Request line and fields together, line ends included. Beyond: 414 within the request line, 431 within the
    /// fields.
    package var headBytesMax: Int
    /// Field lines of a head or of a trailer section. Beyond: 431.
    package var fieldsMax: Int
    /// Empty lines before a request line (RFC 9112 §2.2 asks to ignore at least one). Beyond: 400.
    package var leadingEmptyLinesMax: Int
    /// One chunk-size line with its extensions and its CRLF. Beyond: 400.
    package var chunkLineBytesMax: Int
    /// Extensions of all chunks of one body: they cost work and mean nothing here. Beyond: 400.
    package var chunkExtensionBytesMax: Int
    /// The trailer section of a chunked body. Beyond: 431.
    package var trailerBytesMax: Int

    package init(
        headBytesMax: Int = 16 * 1024, fieldsMax: Int = 100, leadingEmptyLinesMax: Int = 8,
        chunkLineBytesMax: Int = 4096, chunkExtensionBytesMax: Int = 16 * 1024, trailerBytesMax: Int = 8 * 1024
    ) {
        self.headBytesMax = headBytesMax
        self.fieldsMax = fieldsMax
        self.leadingEmptyLinesMax = leadingEmptyLinesMax
        self.chunkLineBytesMax = chunkLineBytesMax
        self.chunkExtensionBytesMax = chunkExtensionBytesMax
        self.trailerBytesMax = trailerBytesMax
    }

    package static let `default` = HTTPLimits()
}
