/// How the content of a request is delimited (RFC 9112 §6.3).
package enum BodyFraming: Sendable, Equatable {
    /// No content: the request ends with its head.
    case none
    /// So many bytes, perhaps zero.
    case length(Int64)
    case chunked
}

/// A request's head, checked: the request line is well-formed, names and values hold no control character, Host is
/// there and single, the framing is unambiguous.
package struct RequestHead: Sendable {
    /// As sent; methods are case-sensitive (RFC 9110 §9.1). Any token: whether it is served is the server's to say.
    package var method: String
    /// As sent.
    package var target: String
    /// The part before `?`, still percent-encoded. An absolute-form target is reduced to its path, `*` stays, the
    /// authority of CONNECT leaves an empty path. Neither dots nor escapes have been resolved.
    package var path: String
    /// What follows `?`, still percent-encoded; empty if there is none.
    package var query: String
    /// 0 or 1, or what a later HTTP/1.x says of itself.
    package var minorVersion: Int
    /// All fields; `Host` is the target's authority where the target has one (RFC 9112 §3.2.2).
    package var fields: HTTPFields
    package var framing: BodyFraming
    /// The peer lets the connection go on after the response (RFC 9112 §9.3).
    package var keepAlive: Bool
    /// The peer waits for 100 Continue, or a final status, before it sends content (RFC 9110 §10.1.1).
    package var expectsContinue: Bool

    package init(
        method: String, target: String, path: String, query: String = "", minorVersion: Int = 1,
        fields: HTTPFields = HTTPFields(), framing: BodyFraming = .none, keepAlive: Bool = true,
        expectsContinue: Bool = false
    ) {
        self.method = method
        self.target = target
        self.path = path
        self.query = query
        self.minorVersion = minorVersion
        self.fields = fields
        self.framing = framing
        self.keepAlive = keepAlive
        self.expectsContinue = expectsContinue
    }
}
