/// A response's status line and fields. The caller frames the content: sets `Content-Length`, or `Transfer-Encoding:
/// chunked` (never to an HTTP/1.0 peer), or closes after it.
package struct ResponseHead: Sendable {
    package var status: Int
    package var fields: HTTPFields

    package init(status: Int, fields: HTTPFields = HTTPFields()) {
        precondition(100...999 ~= status, "A status code has three digits.")
        self.status = status
        self.fields = fields
    }

    /// Appends the head with its empty line (RFC 9112 §4). Control characters in values become spaces, so that nothing
    /// echoed from a request can begin a line of its own (RFC 9110 §5.5).
    package func encode(into output: inout [UInt8]) {
        output.append(contentsOf: "HTTP/1.1 ".utf8)
        output.append(contentsOf: String(status).utf8)
        output.append(ASCII.space)
        output.append(contentsOf: Self.reasonPhrase(status).utf8)
        output.append(contentsOf: "\r\n".utf8)
        for (name, value) in fields.pairs {
            precondition(name.isToken, "A response field's name is a token.")
            output.append(contentsOf: name.utf8)
            output.append(ASCII.colon)
            output.append(ASCII.space)
            for octet in value.utf8 { output.append(octet.isFieldContent ? octet : ASCII.space) }
            output.append(contentsOf: "\r\n".utf8)
        }
        output.append(contentsOf: "\r\n".utf8)
    }

    /// The registered phrase (RFC 9110 §15 and the IANA registry), empty for a code that has none.
    package static func reasonPhrase(_ status: Int) -> String {
        switch status {
        case 100: "Continue"
        case 101: "Switching Protocols"
        case 103: "Early Hints"
        case 104: "Upload Resumption Supported"
        case 200: "OK"
        case 201: "Created"
        case 202: "Accepted"
        case 204: "No Content"
        case 206: "Partial Content"
        case 301: "Moved Permanently"
        case 302: "Found"
        case 303: "See Other"
        case 304: "Not Modified"
        case 307: "Temporary Redirect"
        case 308: "Permanent Redirect"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 406: "Not Acceptable"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 410: "Gone"
        case 411: "Length Required"
        case 412: "Precondition Failed"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 415: "Unsupported Media Type"
        case 416: "Range Not Satisfiable"
        case 417: "Expectation Failed"
        case 421: "Misdirected Request"
        case 422: "Unprocessable Content"
        case 423: "Locked"
        case 426: "Upgrade Required"
        case 428: "Precondition Required"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 460: "Checksum Mismatch"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        case 507: "Insufficient Storage"
        default: ""
        }
    }
}
