/// Cuts a document's text into chunks at the ends of paragraphs and sentences, each overlapping the one before.
///
/// For each page call `receive` with its text in any pieces, then `endPage`; at the end `finish`. After each call take
/// chunks with `nextChunk` until it is nil. The chunks are the same whatever the pieces. Memory: two chunks or so and
/// what one piece made, however long a page is. Cost: one pass over the scalars, about 9 ns each in English text.
///
/// How it works: text is cleaned as it comes and grows in a window. When the window holds a chunk and a little of what
/// follows, the best boundary in the chunk's second half is where it is cut: the last end of a paragraph there, else
/// of a sentence, of a line, of a word, else just where the chunk is full. The window then begins again with the
/// overlap. Every decision is taken at a count of characters, so where pieces end plays no part.
///
/// Cleaning: white space becomes one space, one line feed where a line or a page ended, two where a paragraph did. A
/// word that was divided at the end of a line is put together again ("exam-", "ple") where both sides are lower-case
/// letters. Every other character that is not white is in some chunk.
package struct Chunker {
    private enum WhiteSpace: Int {
        case none, space, line, paragraph
    }

    private let options: ChunkingOptions
    private var window = TextWindow()
    private var breaker = ClusterBreaker()
    /// Clusters at the window's start that are in a chunk already: the overlap.
    private var coveredCount = 0

    /// White space that has come and counts once something follows.
    private var pending = WhiteSpace.none
    private var lastWasCarriageReturn = false

    private var page = 1
    private var pageIsOpen = false
    private var pageHasText = false

    /// Chunks that wait for `nextChunk`, each with how many pages were chunked before it.
    private var ready: [(chunk: TextChunk, pagesChunkedBefore: Int)] = []
    private var readyTaken = 0
    private var chunksCut = 0

    /// Pages that have ended.
    package private(set) var pagesReceived = 0

    /// What must be known of the text after a chunk before it is cut: white space and a character of the next word.
    private static let lookaheadCharacters = 16

    package init(options: ChunkingOptions = .standard) { self.options = options }

    /// Takes a piece of the current page; pieces part between scalars, as every `String` does.
    package mutating func receive(_ text: String) {
        let bytes = text.utf8.span
        if bytes.isEmpty { return }
        pageIsOpen = true
        var position = 0
        while position < bytes.count {
            let byte = bytes[position]
            if Self.isVisibleASCII(byte) {
                let length = lengthOfSimpleRun(bytes, from: position)
                if length > 0 {
                    window.append(clusters: bytes.extracting(position..<position + length))
                    breaker.restart(after: Unicode.Scalar(bytes[position + length - 1]))
                    position += length
                } else {
                    append(Unicode.Scalar(byte), bytes.extracting(position..<position + 1))
                    position += 1
                }
                continue
            }
            let length = UTF8Scalar.length(startingWith: byte)
            let encoded = bytes.extracting(position..<position + length)
            let scalar = UTF8Scalar.decode(encoded)
            if !receiveWhiteSpace(scalar) { append(scalar, encoded) }
            position += length
        }
    }

    private static func isVisibleASCII(_ byte: UInt8) -> Bool { byte > 0x20 && byte < 0x7f }

    /// How many bytes from there are characters that need no more than to be appended; 0 where something else is due.
    /// Single spaces within are such characters: white space that is clean already.
    private func lengthOfSimpleRun(_ bytes: Span<UInt8>, from position: Int) -> Int {
        guard pending == .none, pageHasText, breaker.previousIsSimple, window.count > 0 else { return 0 }
        let end = min(bytes.count, position + max(0, fullCount - window.count))
        var next = position
        while next < end {
            if !Self.isVisibleASCII(bytes[next]) {
                guard bytes[next] == UInt8(ascii: " "), next + 1 < end, Self.isVisibleASCII(bytes[next + 1]) else {
                    break
                }
            }
            next += 1
        }
        return next - position
    }

    /// Ends the current page, whether it had text or not. A sentence may go on over it.
    package mutating func endPage() {
        if pending.rawValue < WhiteSpace.line.rawValue { pending = .line }
        lastWasCarriageReturn = false
        pagesReceived += 1
        page += 1
        pageIsOpen = false
        pageHasText = false
    }

    /// Ends the text, and the page if `endPage` was not called since its last text.
    package mutating func finish() {
        if pageIsOpen { endPage() }
        while window.count > options.charactersMax { cut() }
        if window.count > coveredCount { makeReady(0..<window.count) }
        window.removeFirst(window.count)
        coveredCount = 0
    }

    /// The next chunk that is ready; nil until more text has come.
    package mutating func nextChunk() -> TextChunk? {
        guard readyTaken < ready.count else {
            ready.removeAll(keepingCapacity: true)
            readyTaken = 0
            return nil
        }
        readyTaken += 1
        return ready[readyTaken - 1].chunk
    }

    /// Pages, from the first, all of whose text is in chunks that `nextChunk` has returned.
    package var pagesChunked: Int {
        readyTaken < ready.count ? ready[readyTaken].pagesChunkedBefore : pagesCut
    }

    private var pagesCut: Int {
        window.count > coveredCount ? window.page(of: coveredCount) - 1 : pagesReceived
    }

    // MARK: - White space

    /// Notes a White_Space scalar (Unicode's property of that name); false for any other.
    private mutating func receiveWhiteSpace(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x20, 0x09, 0xa0, 0x1680, 0x2000...0x200a, 0x202f, 0x205f, 0x3000:
            if pending == .none { pending = .space }
            lastWasCarriageReturn = false
        case 0x0a where lastWasCarriageReturn:
            lastWasCarriageReturn = false
        case 0x0a...0x0d, 0x85, 0x2028:
            pending = pending.rawValue < WhiteSpace.line.rawValue ? .line : .paragraph
            lastWasCarriageReturn = scalar == "\r"
        case 0x2029:
            pending = .paragraph
            lastWasCarriageReturn = false
        default:
            return false
        }
        return true
    }

    /// Puts the white space that came into the window, now that `next` follows it.
    private mutating func commitWhiteSpace(before next: Unicode.Scalar) {
        let white = pending
        pending = .none
        lastWasCarriageReturn = false
        if window.count == 0 { return breaker = ClusterBreaker() }
        if white == .line, isDivided(before: next) {
            window.removeLastCluster()
            return breaker.restart(after: "a")
        }
        let byte = white == .space ? UInt8(ascii: " ") : UInt8(ascii: "\n")
        for _ in 0..<(white == .paragraph ? 2 : 1) {
            if window.count >= fullCount { cut() }
            window.beginCluster()
            window.append(byte)
        }
        // A mark may join a space, but nothing joins a line feed (UAX #29 GB4): a new breaker always breaks.
        if white == .space { breaker.restart(after: " ") } else { breaker = ClusterBreaker() }
    }

    /// Whether the window ends with a hyphen after a lower-case letter and the word goes on with another.
    private func isDivided(before next: Unicode.Scalar) -> Bool {
        guard Script.isLowercase(next), let hyphen = window.lastScalar(beforeEnd: 0),
            // Hyphen-minus, soft hyphen, hyphen.
            hyphen == "-" || hyphen == "\u{ad}" || hyphen == "\u{2010}",
            let letter = window.lastScalar(beforeEnd: 1)
        else { return false }
        return Script.isLowercase(letter)
    }

    // MARK: - The window

    private mutating func append(_ scalar: Unicode.Scalar, _ encoded: Span<UInt8>) {
        if pending != .none { commitWhiteSpace(before: scalar) }
        if breaker.startsCluster(scalar) {
            if window.count >= fullCount { cut() }
            if !pageHasText {
                pageHasText = true
                window.beginPage(page)
            }
            window.beginCluster()
        }
        for index in encoded.indices { window.append(encoded[index]) }
    }

    /// Every cluster in the window is complete when the next one begins, so this is where a chunk can be cut.
    private var fullCount: Int { options.charactersMax + Self.lookaheadCharacters }

    private mutating func cut() {
        let end = cutPosition()
        makeReady(0..<end)
        var resume = end
        while window.isWhite(resume) { resume += 1 }
        let start = overlapStart(before: end) ?? resume
        window.removeFirst(start)
        coveredCount = resume - start
    }

    /// The last of the best boundaries in the chunk's second half.
    private func cutPosition() -> Int {
        let most = options.charactersMax
        // However long the overlap, a quarter of each chunk is new: no text makes more than a few chunks a window.
        let least = max(most / 2, coveredCount + most / 4) + 1
        var best = (strength: BoundaryStrength.none, position: most)
        for position in stride(from: most, through: least, by: -1) {
            let strength = window.boundary(before: position)
            if strength > best.strength { best = (strength, position) }
            if strength == .paragraph { break }
        }
        // A full chunk may end between the two line feeds of a paragraph's end.
        return window.isWhite(best.position - 1) ? best.position - 1 : best.position
    }

    /// The first sentence of those that end the chunk within the overlap, else the first word, else a character: a
    /// word longer than the overlap. Nil where there is no overlap.
    private func overlapStart(before end: Int) -> Int? {
        let overlap = options.overlapCharacters
        guard overlap > 0 else { return nil }
        var word: Int?
        for position in end - overlap..<end {
            let strength = window.boundary(startingAt: position)
            // A last sentence of two words would hardly overlap.
            if strength >= .sentence, end - position >= overlap / 3 { return position }
            if strength > .none, word == nil { word = position }
        }
        return word ?? end - overlap
    }

    private mutating func makeReady(_ clusters: Range<Int>) {
        let chunk = TextChunk(
            index: chunksCut, pageStart: window.page(of: clusters.lowerBound),
            pageEnd: window.page(of: clusters.upperBound - 1), text: window.text(of: clusters))
        ready.append((chunk, pagesCut))
        chunksCut += 1
    }
}
