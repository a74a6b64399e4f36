/// The few octets that the text protocols give a meaning, and the character classes of their grammars.
enum ASCII {
    static var tab: UInt8 { 0x09 }
    static var lineFeed: UInt8 { 0x0A }
    static var carriageReturn: UInt8 { 0x0D }
    static var space: UInt8 { 0x20 }
    static var quote: UInt8 { 0x22 }
    static var percent: UInt8 { 0x25 }
    static var apostrophe: UInt8 { 0x27 }
    static var asterisk: UInt8 { 0x2A }
    static var plus: UInt8 { 0x2B }
    static var comma: UInt8 { 0x2C }
    static var hyphen: UInt8 { 0x2D }
    static var slash: UInt8 { 0x2F }
    static var colon: UInt8 { 0x3A }
    static var semicolon: UInt8 { 0x3B }
    static var equals: UInt8 { 0x3D }
    static var questionMark: UInt8 { 0x3F }
    static var backslash: UInt8 { 0x5C }
    static var delete: UInt8 { 0x7F }
}

extension UInt8 {
    /// RFC 5234: DIGIT.
    var isDigit: Bool { self >= 0x30 && self <= 0x39 }

    /// RFC 5234: ALPHA.
    var isLetter: Bool { (self | 0x20) >= 0x61 && (self | 0x20) <= 0x7A }

    /// RFC 9110 §5.6.3: the octets of optional whitespace.
    var isBlank: Bool { self == ASCII.space || self == ASCII.tab }

    /// RFC 9110 §5.6.2: tchar, the octets of methods, field names and parameter names.
    var isToken: Bool {
        switch self {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        case 0x21, 0x23...0x27, 0x2A, 0x2B, 0x2D, 0x2E, 0x5E...0x60, 0x7C, 0x7E: true
        default: false
        }
    }

    /// RFC 9110 §5.5: what a field value may hold: blanks, visible characters and obs-text, no control.
    var isFieldContent: Bool { self >= 0x20 ? self != ASCII.delete : self == ASCII.tab }

    /// RFC 3986 §2.3: the characters that never need an escape.
    var isUnreserved: Bool {
        isDigit || isLetter || self == ASCII.hyphen || self == 0x2E || self == 0x5F || self == 0x7E
    }

    /// RFC 3986 §2.2: the delimiters that parts of a URI may use as plain characters.
    var isSubDelimiter: Bool {
        switch self {
        case 0x21, 0x24, 0x26...0x2C, 0x3B, 0x3D: true
        default: false
        }
    }

    var asciiLowercased: UInt8 { self >= 0x41 && self <= 0x5A ? self | 0x20 : self }

    /// The value of a hexadecimal digit, nil for any other octet.
    var hexadecimalValue: UInt8? {
        switch self {
        case 0x30...0x39: self - 0x30
        case 0x41...0x46: self - 0x41 + 10
        case 0x61...0x66: self - 0x61 + 10
        default: nil
        }
    }

    /// The upper-case hexadecimal digit of a value below 16.
    static func hexadecimalDigit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x41 + value - 10 }
}

extension StringProtocol {
    /// Whether both are the same but for the case of ASCII letters, as field names and tokens are compared.
    func equalsIgnoringASCIICase(_ other: some StringProtocol) -> Bool {
        guard utf8.count == other.utf8.count else { return false }
        for (mine, its) in zip(utf8, other.utf8) where mine != its && mine.asciiLowercased != its.asciiLowercased {
            return false
        }
        return true
    }

    /// ASCII letters in lower case, everything else as it is: protocol words know no locale.
    var asciiLowercased: String { String(decoding: utf8.map(\.asciiLowercased), as: UTF8.self) }

    /// Without spaces and tabs at either end (RFC 9110 §5.6.3, OWS).
    var trimmingBlanks: Substring {
        let text = Substring(self)
        guard let first = text.utf8.firstIndex(where: { !$0.isBlank }),
            let last = text.utf8.lastIndex(where: { !$0.isBlank })
        else { return "" }
        return text[first..<text.utf8.index(after: last)]
    }

    /// The pieces between one ASCII mark and the next, empty ones included. Octets decide, not characters: a comma
    /// with a combining accent behind it is still a comma to every other reader.
    func pieces(between mark: UInt8) -> [Substring] {
        Substring(self).utf8.split(separator: mark, omittingEmptySubsequences: false).map { Substring($0) }
    }

    /// A token of RFC 9110 §5.6.2: not empty, tchar only.
    var isToken: Bool { !isEmpty && utf8.allSatisfy(\.isToken) }
}

extension String {
    /// Octets of a field: UTF-8 where they are valid, else each octet the character of its number, as HTTP once defined
    /// (RFC 9110 §5.5, ISO-8859-1), so that no octet is lost.
    init(fieldOctets octets: Span<UInt8>) {
        if let text = try? UTF8Span(validating: octets) {
            self = String(copying: text)
        } else {
            var scalars = String.UnicodeScalarView()
            for index in octets.indices { scalars.append(Unicode.Scalar(octets[index])) }
            self = String(scalars)
        }
    }
}
