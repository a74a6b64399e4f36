/// The one part of a representation that a Range field asks for (RFC 9110 §14).
package enum ByteRange: Equatable, Sendable {
    /// `bytes=10-19`, `bytes=10-`: from an offset through the last one wanted, or to the end.
    case from(Int64, through: Int64?)
    /// `bytes=-10`: so many bytes at the end.
    case last(Int64)

    /// Which bytes of a representation that is there are sent.
    package enum Selection: Equatable, Sendable {
        case whole
        case part(Range<Int64>)
        /// None of the wanted bytes exists: 416.
        case unsatisfiable
    }

    /// Nil for what asks for no single range: another unit, no grammar of RFC 9110 §14.1, or several ranges, for which
    /// a server may send the whole (§14.2); it is simpler to read than parts between boundaries.
    package init?(parsing field: String) {
        let text = field.trimmingBlanks
        guard let equals = text.utf8.firstIndex(of: ASCII.equals),
            text[..<equals].equalsIgnoringASCIICase("bytes")
        else { return nil }
        let specifiers = ListElements.split(text[text.utf8.index(after: equals)...], at: ASCII.comma)
        guard specifiers.count == 1 else { return nil }
        let sides = specifiers[0].pieces(between: ASCII.hyphen)
        guard sides.count == 2 else { return nil }
        switch (sides[0].isEmpty, sides[1].isEmpty) {
        case (true, true): return nil
        case (true, false):
            guard let count = Self.number(sides[1]) else { return nil }
            self = .last(count)
        case (false, true):
            guard let first = Self.number(sides[0]) else { return nil }
            self = .from(first, through: nil)
        case (false, false):
            // RFC 9110 §14.1.1: a last position before the first one makes the range invalid.
            guard let first = Self.number(sides[0]), let last = Self.number(sides[1]), first <= last else { return nil }
            self = .from(first, through: last)
        }
    }

    /// What a GET with these fields gets of a representation with the strong validator `entityTag` (with its quotes).
    package static func selection(of byteCount: Int64, entityTag: String, for fields: HTTPFields) -> Selection {
        let asked = fields.values("Range")
        guard asked.count == 1, let range = ByteRange(parsing: asked[0]) else { return .whole }
        // RFC 9110 §13.1.5: the part counts only while the rest, which the client has, is of the same bytes. A date
        // says too little of that, and a weak tag as well, so neither ever matches.
        let conditions = fields.values("If-Range")
        guard conditions.allSatisfy({ $0.trimmingBlanks == entityTag }) else { return .whole }
        return range.selection(of: byteCount)
    }

    /// The bytes meant, cut to those that are there (RFC 9110 §14.1.2).
    package func selection(of byteCount: Int64) -> Selection {
        switch self {
        case .from(let first, let last):
            guard first < byteCount else { return .unsatisfiable }
            return .part(first..<min(last ?? .max, byteCount - 1) + 1)
        case .last(let count):
            guard count > 0 else { return .unsatisfiable }
            // All of nothing is wanted and could be had, but Content-Range cannot name it.
            guard byteCount > 0 else { return .whole }
            return .part(max(0, byteCount - count)..<byteCount)
        }
    }

    /// Content-Range of a 206 (RFC 9110 §14.4).
    package static func contentRange(_ part: Range<Int64>, of byteCount: Int64) -> String {
        "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(byteCount)"
    }

    /// Content-Range of a 416.
    package static func contentRange(ofNoneOf byteCount: Int64) -> String { "bytes */\(byteCount)" }

    /// Digits only. What is too large for any file becomes the largest number: RFC 9110 §14.1.1 sets no bound.
    private static func number(_ digits: Substring) -> Int64? {
        var value: Int64 = 0
        for octet in digits.utf8 {
            guard octet.isDigit else { return nil }
            let (tens, overflows) = value.multipliedReportingOverflow(by: 10)
            let (sum, carries) = tens.addingReportingOverflow(Int64(octet - 0x30))
            value = overflows || carries ? .max : sum
        }
        return digits.isEmpty ? nil : value
    }
}
