/// How good a place is to cut text: the higher, the less a cut there tears apart.
enum BoundaryStrength: Int, Comparable {
    /// Inside a word.
    case none
    /// Between two characters of a script that writes no spaces (Han, kana, Thai and its neighbours).
    case character
    case space
    case line
    case sentence
    case paragraph

    static func < (left: BoundaryStrength, right: BoundaryStrength) -> Bool { left.rawValue < right.rawValue }
}

extension TextWindow {
    /// What a cut before that cluster would be. White space belongs to what comes before: the boundary is at its start.
    func boundary(before cluster: Int) -> BoundaryStrength {
        guard cluster > 0, cluster < count else { return .paragraph }
        if isInsideASCIIWord(cluster) { return .none }
        if isWhite(cluster) {
            if isLineFeed(cluster), isLineFeed(cluster + 1) || isLineFeed(cluster - 1) { return .paragraph }
            if sentenceEnds(before: cluster) { return .sentence }
            return isLineFeed(cluster) ? .line : .space
        }
        // What most words begin with: nothing below would find more than a cut before white space does.
        if isASCII(cluster), isWhite(cluster - 1) { return .none }
        let next = firstScalar(of: cluster)
        if Punctuation.closes(next) || Punctuation.endsSentence(next) { return .none }
        if endsWithUnspacedSentence(before: cluster) { return .sentence }
        if Script.isUnspaced(next) || Script.isUnspaced(firstScalar(of: cluster - 1)) {
            return Punctuation.startsNoLine(next) || isWhite(cluster - 1) ? .none : .character
        }
        return .none
    }

    /// What the start of text at that cluster is, white space before it or not.
    func boundary(startingAt cluster: Int) -> BoundaryStrength {
        if isWhite(cluster) { return .none }
        var end = cluster
        while end > 0, isWhite(end - 1) { end -= 1 }
        return boundary(before: end)
    }

    // MARK: - Sentences

    /// Whether the text before that white space is the end of a sentence, as far as its characters tell.
    private func sentenceEnds(before white: Int) -> Bool {
        guard let terminator = terminator(before: white) else { return false }
        let scalar = firstScalar(of: terminator)
        if Punctuation.endsSentenceWithoutSpace(scalar) { return true }

        // "“Why?” he asked" and "approx. five" go on.
        var next = white
        while isWhite(next) { next += 1 }
        if next < count, Script.isLowercase(firstScalar(of: next)) { return false }
        return scalar != "." || !abbreviates(fullStop: terminator)
    }

    /// Whether 。 or its like, with the quotes that close after it, stands right before that cluster.
    private func endsWithUnspacedSentence(before cluster: Int) -> Bool {
        guard let terminator = terminator(before: cluster) else { return false }
        return Punctuation.endsSentenceWithoutSpace(firstScalar(of: terminator))
    }

    /// Quotes and brackets that close after the end of a sentence, looked past.
    private static let closersMax = 4

    private func terminator(before cluster: Int) -> Int? {
        // What most words end with.
        if endsWithASCIIWord(before: cluster) { return nil }
        var position = cluster - 1
        let first = max(0, position - Self.closersMax)
        while position > first, Punctuation.closes(firstScalar(of: position)) { position -= 1 }
        guard position >= 0, Punctuation.endsSentence(firstScalar(of: position)) else { return nil }
        return position
    }

    /// Letters before a full stop that are looked at; longer words are no abbreviations.
    private static let abbreviationLettersMax = 8

    /// Whether the full stop belongs to an initial ("J."), a dotted abbreviation ("e.g."), a known one ("Fig.") or the
    /// number of an entry at the start of a line ("12.").
    private func abbreviates(fullStop: Int) -> Bool {
        var packed: UInt64 = 0
        var letters = 0
        var digits = 0
        var position = fullStop - 1
        letters: while position >= 0, letters + digits <= Self.abbreviationLettersMax {
            let scalar = firstScalar(of: position)
            switch Script.kind(scalar) {
            case .letter:
                let value = scalar.isASCII ? UInt64(scalar.value | 0x20) : 0xff
                if letters < Self.abbreviationLettersMax { packed |= value << UInt64(8 * letters) }
                letters += 1
            case .number: digits += 1
            case .other: break letters
            }
            position -= 1
        }
        if digits > 0 { return letters == 0 && digits <= 3 && (position < 0 || isLineFeed(position)) }
        return letters == 1 || letters <= Self.abbreviationLettersMax && Abbreviations.packed.contains(packed)
    }
}

/// Words that end with a full stop inside a sentence, in the languages of most documents.
private enum Abbreviations {
    static let packed: Set<UInt64> = Set(
        words.split(separator: " ").map { word in word.utf8.reduce(0) { $0 << 8 | UInt64($1) } })

    private static let words = """
        mr mrs ms dr prof sr jr st rev hon gen col lt sgt capt messrs vs viz cf resp approx ca al fig figs eq eqs eqn \
        ref refs tab no nos nr vol vols pp ch chap sec sect par para art app ed eds trans incl excl est dept univ inst \
        inc ltd co corp bros jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri bzw ca evtl ggf inkl \
        usw vgl abb abs bd hrsg str mme mlle sra ing av
        """
}

private enum Punctuation {
    /// Ends a sentence where white space or the end of the text follows.
    static func endsSentence(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x21, 0x2e, 0x3f: true  // ! . ?
        case 0x2026, 0x203c, 0x203d, 0x2047...0x2049: true  // … ‼ ‽ ⁇ ⁈ ⁉
        case 0x37e: true  // Greek question mark
        default: endsSentenceWithoutSpace(scalar)
        }
    }

    /// Ends a sentence whatever follows.
    static func endsSentenceWithoutSpace(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x3002, 0xff01, 0xff1f, 0xff61: true  // 。 ！ ？ ｡
        case 0x61e, 0x61f, 0x6d4: true  // Arabic ؞ ؟ ۔
        case 0x964, 0x965: true  // Devanagari । ॥, which most Indic scripts share
        case 0x589, 0x700...0x702, 0x1362, 0x1367, 0x1368: true  // Armenian, Syriac, Ethiopic
        case 0xf0d, 0xf0e, 0x104a, 0x104b, 0x17d4, 0x17d5, 0x1803, 0x1809: true  // Tibetan, Myanmar, Khmer, Mongolian
        default: false
        }
    }

    /// Quotes and brackets that belong to the sentence before them.
    static func closes(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x22, 0x27, 0x29, 0x5d, 0x7d: true  // " ' ) ] }
        case 0xbb, 0x2019, 0x201d, 0x203a: true  // » ’ ” ›
        case 0x3009, 0x300b, 0x300d, 0x300f, 0x3011, 0x3015, 0x3017, 0x3019, 0x301b, 0x301f: true  // 〉》」』】〕〗〙〛〟
        case 0xff09, 0xff3d, 0xff5d, 0xff63: true  // ） ］ ｝ ｣
        default: false
        }
    }

    /// What East Asian typesetting never puts at the start of a line, besides the above (JIS X 4051: commas, middle
    /// dots, iteration and length marks, small kana).
    static func startsNoLine(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x2c, 0x3a, 0x3b, 0x3001, 0x3005, 0x303b, 0xff0c, 0xff0e, 0xff1a, 0xff1b, 0xff64, 0xff65: true
        case 0x3041, 0x3043, 0x3045, 0x3047, 0x3049, 0x3063, 0x3083, 0x3085, 0x3087, 0x308e, 0x3095, 0x3096: true
        case 0x30a1, 0x30a3, 0x30a5, 0x30a7, 0x30a9, 0x30c3, 0x30e3, 0x30e5, 0x30e7, 0x30ee, 0x30f5, 0x30f6: true
        case 0x309d, 0x309e, 0x30fb, 0x30fc, 0x30fd, 0x30fe, 0x31f0...0x31ff: true
        default: false
        }
    }
}

enum Script {
    /// Scripts that write words without spaces between them.
    static func isUnspaced(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0xe00...0xeff: true  // Thai, Lao
        case 0x1000...0x109f, 0x1780...0x17ff: true  // Myanmar, Khmer
        case 0x3005...0x3007, 0x3041...0x30ff, 0x31f0...0x31ff: true  // Kana and marks among them
        case 0x3400...0x4dbf, 0x4e00...0x9fff, 0xf900...0xfaff: true  // Han
        case 0x2_0000...0x3_ffff: true  // Han, rare
        default: false
        }
    }

    enum Kind {
        case letter, number, other
    }

    /// By Unicode's Alphabetic and Numeric_Type, which of ASCII are quickly told.
    static func kind(_ scalar: Unicode.Scalar) -> Kind {
        switch scalar.value {
        case 0x61...0x7a, 0x41...0x5a: .letter
        case 0x30...0x39: .number
        case 0..<0x80: .other
        default: scalar.properties.isAlphabetic ? .letter : scalar.properties.numericType != nil ? .number : .other
        }
    }

    static func isLowercase(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return (0x61...0x7a).contains(scalar.value) }
        return scalar.properties.generalCategory == .lowercaseLetter
    }
}
