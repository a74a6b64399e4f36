/// The server's base URL as the user gave it, and the URLs made from it.
package struct ServerAddress: Equatable, Sendable {
    /// Scheme, host and port: `http://127.0.0.1:8080`.
    package let origin: String
    /// The path it is mounted at behind a proxy, without the last slash; mostly empty.
    package let basePath: String

    package static let defaultText = "http://127.0.0.1:8080"

    /// The URL without a trailing slash, and without a password, for messages.
    package var shown: String {
        guard let at = origin.lastIndex(of: "@"), let scheme = origin.range(of: "://") else { return origin + basePath }
        return origin[..<scheme.upperBound] + origin[origin.index(after: at)...] + basePath
    }

    /// Takes `http://…`, `https://…` and plain `HOST:PORT`; nil for another scheme, an empty host, a query, a fragment,
    /// or any character that does not belong into a URL.
    package init?(_ text: String) {
        let text = text.range(of: "://") == nil ? "http://" + text : text
        guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }), !text.contains(where: { "?#\\\"<>".contains($0) }),
            let scheme = text.range(of: "://"), ["http", "https"].contains(text[..<scheme.lowerBound].lowercased())
        else { return nil }
        let rest = text[scheme.upperBound...]
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        let authority = rest[..<slash]
        guard let last = authority.last, last != "@", !authority.hasPrefix(":") else { return nil }
        origin = text[..<scheme.lowerBound].lowercased() + "://" + authority
        var path = rest[slash...]
        while path.hasSuffix("/") { path = path.dropLast() }
        basePath = String(path)
    }

    /// A URL under the base path. Segments and values are percent-encoded, so any id or file name is safe in them.
    package func url(_ segments: [String], query: [(name: String, value: String)] = []) -> String {
        var url = origin + basePath
        for segment in segments { url += "/" + Self.percentEncoded(segment) }
        for (index, item) in query.enumerated() {
            url += (index == 0 ? "?" : "&") + item.name + "=" + Self.percentEncoded(item.value)
        }
        return url
    }

    /// What a link of the server's means: a path on this server, or a whole http URL; nil for anything else.
    package func resolve(link: String) -> String? {
        guard link.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
        if link.hasPrefix("/") && !link.hasPrefix("//") { return origin + link }
        return link.hasPrefix("http://") || link.hasPrefix("https://") ? link : nil
    }

    /// Whether a URL is one of this server's: of the same scheme, host and port.
    package func isOwn(_ url: String) -> Bool {
        guard url.hasPrefix(origin) else { return false }
        let rest = url.dropFirst(origin.count)
        return rest.isEmpty || rest.hasPrefix("/")
    }

    /// RFC 3986 §2.3: all but unreserved characters, byte by byte. `.` and `..` would be path steps: encoded too.
    package static func percentEncoded(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".unicodeScalars)
        let isPathStep = text == "." || text == ".."
        var encoded = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "~"):
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            case UInt8(ascii: ".") where !isPathStep:
                encoded += "."
            default:
                encoded += "%"
                encoded.unicodeScalars.append(digits[Int(byte >> 4)])
                encoded.unicodeScalars.append(digits[Int(byte & 15)])
            }
        }
        return encoded
    }
}

extension String {
    /// The first place of a short text. (The standard library has this only for collections of elements.)
    fileprivate func range(of needle: String) -> Range<String.Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(needle) {
                return start..<index(start, offsetBy: needle.count)
            }
            start = index(after: start)
        }
        return nil
    }
}
