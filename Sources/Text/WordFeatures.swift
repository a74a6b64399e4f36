/// What short words add to a vector, remembered: most words of a text have been there before, and hashing is most of
/// what a vector costs.
///
/// Each word has one place, by its letters; a word that comes to a place takes it over. So memory is bounded (400 KB),
/// whatever the text, and what is remembered of a word is always just what hashing it would give.
struct WordFeatures {
    /// A power of two: places are chosen by bits.
    static let placesMax = 2048
    private static let placeBits = UInt64(placesMax.trailingZeroBitCount)
    /// The word itself, and its runs of 3, 4 and 5 of 17 characters.
    private static let featuresMax = 1 + 15 + 14 + 13

    private struct Place {
        var word = ShortWord()
        var hash: UInt64 = 0
        var featureCount = 0
    }

    private let dimensions: Int
    private var places = [Place](repeating: Place(), count: placesMax)
    /// `featuresMax` for each place.
    private var features: [WordFeature]

    init(dimensions: Int) {
        self.dimensions = dimensions
        let none = WordFeature(0, weight: 0, dimensions: dimensions)
        features = [WordFeature](repeating: none, count: Self.placesMax * Self.featuresMax)
    }

    mutating func add(_ word: ShortWord, to sums: inout FeatureSums) {
        let index = Int(word.mixed >> (64 - Self.placeBits))
        if places[index].word != word { learn(word, at: index) }
        let first = index * Self.featuresMax
        sums.add(
            features.span.extracting(first..<first + places[index].featureCount), ofWord: places[index].hash)
    }

    private mutating func learn(_ word: ShortWord, at index: Int) {
        let letters = word.markedLetters
        var next = index * Self.featuresMax
        let hash = WordFeature.forEach(ofWord: letters.span.extracting(0..<word.length + 2), dimensions: dimensions) {
            features[next] = $0
            next += 1
        }
        places[index] = Place(word: word, hash: hash, featureCount: next - index * Self.featuresMax)
    }
}

/// A word of up to 15 ASCII letters and digits, in lower case.
struct ShortWord: Equatable {
    static let lettersMax = 15

    /// The first eight letters and the others, the first in the lowest byte, zeros behind the last.
    private var low: UInt64 = 0
    private var high: UInt64 = 0

    /// No letters: no word of any text.
    init() {}

    /// The word that begins there; nil where it is longer, or goes on beyond ASCII. `foldedASCII` is `WordScalar`'s.
    @inline(__always)
    init?(_ bytes: Span<UInt8>, from start: Int, foldedASCII: Span<UInt32>) {
        var length = 0
        while start + length < bytes.count {
            let byte = bytes[start + length]
            guard byte < 0x80 else { return nil }
            let folded = UInt64(foldedASCII[Int(byte)])
            if folded == 0 { break }
            if length < 8 {
                low |= folded << UInt64(8 * length)
            } else {
                guard length < Self.lettersMax else { return nil }
                high |= folded << UInt64(8 * (length - 8))
            }
            length += 1
        }
    }

    var length: Int { 16 - (high == 0 ? 8 + low.leadingZeroBitCount / 8 : high.leadingZeroBitCount / 8) }

    /// Whose highest bits differ between words.
    var mixed: UInt64 { (low ^ high &* 0x9e37_79b9_7f4a_7c15) &* 0xd6e8_feb8_6659_fd93 }

    /// The letters between the marks of both ends.
    var markedLetters: [17 of UInt32] {
        var letters: [17 of UInt32] = .init(repeating: WordFeature.wordEnd)
        for index in 0..<length {
            let half = index < 8 ? low >> UInt64(8 * index) : high >> UInt64(8 * (index - 8))
            letters[index + 1] = UInt32(half & 0xff)
        }
        return letters
    }
}
