/// Pages on their way from their reader to the chunker, where those without text may be recognized from their
/// pictures: each such page waits for that, and those behind it wait for it.
///
/// `receive` what a `PageDecoder` says, ask for `takeWanted`, tell `answered`, and take what is ready with `nextEvent`,
/// all of it each time. Until anything visible was read, pages without text only gather, and nothing is asked: a
/// document without any text is another reader's, from its beginning.
package struct PagesInOrder {
    /// Text that may wait behind such a page; who has more reads no further before one is answered.
    package static let waitingBytesMax = 1 << 20
    /// Pages that may wait or gather. Where so many gather, they are asked for though no text was seen.
    package static let waitingPagesMax = 16_384

    private enum Entry {
        case event(PageDecoder.Event)
        /// A page without text, and what white space it has.
        case textless(page: Int64, white: String)
    }

    private var entries: [Entry] = []
    private var entriesTaken = 0
    private var waitingBytes = 0
    private var waitingPages = 0
    /// Answers for pages that are not the first that waits.
    private var answers: [Int64: String] = [:]
    private var wanted: [Int64] = []
    /// Gathered before any text was seen.
    private var gathered: [Int64] = []
    private var hasText: Bool
    private var pageHasText = false
    private var white = ""
    private var isFinished = false

    /// Pages whose end was received, those before the first one included.
    package private(set) var pagesReceived: Int64

    /// Goes on behind so many pages; `hasText`: anything visible was in them.
    package init(after pages: Int64, hasText: Bool) {
        pagesReceived = pages
        self.hasText = hasText
    }

    /// Nothing waits.
    package var isEmpty: Bool { entriesTaken == entries.count }

    /// Whether more is to be received before anything is answered.
    package var hasRoom: Bool { waitingBytes < Self.waitingBytesMax && waitingPages < Self.waitingPagesMax }

    package mutating func receive(_ event: PageDecoder.Event) {
        switch event {
        case .text(let piece):
            if !pageHasText && VisibleCharacters.count(in: piece) == 0 {
                white += piece
                return
            }
            beginText()
            append(piece)
        case .pageEnd:
            pagesReceived += 1
            if pageHasText { entries.append(.event(.pageEnd)) } else { appendTextless() }
            pageHasText = false
        }
    }

    /// Nothing follows. Pages that were not asked for are no longer waited for: there is no text in the document.
    package mutating func finish() { isFinished = true }

    /// Pages to be recognized, in order, each once.
    package mutating func takeWanted() -> [Int64] {
        defer { wanted = [] }
        return wanted
    }

    /// What was recognized on a page that was wanted; nil: it stays as it is.
    package mutating func answered(_ page: Int64, _ text: String?) { answers[page] = .some(text ?? "") }

    /// The next event in the document's order; nil where nothing is ready.
    package mutating func nextEvent() -> PageDecoder.Event? {
        while entriesTaken < entries.count {
            switch entries[entriesTaken] {
            case .event(let event):
                takeEntry()
                if case .text(let piece) = event { waitingBytes -= piece.utf8.count }
                return event
            case .textless(let page, let white):
                guard isFinished && !hasText || answers[page] != nil else { return nil }
                let text = answers.removeValue(forKey: page) ?? ""
                entries[entriesTaken] = .event(.pageEnd)
                waitingPages -= 1
                waitingBytes -= white.utf8.count
                let shown = text.isEmpty ? white : text
                if !shown.isEmpty { return .text(shown) }
            }
        }
        return nil
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

    private mutating func beginText() {
        pageHasText = true
        if !hasText { ask() }
        if !white.isEmpty { append(white) }
        white = ""
    }

    private mutating func append(_ piece: String) {
        waitingBytes += piece.utf8.count
        entries.append(.event(.text(piece)))
    }

    private mutating func appendTextless() {
        entries.append(.textless(page: pagesReceived, white: white))
        waitingBytes += white.utf8.count
        waitingPages += 1
        white = ""
        if hasText {
            wanted.append(pagesReceived)
        } else {
            gathered.append(pagesReceived)
            if !hasRoom { ask() }
        }
    }

    /// From here on pages without text are asked for, and those that were gathered first of all.
    private mutating func ask() {
        hasText = true
        wanted += gathered
        gathered = []
    }
}
