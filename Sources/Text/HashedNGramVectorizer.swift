/// Turns text into a vector by hashing its words and parts of words: no model, no network, no training.
///
/// What it is for: texts that share words, names, numbers and stems are near one another, so near-duplicates and
/// searches by key word work, in any language and with misspellings. What it is not: it knows no meaning. "car" and
/// "automobile" are strangers to it. Plug an embedding service in where that matters.
///
/// Features are words, pairs of neighbouring words, and the runs of 3 to 5 characters in a word (with its ends marked),
/// in lower case; in Han and kana each character counts as a word. Each is hashed to one dimension and a sign
/// (Weinberger et al., "Feature Hashing for Large Scale Multitask Learning", ICML 2009), so that collisions cancel out
/// on average. A word weighs more the longer it is: the short ones are in every text (Zipf's law of abbreviation).
///
/// The vector depends on the text and on `dimensions` alone: the hash is FNV-1a with MurmurHash3's finalizer, sums are
/// of integers, and what follows is correctly rounded by IEEE 754. Cost: about 20 ns a character of English text.
package struct HashedNGramVectorizer: Sendable {
    package let dimensions: Int

    package static let dimensionsDefault = 384
    /// What it is called where a model would be named; the dimensions are part of it, since they change the vectors.
    package static let name = "hashed-ngrams-\(dimensionsDefault)"
    package static let dimensionsMax = 65_536

    /// `dimensions` is from 1 to `dimensionsMax`; the fewer, the more features share one.
    package init(dimensions: Int = dimensionsDefault) {
        precondition(
            (1...Self.dimensionsMax).contains(dimensions), "a vector has 1 to \(Self.dimensionsMax) dimensions")
        self.dimensions = dimensions
    }

    /// A vector of length 1 (L2); of zeros for a text without a letter, a digit or a symbol.
    package func embed(_ text: String) -> [Float] {
        var sums = FeatureSums(dimensions: dimensions)
        let bytes = text.utf8.span
        var position = 0
        while position < bytes.count {
            let byte = bytes[position]
            if byte < 0x80 {
                let folded = WordScalar.foldedASCII[Int(byte)]
                if folded != 0, let length = sums.addWholeWord(bytes, from: position) {
                    position += length
                    continue
                }
                position += 1
                if folded != 0 {
                    sums.append(letter: folded)
                } else if byte == UInt8(ascii: "\n") {
                    sums.endLine()
                } else {
                    sums.endWord()
                }
                continue
            }
            let length = UTF8Scalar.length(startingWith: byte)
            let scalar = UTF8Scalar.decode(bytes.extracting(position..<position + length)).value
            position += length
            switch WordScalar.beyondASCII(scalar) {
            case .letter(let folded): sums.append(letter: folded)
            case .character(let folded): sums.append(character: folded)
            case .separator: sums.endWord()
            case .ignored: break
            }
        }
        sums.endWord()
        return sums.normalized()
    }
}

/// The sums of weighted, signed features in each dimension, and the word that is being read.
private struct FeatureSums {
    /// What marks both ends of a word in its runs of characters.
    private static let wordEnd: UInt32 = 0x20
    private static let runLengths = 3...5

    private var sums: [Int]
    /// `wordEnd`, then the scalars of the word so far.
    private var word: [UInt32] = [wordEnd]
    /// Whether the word is a run of characters that are words themselves.
    private var wordIsOfCharacters = false
    private var lastWasLineEnd = false
    /// The hash of the word before; 0 before the first.
    private var previousWord: UInt64 = 0

    init(dimensions: Int) { sums = [Int](repeating: 0, count: dimensions) }

    /// Longer words take the way of all others.
    private static let shortWordLettersMax = 30

    /// The way of most words: ASCII from its first letter to the separator behind it. Nil where it is no such word;
    /// else its length, and it counts as if its letters had come one by one.
    mutating func addWholeWord(_ bytes: Span<UInt8>, from start: Int) -> Int? {
        guard word.count == 1, !wordIsOfCharacters else { return nil }
        var letters: [32 of UInt32] = .init(repeating: Self.wordEnd)
        var length = 0
        while start + length < bytes.count {
            let byte = bytes[start + length]
            guard byte < 0x80 else { return nil }
            let folded = WordScalar.foldedASCII[Int(byte)]
            if folded == 0 { break }
            guard length < Self.shortWordLettersMax else { return nil }
            length += 1
            letters[length] = folded
        }
        var hash = FNV1a.wordBasis
        for index in 1...length { hash = FNV1a.appending(letters[index], to: hash) }
        add(hash, weight: Self.weight(ofWord: length))
        addPair(with: hash)
        if length >= 4 { addRuns(letters.span.extracting(0..<length + 2)) }
        return length
    }

    /// A word weighs more the longer it is.
    private static func weight(ofWord length: Int) -> Int {
        length >= 6 ? 16 : length == 5 ? 12 : length == 4 ? 8 : length == 3 ? 3 : 1
    }

    mutating func append(letter: UInt32) {
        if wordIsOfCharacters { endWord() }
        word.append(letter)
    }

    mutating func append(character: UInt32) {
        if !wordIsOfCharacters {
            endWord()
            wordIsOfCharacters = true
        }
        lastWasLineEnd = false
        word.append(character)
    }

    /// Lines of Han and kana end anywhere in a word, so only an empty line ends one.
    mutating func endLine() {
        if !wordIsOfCharacters || lastWasLineEnd { endWord() }
        lastWasLineEnd = true
    }

    mutating func endWord() {
        guard word.count > 1 else { return }
        if wordIsOfCharacters { addCharacters() } else { addWord() }
        word.removeLast(word.count - 1)
        wordIsOfCharacters = false
    }

    private mutating func addWord() {
        let length = word.count - 1
        var hash = FNV1a.wordBasis
        for index in 1...length { hash = FNV1a.appending(word[index], to: hash) }
        add(hash, weight: Self.weight(ofWord: length))
        addPair(with: hash)
        // Shorter words are their own only run of characters.
        if length >= 4 { addRuns() }
    }

    private mutating func addCharacters() {
        for index in 1..<word.count {
            let hash = FNV1a.appending(word[index], to: FNV1a.wordBasis)
            add(hash, weight: 4)
            addPair(with: hash)
        }
        addRuns()
    }

    private mutating func addPair(with word: UInt64) {
        if previousWord != 0 { add(FNV1a.appending(word, to: previousWord), weight: 6) }
        previousWord = word
    }

    private mutating func addRuns() {
        word.append(Self.wordEnd)
        let letters = word
        addRuns(letters.span)
    }

    /// Of a word with both its ends marked.
    private mutating func addRuns(_ letters: Span<UInt32>) {
        for start in 0..<max(0, letters.count - Self.runLengths.lowerBound + 1) {
            var hash = FNV1a.runBasis
            for length in 1...min(Self.runLengths.upperBound, letters.count - start) {
                hash = FNV1a.appending(letters[start + length - 1], to: hash)
                if length >= Self.runLengths.lowerBound { add(hash, weight: length - 1) }
            }
        }
    }

    private mutating func add(_ hash: UInt64, weight: Int) {
        let mixed = FNV1a.finalized(hash)
        // The high half chooses the dimension (by multiplication, with no bias to speak of), the lowest bit the sign.
        let dimension = Int(((mixed >> 32) &* UInt64(sums.count)) >> 32)
        sums[dimension] &+= mixed & 1 == 0 ? weight : -weight
    }

    func normalized() -> [Float] {
        let squares = sums.reduce(0.0) { $0 + Double($1) * Double($1) }
        guard squares > 0 else { return [Float](repeating: 0, count: sums.count) }
        let length = squares.squareRoot()
        return sums.map { Float(Double($0) / length) }
    }
}

/// FNV-1a, 64 bits, taking scalars instead of bytes (draft-eastlake-fnv), with the finalizer of MurmurHash3, because
/// FNV's own low and high bits are not well mixed for short inputs.
private enum FNV1a {
    static let wordBasis: UInt64 = 0xcbf2_9ce4_8422_2325
    /// Another start, so that a word and a run of the same letters are two features.
    static let runBasis: UInt64 = 0x8422_2325_cbf2_9ce4

    @inline(__always)
    static func appending(_ value: UInt32, to hash: UInt64) -> UInt64 { appending(UInt64(value), to: hash) }

    @inline(__always)
    static func appending(_ value: UInt64, to hash: UInt64) -> UInt64 { (hash ^ value) &* 0x100_0000_01b3 }

    @inline(__always)
    static func finalized(_ hash: UInt64) -> UInt64 {
        var mixed = hash
        mixed ^= mixed >> 33
        mixed = mixed &* 0xff51_afd7_ed55_8ccd
        mixed ^= mixed >> 33
        mixed = mixed &* 0xc4ce_b9fe_1a85_ec53
        return mixed ^ mixed >> 33
    }
}
