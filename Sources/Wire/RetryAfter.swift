/// `Retry-After` (RFC 9110 §10.2.3): a number of seconds, or a date.
package enum RetryAfter {
    /// How long to wait from now on. Nil when it cannot be read; then it says nothing.
    package static func milliseconds(_ value: String, nowUnixMilliseconds now: Int64) -> Int64? {
        let trimmed = value.drop { $0 == " " || $0 == "\t" }.prefix { $0 != "\t" && $0 != "\r" }
        let text = String(trimmed)
        if !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            // A number beyond all is one that is very large.
            return min(Int64(text) ?? secondsMax, secondsMax) * 1000
        }
        return HTTPDate.unixMilliseconds(parsing: text).map { min(max(0, $0 - now), secondsMax * 1000) }
    }

    /// A year.
    package static let secondsMax: Int64 = 366 * 86_400
}
