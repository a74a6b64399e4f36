/// Tells where one character, as a person counts them, ends and the next begins, scalar by scalar.
///
/// The rules are those of extended grapheme clusters (Unicode Standard Annex #29 §3.1.1), asked of the standard
/// library's own recognizer. Most text never gets there: between two scalars of `isSimple` there is always a break.
package struct ClusterBreaker: Sendable {
    /// Scalars after which a cluster is ended by force, so that a flood of combining marks is many characters and not
    /// one without end. Real clusters have at most a few dozen (UAX #15 §13 makes do with 30 marks).
    package static let clusterScalarsMax = 64

    private var previous: Unicode.Scalar?
    /// Whether the last scalar was simple: the next has then nothing to ask of the ones before.
    package private(set) var previousIsSimple = false
    private var recognizer = Unicode._CharacterRecognizer()
    /// Whether `recognizer` has seen `previous`; it sees nothing of text that is simple.
    private var recognizerIsCurrent = false
    private var scalarsInCluster = 0

    package init() {}

    /// Forgets what came before but for one scalar, which must be simple.
    package mutating func restart(after scalar: Unicode.Scalar) {
        previous = scalar
        previousIsSimple = true
        recognizerIsCurrent = false
        scalarsInCluster = 1
    }

    /// Whether the scalar begins a new character; the first one does.
    package mutating func startsCluster(_ scalar: Unicode.Scalar) -> Bool {
        let isSimple = Self.isSimple(scalar)
        if isSimple, previousIsSimple {
            restart(after: scalar)
            return true
        }
        if !recognizerIsCurrent {
            recognizer = Unicode._CharacterRecognizer()
            if let previous { _ = recognizer.hasBreak(before: previous) }
            recognizerIsCurrent = true
        }
        var starts = recognizer.hasBreak(before: scalar) || previous == nil
        if !starts, scalarsInCluster == Self.clusterScalarsMax {
            starts = true
            recognizer = Unicode._CharacterRecognizer()
            _ = recognizer.hasBreak(before: scalar)
        }
        scalarsInCluster = starts ? 1 : scalarsInCluster + 1
        previous = scalar
        // A simple scalar that joined the cluster before it (after a Prepend) says nothing about its own successor
        // that the recognizer would not: two simple ones never join.
        previousIsSimple = isSimple
        return starts
    }

    /// Blocks of scalars between any two of which there is a break (Grapheme_Cluster_Break is Other, or a whole Hangul
    /// syllable; no conjunct consonants, no pictographs). Not all there are: those that make up most of most text.
    package static func isSimple(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x20...0x7e: true
        case 0xb0...0x2ff: true  // Latin
        case 0x370...0x482, 0x48a...0x52f: true  // Greek, Cyrillic
        case 0x5d0...0x5ea, 0x620...0x64a, 0x660...0x66f, 0x671...0x6d5: true  // Hebrew and Arabic letters
        case 0x1e00...0x1eff, 0x1f00...0x1fff: true  // Latin and Greek with marks
        case 0x2010...0x2027: true  // Dashes, quotes, ellipsis
        case 0x3001...0x3029, 0x3041...0x3096, 0x309b...0x30ff: true  // Japanese
        case 0x3400...0x4dbf, 0x4e00...0x9fff: true  // Han
        case 0xac00...0xd7a3: true  // Hangul
        case 0xff01...0xff9d: true  // Full width
        default: false
        }
    }
}
