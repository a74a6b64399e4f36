/// Percent-encoding of URIs (RFC 3986 §2.1).
package enum PercentCoding {
    /// The text that an encoded part of a URI stands for: nil when an escape is malformed or the octets are not
    /// UTF-8. Decode a path segment by segment: an escaped slash is not a separator. Escaped NUL and dots come out as
    /// they are.
    package static func decode(_ text: some StringProtocol) -> String? {
        guard let octets = octets(text, lenient: false) else { return nil }
        return String(validating: octets, as: UTF8.self)
    }

    /// `text` as one segment of a path: everything is escaped but unreserved characters, sub-delimiters, `:` and `@`
    /// (RFC 3986 §3.3, pchar).
    package static func encodePathSegment(_ text: String) -> String {
        encode(text) { $0.isUnreserved || $0.isSubDelimiter || $0 == ASCII.colon || $0 == 0x40 }
    }

    static func encode(_ text: String, keeping isPlain: (UInt8) -> Bool) -> String {
        var output: [UInt8] = []
        output.reserveCapacity(text.utf8.count)
        for octet in text.utf8 {
            if isPlain(octet) {
                output.append(octet)
            } else {
                output.append(ASCII.percent)
                output.append(.hexadecimalDigit(octet >> 4))
                output.append(.hexadecimalDigit(octet & 0x0F))
            }
        }
        return String(decoding: output, as: UTF8.self)
    }

    /// The octets behind the escapes. A malformed escape is nil, or stays as it is when `lenient`.
    static func octets(_ text: some StringProtocol, lenient: Bool, plusIsSpace: Bool = false) -> [UInt8]? {
        var output: [UInt8] = []
        output.reserveCapacity(text.utf8.count)
        let input = Array(text.utf8)
        var index = 0
        while index < input.count {
            let octet = input[index]
            index += 1
            switch octet {
            case ASCII.percent:
                if index + 1 < input.count, let high = input[index].hexadecimalValue,
                    let low = input[index + 1].hexadecimalValue
                {
                    output.append(high << 4 | low)
                    index += 2
                } else if lenient {
                    output.append(octet)
                } else {
                    return nil
                }
            case ASCII.plus where plusIsSpace: output.append(ASCII.space)
            default: output.append(octet)
            }
        }
        return output
    }
}
