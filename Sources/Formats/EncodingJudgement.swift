// Theory of operation
//
// What a text is written in is found in this order: a byte order mark, what was declared beside it or in its own head
// (HTML's meta, XML's declaration), zeros where UTF-16 and UTF-32 put them, being valid UTF-8, and at last how often
// the bytes are what they would be in each of a few encodings. Only encodings that a cheap look tells apart are judged:
// the Latin sets differ in a handful of characters, so that all undeclared ones are windows-1252.
//
// The judgement is made on a window that begins at the first byte beyond ASCII, since all before it reads the same. It
// never looks at how the bytes were cut.

enum EncodingJudgement {
    /// Bytes that `opening` wants to see, or all there are.
    static let openingBytes = 1024
    /// Bytes from the first one beyond ASCII that `frequency` wants to see, or all there are.
    static let windowBytes = 16 * 1024

    // MARK: - Marks

    /// A byte order mark, and how many bytes it has.
    static func byteOrderMark(_ opening: [UInt8]) -> (CharacterEncoding, byteCount: Int)? {
        // UTF-32's begins like UTF-16's: the longer ones first.
        if opening.starts(with: [0xff, 0xfe, 0, 0]) { return (.utf32(isBigEndian: false), 4) }
        if opening.starts(with: [0, 0, 0xfe, 0xff]) { return (.utf32(isBigEndian: true), 4) }
        if opening.starts(with: [0xef, 0xbb, 0xbf]) { return (.utf8, 3) }
        if opening.starts(with: [0xfe, 0xff]) { return (.utf16(isBigEndian: true), 2) }
        if opening.starts(with: [0xff, 0xfe]) { return (.utf16(isBigEndian: false), 2) }
        return nil
    }

    /// UTF-16 or UTF-32 without a mark. Text of single bytes has no zeros, and hardly any other control; text of wide
    /// ones has zeros wherever a blank or a line end stands.
    static func zeros(_ opening: [UInt8]) -> CharacterEncoding? {
        guard opening.contains(0) else { return nil }
        let controls = opening.count { $0 < 0x20 && !(0x08...0x0d).contains($0) }
        guard controls * 10 > opening.count || !isUTF8(opening, isCut: true) else { return nil }
        let whole = opening.count / 4 * 4
        guard whole > 0 else { return nil }
        func places(_ remainder: Int, of width: Int) -> [UInt8] {
            stride(from: remainder, to: whole, by: width).map { opening[$0] }
        }
        // No scalar lies beyond 10FFFF: the two high bytes of four say it.
        func isHigh(_ first: Int, _ second: Int) -> Bool {
            places(first, of: 4).allSatisfy { $0 == 0 } && places(second, of: 4).allSatisfy { $0 <= 0x10 }
        }
        if isHigh(0, 1) { return .utf32(isBigEndian: true) }
        if isHigh(3, 2) { return .utf32(isBigEndian: false) }
        // A script lies on a few pages of 256 characters: the high bytes are of fewer kinds than the low ones.
        let (even, odd) = (Set(places(0, of: 2)).count, Set(places(1, of: 2)).count)
        if even * 3 <= odd * 2 { return .utf16(isBigEndian: true) }
        return odd * 3 <= even * 2 ? .utf16(isBigEndian: false) : nil
    }

    /// `encoding` of an XML declaration, or `charset` of HTML's meta elements, within the first bytes. The bytes are
    /// ASCII as far as these go, so that no declaration can rightly name UTF-16 (HTML Standard §13.2.3.2).
    static func declaration(_ opening: [UInt8]) -> CharacterEncoding? {
        let text = opening.map { $0 &- 0x41 < 26 ? $0 | 0x20 : $0 }
        var label: String?
        if text.starts(with: Array("<?xml".utf8)) {
            let end = text.firstIndex(of: UInt8(ascii: ">")) ?? text.count
            label = value(of: "encoding", in: text[..<end])
        }
        var rest = text[...]
        while label == nil, let start = range(of: "<meta", in: rest) {
            let end = rest[start.upperBound...].firstIndex(of: UInt8(ascii: ">")) ?? rest.endIndex
            label = value(of: "charset", in: rest[start.upperBound..<end])
            rest = rest[end...]
        }
        guard let label, let encoding = CharacterEncoding(label: label) else { return nil }
        switch encoding {
        case .utf16, .utf32: return .utf8
        default: return encoding
        }
    }

    private static func range(of word: String, in text: ArraySlice<UInt8>) -> Range<Int>? {
        let word = Array(word.utf8)
        return text.indices.first { text[$0...].starts(with: word) }.map { $0..<$0 + word.count }
    }

    /// `charset=utf-8`, with blanks and quotes where people put them; `content="text/html; charset=utf-8"` has none.
    private static func value(of name: String, in text: ArraySlice<UInt8>) -> String? {
        guard let found = range(of: name, in: text) else { return nil }
        var rest = text[found.upperBound...].drop { $0 <= 0x20 }
        guard rest.popFirst() == UInt8(ascii: "=") else { return nil }
        rest = rest.drop { $0 <= 0x20 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "'") }
        let label = rest.prefix { byte in
            byte > 0x20 && byte < 0x7f && !"\"';>/?".utf8.contains(byte)
        }
        return label.isEmpty ? nil : String(decoding: label, as: UTF8.self)
    }

    // MARK: - Judging

    /// The encoding of a text that begins with a byte beyond ASCII. `isCut`: the text goes on behind the window.
    static func frequency(_ window: [UInt8], isCut: Bool) -> CharacterEncoding {
        if isUTF8(window, isCut: isCut) { return .utf8 }
        let bytes = HighBytes(window)
        return eastern(window, bytes, isCut: isCut) ?? cyrillic(bytes) ?? .windows1252
    }

    static func isUTF8(_ window: [UInt8], isCut: Bool) -> Bool {
        // Up to three bytes of a character may have been cut off.
        for dropped in 0...(isCut ? min(3, window.count) : 0)
        where String(validating: window.dropLast(dropped), as: UTF8.self) != nil { return true }
        return false
    }

    /// How the window reads in one encoding of two bytes a character.
    private struct EasternReading {
        var characters = 0
        var kana = 0
        var hangul = 0
        /// Characters of the sets' first level, which are those that are used.
        var common = 0
        var mistakes = 0
        private let encoding: CharacterEncoding

        init(_ window: [UInt8], _ encoding: CharacterEncoding, isCut: Bool) {
            self.encoding = encoding
            var held: [UInt8] = []
            for byte in window {
                held.append(byte)
                switch MultiByteCharacter.read(held, encoding) {
                case .incomplete: continue
                case .lost, .unmapped: mistakes += 1
                case .scalar(let scalar): if scalar.value >= 0x80 { count(scalar, held) }
                }
                held.removeAll(keepingCapacity: true)
            }
            if !held.isEmpty && !isCut { mistakes += 1 }
        }

        private mutating func count(_ scalar: Unicode.Scalar, _ bytes: [UInt8]) {
            characters += 1
            switch scalar.value {
            case 0x3041...0x30ff: kana += 1
            case 0xac00...0xd7a3: hangul += bytes[0] >= 0xb0 && bytes[1] >= 0xa1 ? 1 : 0
            default: break
            }
            // Punctuation of full width, and ideographs of the first level: GB 2312's below D8, Big5's below C7.
            let isPunctuation = (0x3000...0x303f).contains(scalar.value) || (0xff01...0xff60).contains(scalar.value)
            let isFirstLevel =
                switch encoding {
                case .big5: (0xa4...0xc6).contains(bytes[0])
                default: (0xb0...0xd7).contains(bytes[0]) && bytes.count == 2 && bytes[1] >= 0xa1
                }
            if isPunctuation || isFirstLevel { common += 1 }
        }

        /// A byte in a hundred may be damaged.
        var isPossible: Bool { characters > 0 && mistakes * 100 <= characters }
    }

    private static func eastern(_ window: [UInt8], _ bytes: HighBytes, isCut: Bool) -> CharacterEncoding? {
        // A letter with an accent and the plain one behind it would make a pair, too: but those stand alone.
        guard bytes.high * 2 >= bytes.runs * 3 else { return nil }
        func reading(_ encoding: CharacterEncoding) -> EasternReading? {
            let reading = EasternReading(window, encoding, isCut: isCut)
            return reading.isPossible ? reading : nil
        }
        // Japanese is a third kana, and neither of its encodings puts them where the other would find kana again.
        for encoding in [CharacterEncoding.eucJP, .shiftJIS] {
            if let reading = reading(encoding), reading.kana * 5 >= reading.characters { return encoding }
        }
        // Korean is Hangul all over, in its first two thousand syllables.
        if let reading = reading(.eucKR), reading.hangul * 10 >= reading.characters * 8 { return .eucKR }
        // Chinese by Big5 has trails below 80 for two characters in five, by GB 2312 for none.
        if let reading = reading(.big5), reading.common * 10 >= reading.characters * 9,
            reading.characters * 18 >= bytes.high * 10
        {
            return .big5
        }
        if let reading = reading(.gb18030), reading.common * 10 >= reading.characters * 8 { return .gb18030 }
        return nil
    }

    /// Words of Cyrillic are runs of letters beyond ASCII, most of them small ones; in Latin text such letters stand
    /// between others.
    private static func cyrillic(_ bytes: HighBytes) -> CharacterEncoding? {
        guard bytes.high >= 2 * bytes.runs, bytes.others * 5 <= bytes.high else { return nil }
        // KOI8-R has the small letters first, windows-1251 the capitals.
        return .singleByte(name: bytes.first > bytes.second ? "koi8-r" : "windows-1251")
    }

    /// The bytes beyond ASCII, where they lie and how they follow each other.
    private struct HighBytes {
        var high = 0
        var runs = 0
        /// C0 to DF, E0 to FF, and below.
        var (first, second, others) = (0, 0, 0)

        init(_ window: [UInt8]) {
            var wasHigh = false
            for byte in window {
                if byte >= 0x80 {
                    high += 1
                    if !wasHigh { runs += 1 }
                    switch byte {
                    case 0xc0...0xdf: first += 1
                    case 0xe0...0xff: second += 1
                    default: others += 1
                    }
                }
                wasHigh = byte >= 0x80
            }
        }
    }
}
