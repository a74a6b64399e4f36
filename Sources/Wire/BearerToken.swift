/// The secret that a request carries (RFC 6750).
package enum BearerToken {
    /// Of `Authorization: Bearer SECRET`; or, because EventSource and WebSocket of a browser can set no field, of
    /// `?access_token=SECRET` where something is only read. The field wins. Other schemes are somebody else's.
    package static func secret(_ head: RequestHead) -> String? {
        if let field = head.fields["Authorization"] { return secret(authorization: field) }
        guard head.method == "GET" || head.method == "HEAD" else { return nil }
        return QueryItems(head.query)["access_token"].flatMap { $0.isEmpty ? nil : $0 }
    }

    private static func secret(authorization: String) -> String? {
        let scheme = authorization.utf8.prefix { !$0.isBlank }
        // RFC 9110 §11.1: the scheme is not case-sensitive.
        guard String(Substring(scheme)).equalsIgnoringASCIICase("Bearer") else { return nil }
        let secret = authorization.utf8.dropFirst(scheme.count).drop { $0.isBlank }
        return secret.isEmpty ? nil : String(Substring(secret))
    }
}
