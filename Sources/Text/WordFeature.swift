/// One feature of a text, hashed: the dimension that it adds to, and what.
struct WordFeature {
    /// What marks both ends of a word in its runs of characters.
    static let wordEnd: UInt32 = 0x20
    private static let runLengths = 3...5

    var dimension: UInt16
    var weight: Int8

    @inline(__always)
    init(_ hash: UInt64, weight: Int, dimensions: Int) {
        let mixed = FeatureHash.finalized(hash)
        // The high half chooses the dimension (by multiplication, with no bias to speak of), the lowest bit the sign.
        dimension = UInt16(truncatingIfNeeded: ((mixed >> 32) &* UInt64(dimensions)) >> 32)
        self.weight = Int8(mixed & 1 == 0 ? weight : -weight)
    }

    /// The features of a word of letters by itself, with both its ends marked; returns its hash.
    @inline(__always)
    static func forEach(ofWord word: Span<UInt32>, dimensions: Int, _ body: (WordFeature) -> Void) -> UInt64 {
        let length = word.count - 2
        var hash = FeatureHash.wordBasis
        for index in 1...length { hash = FeatureHash.appending(word[index], to: hash) }
        // A word weighs more the longer it is.
        let weight = length >= 6 ? 16 : length == 5 ? 12 : length == 4 ? 8 : length == 3 ? 3 : 1
        body(WordFeature(hash, weight: weight, dimensions: dimensions))
        // Shorter words are their own only run of characters.
        if length >= 4 { forEachRun(of: word, dimensions: dimensions, body) }
        return hash
    }

    /// The runs of characters in a word with both its ends marked.
    @inline(__always)
    static func forEachRun(of word: Span<UInt32>, dimensions: Int, _ body: (WordFeature) -> Void) {
        for start in 0..<max(0, word.count - runLengths.lowerBound + 1) {
            var hash = FeatureHash.runBasis
            for length in 1...min(runLengths.upperBound, word.count - start) {
                hash = FeatureHash.appending(word[start + length - 1], to: hash)
                if length >= runLengths.lowerBound {
                    body(WordFeature(hash, weight: length - 1, dimensions: dimensions))
                }
            }
        }
    }
}

/// FNV-1a, 64 bits, taking scalars instead of bytes (draft-eastlake-fnv), with the finalizer of MurmurHash3, because
/// FNV's own low and high bits are not well mixed for short inputs.
enum FeatureHash {
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
