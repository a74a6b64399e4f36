/// Why a request cannot be understood. Always the peer's mistake: answer with `status`, then close the connection,
/// since where the next request begins is unknown (RFC 9112 §2.2, §9.6).
package enum HTTPRequestError: Error, Equatable {
    // The request line.
    case tooManyEmptyLines(max: Int)
    case requestLineTooLong(bytesMax: Int)
    case requestLineMalformed
    case methodInvalid
    case targetInvalid
    case versionMalformed
    case versionUnsupported

    // Lines and fields.
    case bareLineFeed
    case headTooLarge(bytesMax: Int)
    case tooManyFields(max: Int)
    case fieldFolded
    case fieldLineMalformed
    case fieldNameInvalid
    case fieldValueInvalid(name: String)
    case hostMissing
    case hostRepeated
    case hostInvalid
    case expectationUnknown

    // Framing of the content.
    case framingAmbiguous
    case contentLengthRepeated
    case contentLengthInvalid
    case contentLengthTooLarge
    case transferCodingMalformed
    case transferCodingUnknown
    case transferCodingBeforeHTTP11

    // Chunks.
    case chunkSizeInvalid
    case chunkLineTooLong(bytesMax: Int)
    case chunkExtensionInvalid
    case chunkExtensionsTooLong(bytesMax: Int)
    case chunkDataUnterminated
    case trailersTooLarge(bytesMax: Int)

    /// The response's status code.
    package var status: Int { answer.status }

    /// The stable name of the mistake, for the `code` of a problem document and for counters.
    package var code: String { answer.code }

    /// One sentence that tells the reader what to do.
    package var detail: String { answer.detail }

    private var answer: (status: Int, code: String, detail: String) {
        switch self {
        case .tooManyEmptyLines(let max):
            (400, "too_many_empty_lines", "Send at most \(max) empty lines before a request.")
        case .requestLineTooLong(let bytesMax):
            (414, "request_line_too_long", "Shorten the URL: a request's head may have \(bytesMax) bytes.")
        case .requestLineMalformed:
            (400, "bad_request_line", "Begin with method, target and version, parted by single spaces, ended by CRLF.")
        case .methodInvalid:
            (400, "bad_method", "Use letters, digits and the marks of a token for the method.")
        case .targetInvalid:
            (400, "bad_target", "Send a path that begins with a slash or an http URL, percent-encoded, no fragment.")
        case .versionMalformed:
            (400, "bad_http_version", "End the request line with HTTP/1.1.")
        case .versionUnsupported:
            (505, "http_version_not_supported", "Use HTTP/1.1 on this port.")
        case .bareLineFeed:
            (400, "bare_line_feed", "End every line with CRLF, not with LF alone.")
        case .headTooLarge(let bytesMax):
            (431, "head_too_large", "Send fewer or shorter fields: a request's head may have \(bytesMax) bytes.")
        case .tooManyFields(let max):
            (431, "too_many_fields", "Send at most \(max) fields.")
        case .fieldFolded:
            (400, "folded_field", "Write every field on one line: lines must not begin with a blank.")
        case .fieldLineMalformed:
            (400, "bad_field_line", "Write every field as name, colon and value.")
        case .fieldNameInvalid:
            (400, "bad_field_name", "Use letters, digits and hyphens for field names, with no blank before the colon.")
        case .fieldValueInvalid(let name):
            (400, "bad_field_value", "Remove the control characters from the field \(name).")
        case .hostMissing:
            (400, "host_missing", "Send a Host field: HTTP/1.1 demands it.")
        case .hostRepeated:
            (400, "host_repeated", "Send one Host field only.")
        case .hostInvalid:
            (400, "bad_host", "Send the host's name or address and, after a colon, its port as the Host field.")
        case .expectationUnknown:
            (417, "expectation_unknown", "Leave Expect out or send 100-continue: no other expectation is known.")
        case .framingAmbiguous:
            (400, "ambiguous_framing", "Send either Content-Length or Transfer-Encoding, not both.")
        case .contentLengthRepeated:
            (400, "content_length_repeated", "Send one Content-Length with one number.")
        case .contentLengthInvalid:
            (400, "bad_content_length", "Send Content-Length as decimal digits and nothing else.")
        case .contentLengthTooLarge:
            (413, "content_too_large", "Send less content: this length is beyond what can be counted.")
        case .transferCodingMalformed:
            (400, "bad_transfer_encoding", "Send Transfer-Encoding: chunked, once, or a Content-Length.")
        case .transferCodingUnknown:
            (501, "transfer_coding_unknown", "Use no transfer coding but chunked.")
        case .transferCodingBeforeHTTP11:
            (400, "transfer_encoding_in_http_1_0", "Use HTTP/1.1 to send chunks, or a Content-Length.")
        case .chunkSizeInvalid:
            (400, "bad_chunk_size", "Begin every chunk with its size in hexadecimal digits and CRLF.")
        case .chunkLineTooLong(let bytesMax):
            (400, "chunk_line_too_long", "Keep a chunk's size line with its extensions under \(bytesMax) bytes.")
        case .chunkExtensionInvalid:
            (400, "bad_chunk_extension", "Leave out chunk extensions, or begin them with a semicolon.")
        case .chunkExtensionsTooLong(let bytesMax):
            (400, "chunk_extensions_too_long", "Leave out chunk extensions: a body may have \(bytesMax) bytes of them.")
        case .chunkDataUnterminated:
            (400, "chunk_data_unterminated", "End every chunk's data with CRLF, after as many bytes as announced.")
        case .trailersTooLarge(let bytesMax):
            (431, "trailers_too_large", "Send trailers of at most \(bytesMax) bytes, or none: they are not used.")
        }
    }
}
