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
/// of integers, and what follows is correctly rounded by IEEE 754. Cost: about 8 ns a character of English text, as
/// what a word adds is remembered (`WordFeatures`); therefore an object, for one thread.
package final class HashedNGramVectorizer {
    package let dimensions: Int
    private var words: WordFeatures

    package static let dimensionsDefault = 384
    /// What it is called where a model would be named; the dimensions are part of it, since they change the vectors.
    package static let name = "hashed-ngrams-\(dimensionsDefault)"
    package static let dimensionsMax = 65_536

    /// `dimensions` is from 1 to `dimensionsMax`; the fewer, the more features share one.
    package init(dimensions: Int = dimensionsDefault) {
        precondition(
            (1...Self.dimensionsMax).contains(dimensions), "a vector has 1 to \(Self.dimensionsMax) dimensions")
        self.dimensions = dimensions
        words = WordFeatures(dimensions: dimensions)
    }

    /// A vector of length 1 (L2); of zeros for a text without a letter, a digit or a symbol.
    package func embed(_ text: String) -> [Float] { Self.embed(text, dimensions: dimensions, &words) }

    private static func embed(_ text: String, dimensions: Int, _ words: inout WordFeatures) -> [Float] {
        var sums = FeatureSums(dimensions: dimensions)
        let bytes = text.utf8.span
        let foldedASCII = WordScalar.foldedASCII
        var position = 0
        while position < bytes.count {
            let byte = bytes[position]
            if byte < 0x80 {
                let folded = foldedASCII[Int(byte)]
                if folded != 0, !sums.isInsideWord,
                    let word = ShortWord(bytes, from: position, foldedASCII: foldedASCII.span)
                {
                    words.add(word, to: &sums)
                    position += word.length
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
