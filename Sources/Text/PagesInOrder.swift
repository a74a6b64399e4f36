/// Pages on their way from their reader to the chunker, where those without text may be recognized from their
/// pictures: each such page waits for that, and those behind it wait for it.
///
/// `receive` what a `PageDecoder` says, ask for `takeWanted`, tell `answered`, and take what is ready with `nextEvent`,
/// all of it each time. Until anything visible was read, pages without text only gather, and nothing is asked: a
/// document without any text is another reader's, from its beginning, and nothing of it is taken here.
package struct PagesInOrder {
    /// Text that may wait behind such a page; who has more reads no further before one is answered.
    package static let waitingBytesMax = 1 << 20
    /// Pages that may wait or gather. Where so many gather, they are asked for though no text was seen.
    package static let waitingPagesMax = 16_384
    /// White space that a page without text may have; one with more goes by like any other.
    package static let whiteBytesMax = 64 * 1024

    private enum Entry {
        case event(PageDecoder.Event)
        /// A page without text, and what white space it has.
        case textless(page: Int64, white: String)
    }

    /// Pages that are asked for at once: until one that was answered is taken, it counts as well.
    private let askedMax: Int
    private var entries: [Entry] = []
    private var entriesTaken = 0
    private var waitingBytes = 0
    private var waitingPages = 0
    /// Answers for pages that are not the first that waits.
    private var answers: [Int64: String] = [:]
    /// Not asked for yet; those before any text was seen only gather.
    private var wanted: [Int64] = []
    private var asked = 0
    private var hasText: Bool
    private var pageHasText = false
    private var white = ""

    /// Pages whose end was received, those before the first one included.
    package private(set) var pagesReceived: Int64

    /// Goes on behind so many pages; `hasText`: anything visible was in them.
    package init(after pages: Int64, hasText: Bool, askedMax: Int) {
        pagesReceived = pages
        self.hasText = hasText
        self.askedMax = askedMax
    }

    /// Nothing waits.
    package var isEmpty: Bool { entriesTaken == entries.count }

    /// Something waits for an answer that was or will be asked for.
    package var awaitsAnswers: Bool { hasText && !isEmpty }

    /// Whether more is to be received before anything is answered.
    package var hasRoom: Bool { waitingBytes < Self.waitingBytesMax && waitingPages < Self.waitingPagesMax }

    package mutating func receive(_ event: PageDecoder.Event) {
        switch event {
        case .text(let piece):
            if !pageHasText, white.utf8.count < Self.whiteBytesMax, VisibleCharacters.count(in: piece) == 0 {
                white += piece
                return
            }
            if VisibleCharacters.count(in: piece) > 0 { hasText = true }
            pageHasText = true
            if !white.isEmpty { append(white) }
            white = ""
            append(piece)
        case .pageEnd:
            pagesReceived += 1
            waitingPages += 1
            if pageHasText {
                entries.append(.event(.pageEnd))
            } else {
                entries.append(.textless(page: pagesReceived, white: white))
                waitingBytes += white.utf8.count
                white = ""
                wanted.append(pagesReceived)
            }
            pageHasText = false
            if !hasRoom { hasText = true }
        }
    }

    /// Pages to be recognized, in order, each once, and no more than may be asked for at once.
    package mutating func takeWanted() -> [Int64] {
        guard hasText, asked < askedMax, !wanted.isEmpty else { return [] }
        let pages = Array(wanted.prefix(askedMax - asked))
        wanted.removeFirst(pages.count)
        asked += pages.count
        return pages
    }

    /// What was recognized on a page that was wanted; nil: it stays as it is.
    package mutating func answered(_ page: Int64, _ text: String?) { answers[page] = text ?? "" }

    /// The next event in the document's order; nil where nothing is ready.
    package mutating func nextEvent() -> PageDecoder.Event? {
        while entriesTaken < entries.count {
            switch entries[entriesTaken] {
            case .event(let event):
                takeEntry()
                switch event {
                case .text(let piece): waitingBytes -= piece.utf8.count
                case .pageEnd: waitingPages -= 1
                }
                return event
            case .textless(let page, let white):
                guard let text = answers.removeValue(forKey: page) else { return nil }
                asked -= 1
                begin(text.isEmpty ? white : text, behind: white)
            }
        }
        return nil
    }

    /// Puts the page's text, which may be none, and its end in the place of the first entry.
    private mutating func begin(_ text: String, behind white: String) {
        waitingBytes += text.utf8.count - white.utf8.count
        entries[entriesTaken] = .event(.pageEnd)
        if !text.isEmpty { entries.insert(.event(.text(text)), at: entriesTaken) }
    }

    private mutating func takeEntry() {
        entriesTaken += 1
        if entriesTaken == entries.count {
            entries.removeAll(keepingCapacity: true)
            entriesTaken = 0
        } else if entriesTaken >= 1024, entriesTaken * 2 >= entries.count {
            entries.removeSubrange(..<entriesTaken)
            entriesTaken = 0
        }
    }

    private mutating func append(_ piece: String) {
        waitingBytes += piece.utf8.count
        entries.append(.event(.text(piece)))
    }
}
