import Wire

/// Cross-origin rules (WHATWG Fetch, "CORS protocol"): on every response, errors included, made before anything can
/// fail.
package struct CrossOrigin: Sendable {
    /// Origins that may read replies; nil lets everybody. Credentials are never allowed, so `*` is safe to say.
    package var allowedOrigins: Set<String>?

    package init(allowedOrigins: Set<String>? = nil) { self.allowedOrigins = allowedOrigins }

    static let exposed = [
        "Location", "Content-Location", "Document-ID", "ETag", "Link", "Retry-After", "X-Request-Id",
        "Content-Disposition", "Content-Range", "Accept-Ranges", "Preference-Applied",
        "Upload-Offset", "Upload-Length", "Upload-Defer-Length", "Upload-Metadata", "Upload-Concat", "Upload-Expires",
        "Upload-Complete", "Upload-Incomplete", "Upload-Limit", "Tus-Resumable",
        "Tus-Version",
        "Tus-Extension", "Tus-Max-Size", "Tus-Checksum-Algorithm",
    ].joined(separator: ", ")
    static let methods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
    static let requestFields = [
        "Authorization", "Content-Type", "Content-Disposition", "Accept", "Last-Event-ID", "If-None-Match", "If-Match",
        "Range", "If-Range", "Prefer", "Idempotency-Key", "X-Request-Id", "X-Requested-With", "X-HTTP-Method-Override",
        "Document-Password",
        "Tus-Resumable",
        "Upload-Length", "Upload-Offset", "Upload-Metadata", "Upload-Defer-Length", "Upload-Concat", "Upload-Checksum",
        "Upload-Complete", "Upload-Incomplete", "Upload-Draft-Interop-Version",
    ].joined(separator: ", ")
    static let preflightSeconds = 86_400

    /// Whether this is how a browser writes an origin (RFC 6454 §6.2): it is compared as it stands.
    package static func isOrigin(_ text: String) -> Bool {
        guard text != "null", let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) else { return text == "null" }
        let rest = text[colon...].utf8
        let isScheme = text[..<colon].utf8.allSatisfy {
            (0x61...0x7a).contains($0) || "+-.0123456789".utf8.contains($0)
        }
        let host = rest.dropFirst(3)
        return isScheme && rest.starts(with: "://".utf8) && !host.isEmpty
            && host.allSatisfy { (0x21...0x7e).contains($0) && !"/?#@".utf8.contains($0) }
    }

    package func allows(_ origin: String) -> Bool { allowedOrigins?.contains(origin) ?? true }

    package func add(to fields: inout HTTPFields, origin: String?) {
        if let allowedOrigins {
            fields.add("Vary", "Origin")
            guard let origin, allowedOrigins.contains(origin) else { return }
            fields.set("Access-Control-Allow-Origin", origin)
        } else {
            fields.set("Access-Control-Allow-Origin", "*")
        }
        fields.set("Access-Control-Expose-Headers", Self.exposed)
    }

    package func addPreflight(to fields: inout HTTPFields, request: HTTPFields) {
        fields.set("Access-Control-Allow-Methods", Self.methods)
        // What a page asks for is named as well: a list that misses one field refuses the whole request.
        let asked = request["Access-Control-Request-Headers"].map { ", " + $0 } ?? ""
        fields.set("Access-Control-Allow-Headers", Self.requestFields + asked)
        fields.set("Access-Control-Max-Age", String(Self.preflightSeconds))
        if request.contains("Access-Control-Request-Private-Network", token: "true") {
            fields.set("Access-Control-Allow-Private-Network", "true")
        }
    }
}
