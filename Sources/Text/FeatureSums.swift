/// The sums of weighted, signed features in each dimension, and the word that is being read.
struct FeatureSums {
    private var sums: [Int]
    /// `WordFeature.wordEnd`, then the scalars of the word so far.
    private var word: [UInt32] = [WordFeature.wordEnd]
    /// Whether the word is a run of characters that are words themselves.
    private var wordIsOfCharacters = false
    private var lastWasLineEnd = false
    /// The hash of the word before; 0 before the first.
    private var previousWord: UInt64 = 0

    init(dimensions: Int) { sums = [Int](repeating: 0, count: dimensions) }

    // MARK: - Reading

    /// Whether what comes next may belong to a word that has begun.
    var isInsideWord: Bool { word.count > 1 || wordIsOfCharacters }

    /// A whole word of letters with its own features, as if its letters had come one by one.
    mutating func add(_ features: Span<WordFeature>, ofWord hash: UInt64) {
        var sums = self.sums.mutableSpan
        for index in features.indices {
            let feature = features[index]
            sums[Int(feature.dimension)] &+= Int(feature.weight)
        }
        addPair(with: hash)
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
        // Taken out, so that it is not copied while the sums change.
        var whole: [UInt32] = []
        swap(&whole, &word)
        whole.append(WordFeature.wordEnd)
        if wordIsOfCharacters { addCharacters(whole.span) } else { addWord(whole.span) }
        whole.removeLast(whole.count - 1)
        swap(&whole, &word)
        wordIsOfCharacters = false
    }

    // MARK: - Adding

    private mutating func addWord(_ word: Span<UInt32>) {
        let hash = WordFeature.forEach(ofWord: word, dimensions: sums.count) { add($0) }
        addPair(with: hash)
    }

    private mutating func addCharacters(_ word: Span<UInt32>) {
        for index in 1..<word.count - 1 {
            let hash = FeatureHash.appending(word[index], to: FeatureHash.wordBasis)
            add(WordFeature(hash, weight: 4, dimensions: sums.count))
            addPair(with: hash)
        }
        WordFeature.forEachRun(of: word, dimensions: sums.count) { add($0) }
    }

    private mutating func addPair(with word: UInt64) {
        if previousWord != 0 {
            add(WordFeature(FeatureHash.appending(word, to: previousWord), weight: 6, dimensions: sums.count))
        }
        previousWord = word
    }

    private mutating func add(_ feature: WordFeature) { sums[Int(feature.dimension)] &+= Int(feature.weight) }

    // MARK: - The vector

    func normalized() -> [Float] {
        let squares = sums.reduce(0.0) { $0 + Double($1) * Double($1) }
        guard squares > 0 else { return [Float](repeating: 0, count: sums.count) }
        let length = squares.squareRoot()
        return sums.map { Float(Double($0) / length) }
    }
}
