import JSON

/// The server's refusal, as RFC 9457 problem+json where it sent one, otherwise as much as the status says.
package struct Problem: Equatable, Sendable {
    package var status: Int
    /// Stable, snake_case; nil when what answered was no Headway (a proxy, another server on that port).
    package var code: String?
    package var detail: String?
    package var retryAfterSeconds: Int?

    package init(status: Int, code: String? = nil, detail: String? = nil, retryAfterSeconds: Int? = nil) {
        self.status = status
        self.code = code
        self.detail = detail
        self.retryAfterSeconds = retryAfterSeconds
    }

    /// Reads a reply's body, whatever it is; a body that is no problem object leaves code and detail nil.
    package init(status: Int, retryAfter: String?, body: [UInt8]) {
        self.status = status
        retryAfterSeconds = retryAfter.flatMap { Int($0) }.flatMap { $0 >= 0 ? $0 : nil }
        guard let json = try? JSONValue.parse(body) else { return }
        code = json["code"]?.stringValue
        detail = json["detail"]?.stringValue ?? json["title"]?.stringValue
    }

    /// True when the same request may well succeed later: the server is busy, restarting or behind a proxy that waits.
    package var isPassing: Bool { status == 429 || status == 408 || (500...599).contains(status) }

    /// One sentence for people, with what they can do about it here.
    package var words: String {
        let detail = detail.map(TerminalText.clean)
        let origin = [code.map(TerminalText.clean), String(status)].compactMap(\.self).joined(separator: ", ")
        let advice = advice.map { ": \($0)" } ?? ""
        guard let detail, !detail.isEmpty else { return "the server answered \(origin)\(advice)" }
        return "\(detail) (\(origin))\(advice)"
    }

    private var advice: String? {
        switch (status, code) {
        case (401, "bad_token"): "put one that it knows into \(AccessToken.variable), or give it by --token"
        case (401, _): "put a token into \(AccessToken.variable), or give it by --token"
        case (403, _): "give a token that may do this, in \(AccessToken.variable) or by --token"
        default: nil
        }
    }
}
