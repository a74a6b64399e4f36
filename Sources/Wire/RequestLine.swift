/// The first line of a request, parsed strictly: `method SP target SP HTTP/1.x` (RFC 9112 §3).
///
/// RFC 9112 allows lenient splitting at any whitespace; we refuse it, because two readers that split differently see
/// two different requests. In the target we are as lenient as browsers and curl are careless: visible ASCII that a
/// strict URI would escape (`{`, `|`, `"`) and raw UTF-8 are let through, since neither can change where the target
/// ends.
struct RequestLine {
    var method: String
    var target: String
    var path: String
    var query: String
    var minorVersion: Int
    /// The authority of an absolute-form target, which stands over Host.
    var authority: String?

    init(parsing line: Span<UInt8>) throws(HTTPRequestError) {
        var methodEnd = 0
        while methodEnd < line.count && line[methodEnd] != ASCII.space { methodEnd += 1 }
        for index in 0..<methodEnd where !line[index].isToken { throw .methodInvalid }
        guard methodEnd > 0 else { throw .methodInvalid }

        var targetEnd = methodEnd + 1
        while targetEnd < line.count && line[targetEnd] != ASCII.space { targetEnd += 1 }
        guard targetEnd > methodEnd + 1, targetEnd < line.count else { throw .requestLineMalformed }

        minorVersion = try Self.minorVersion(line.extracting(targetEnd + 1..<line.count))
        method = String(fieldOctets: line.extracting(0..<methodEnd))
        let targetOctets = line.extracting(methodEnd + 1..<targetEnd)
        guard Self.isTargetText(targetOctets), let text = try? UTF8Span(validating: targetOctets) else {
            throw .targetInvalid
        }
        target = String(copying: text)

        guard let form = TargetForm(target, method: method) else { throw .targetInvalid }
        (authority, path, query) = (form.authority, form.path, form.query)
        // A backslash in a path is a slash to some readers; nobody's file needs one unescaped.
        if path.utf8.contains(ASCII.backslash) { throw .targetInvalid }
    }

    /// RFC 9112 §2.3: HTTP-version is case-sensitive, one digit on each side of the dot.
    private static func minorVersion(_ octets: Span<UInt8>) throws(HTTPRequestError) -> Int {
        guard octets.count == 8 else { throw .versionMalformed }
        for (index, octet) in "HTTP/".utf8.enumerated() where octets[index] != octet { throw .versionMalformed }
        let (major, dot, minor) = (octets[5], octets[6], octets[7])
        guard major.isDigit, dot == 0x2E, minor.isDigit else { throw .versionMalformed }
        guard major == 0x31 else { throw .versionUnsupported }
        return Int(minor - 0x30)
    }

    private static func isTargetText(_ octets: Span<UInt8>) -> Bool {
        for index in octets.indices {
            let octet = octets[index]
            // Controls could end a line for a laxer reader; a fragment is never sent (RFC 9112 §3.2).
            if octet <= ASCII.space || octet == ASCII.delete || octet == 0x23 { return false }
        }
        return true
    }
}

/// The four forms of a request target (RFC 9112 §3.2).
private struct TargetForm {
    var authority: String?
    var path: String
    var query = ""

    init?(_ target: String, method: String) {
        if method == "CONNECT" {
            // authority-form, for CONNECT and nothing else. We are no proxy: an empty path matches no route.
            guard HostName.isValid(target), target.utf8.contains(ASCII.colon) else { return nil }
            (authority, path) = (target, "")
        } else if target == "*" {
            guard method == "OPTIONS" else { return nil }
            path = "*"
        } else if target.utf8.first == ASCII.slash {
            path = target
            splitQuery()
        } else {
            guard let rest = Self.afterScheme(target) else { return nil }
            let end = rest.utf8.firstIndex { $0 == ASCII.slash || $0 == ASCII.questionMark } ?? rest.endIndex
            // RFC 9110 §4.2: an http URI without a host is invalid, one with userinfo is an error; HostName refuses
            // `@`.
            guard end > rest.startIndex, HostName.isValid(rest[..<end]) else { return nil }
            authority = String(rest[..<end])
            path = String(rest[end...])
            if path.utf8.first != ASCII.slash { path = "/" + path }
            splitQuery()
        }
    }

    private mutating func splitQuery() {
        guard let mark = path.utf8.firstIndex(of: ASCII.questionMark) else { return }
        query = String(path[path.utf8.index(after: mark)...])
        path = String(path[..<mark])
    }

    /// What follows `http://` or `https://`; schemes are case-insensitive (RFC 3986 §3.1).
    private static func afterScheme(_ target: String) -> Substring? {
        for scheme in ["http://", "https://"] {
            let start = target.prefix(scheme.utf8.count)
            if start.equalsIgnoringASCIICase(scheme) { return target[start.endIndex...] }
        }
        return nil
    }
}
