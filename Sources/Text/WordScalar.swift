/// What a scalar is to words: part of one, one by itself, between two, or nothing.
enum WordScalar {
    case letter(UInt32)
    /// A character that is a word of its own: Han, kana, mathematical signs, pictographs.
    case character(UInt32)
    case separator
    /// Invisible: a soft hyphen, joiners, variation selectors.
    case ignored

    /// The scalar in lower case, by its kind. Not of ASCII, which has a table of its own.
    static func beyondASCII(_ scalar: UInt32) -> WordScalar {
        switch scalar {
        case 0xad, 0x200b...0x200f, 0x2060...0x2064, 0xfe00...0xfe0f, 0xfeff, 0xe_0000...0xe_0fff: .ignored
        case 0xaa, 0xb5, 0xba: .letter(scalar)
        case 0x80...0xbf, 0xd7, 0xf7: .separator
        case 0x589, 0x5be, 0x60c, 0x61b, 0x61f, 0x66a...0x66d, 0x6d4, 0x964, 0x965: .separator
        case 0x1680, 0x2000...0x206f, 0x2500...0x25ff, 0x2e00...0x2e7f: .separator
        case 0x2190...0x2bff, 0x1_f000...0x1_faff: .character(scalar)
        case 0x3005...0x3007: .character(scalar)
        case 0x3000...0x303f, 0x30fb, 0xfe10...0xfe6f, 0xff61...0xff65: .separator
        case 0xff00...0xff0f, 0xff1a...0xff20, 0xff3b...0xff40, 0xff5b...0xff60, 0xfff0...0xffff: .separator
        // Private use: bullets and the like in PDF fonts.
        case 0xe000...0xf8ff: .separator
        case 0x3040...0x30ff, 0x31f0...0x31ff, 0x3400...0x4dbf, 0x4e00...0x9fff, 0xf900...0xfaff, 0x2_0000...0x3_ffff:
            .character(scalar)
        default: .letter(LetterCase.folded(scalar))
        }
    }

    /// ASCII letters in lower case and digits; 0 for separators.
    static let foldedASCII: [128 of UInt32] = {
        var table: [128 of UInt32] = .init(repeating: 0)
        for digit in 0x30...0x39 { table[digit] = UInt32(digit) }
        for letter in 0x61...0x7a {
            table[letter] = UInt32(letter)
            table[letter - 32] = UInt32(letter)
        }
        return table
    }()
}
