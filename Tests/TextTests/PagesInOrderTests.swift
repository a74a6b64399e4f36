import Testing

import Text

@Suite("Pages in order, where those without text wait for what is recognized on them")
struct PagesInOrderTests {
    /// Receives a page's text, if any, and its end.
    private static func receive(_ page: String, by order: inout PagesInOrder) {
        if !page.isEmpty { order.receive(.text(page)) }
        order.receive(.pageEnd)
    }

    /// The pages that are ready, whole ones.
    private static func take(from order: inout PagesInOrder) -> [String] {
        var pages: [String] = []
        var page = ""
        while let event = order.nextEvent() {
            switch event {
            case .text(let piece): page += piece
            case .pageEnd:
                pages.append(page)
                page = ""
            }
        }
        #expect(page.isEmpty, "a page without its end")
        return pages
    }

    @Test("a page with text goes by at once, piece by piece, and white space before it as well")
    func text() {
        var order = PagesInOrder(after: 0, hasText: false, askedMax: 64)
        order.receive(.text("\n "))
        #expect(order.nextEvent() == nil)
        order.receive(.text("a"))
        #expect(order.nextEvent() == .text("\n "))
        #expect(order.nextEvent() == .text("a"))
        order.receive(.text(" "))
        #expect(order.nextEvent() == .text(" "))
        order.receive(.pageEnd)
        #expect(order.nextEvent() == .pageEnd)
        #expect(order.isEmpty && order.takeWanted() == [])
    }

    @Test("a page without text is wanted, and it and those behind it come when it is answered, in the document's order")
    func order() {
        var order = PagesInOrder(after: 0, hasText: false, askedMax: 64)
        for page in ["a", "", "c", "\n", "e"] { Self.receive(page, by: &order) }
        #expect(order.takeWanted() == [2, 4])
        #expect(order.takeWanted() == [])
        #expect(Self.take(from: &order) == ["a"])
        order.answered(4, nil)
        #expect(Self.take(from: &order) == [])
        order.answered(2, "b")
        #expect(Self.take(from: &order) == ["b", "c", "\n", "e"])
        #expect(order.isEmpty && order.pagesReceived == 5)
    }

    @Test("before any text nothing is wanted; the first text wants all that were before it")
    func gathering() {
        var order = PagesInOrder(after: 0, hasText: false, askedMax: 64)
        Self.receive("", by: &order)
        Self.receive(" ", by: &order)
        #expect(order.takeWanted() == [] && Self.take(from: &order) == [])
        Self.receive("c", by: &order)
        #expect(order.takeWanted() == [1, 2])
        order.answered(1, "a")
        order.answered(2, nil)
        #expect(Self.take(from: &order) == ["a", " ", "c"])
    }

    @Test("nothing of a document without any text is asked for or taken")
    func noText() {
        var order = PagesInOrder(after: 0, hasText: false, askedMax: 64)
        for page in ["", "\n", ""] { Self.receive(page, by: &order) }
        #expect(order.takeWanted() == [] && Self.take(from: &order) == [])
        #expect(!order.awaitsAnswers && order.pagesReceived == 3)
        Self.receive("text", by: &order)
        #expect(order.awaitsAnswers)
    }

    @Test("behind pages with text that an earlier run had, the first one without is wanted at once, by its number")
    func resumed() {
        var order = PagesInOrder(after: 7, hasText: true, askedMax: 64)
        Self.receive("", by: &order)
        #expect(order.takeWanted() == [8])
    }

    @Test("at the bound of the text that waits there is no room, until a page is answered")
    func waitingBytes() {
        var order = PagesInOrder(after: 0, hasText: true, askedMax: 64)
        Self.receive("", by: &order)
        order.receive(.text(String(repeating: "a", count: PagesInOrder.waitingBytesMax - 1)))
        #expect(order.hasRoom)
        order.receive(.text("b"))
        #expect(!order.hasRoom)
        order.answered(1, nil)
        while order.nextEvent() != nil {}
        #expect(order.hasRoom)
    }

    @Test("at the bound of the pages that wait there is no room, and they are asked for though no text was seen")
    func waitingPages() {
        var order = PagesInOrder(after: 0, hasText: false, askedMax: 64)
        for _ in 1..<PagesInOrder.waitingPagesMax { Self.receive("", by: &order) }
        #expect(order.hasRoom && order.takeWanted().isEmpty)
        Self.receive("", by: &order)
        #expect(!order.hasRoom)
        #expect(order.takeWanted().first == 1)
        order.answered(1, nil)
        #expect(Self.take(from: &order) == [""])
        #expect(order.hasRoom)
        Self.receive("text", by: &order)
        #expect(!order.hasRoom, "pages with text count as well")
    }

    @Test("a page with more white space than the bound says goes by like one with text")
    func whiteBytes() {
        var order = PagesInOrder(after: 0, hasText: true, askedMax: 64)
        let most = String(repeating: " ", count: PagesInOrder.whiteBytesMax)
        order.receive(.text(most))
        #expect(order.nextEvent() == nil)
        order.receive(.text("\n"))
        #expect(order.nextEvent() == .text(most))
        #expect(order.nextEvent() == .text("\n"))
        order.receive(.pageEnd)
        #expect(order.takeWanted() == [])
        #expect(order.nextEvent() == .pageEnd)
    }

    @Test("so many are asked for at once as the bound says, and one more for each that was answered and taken")
    func asked() {
        var order = PagesInOrder(after: 0, hasText: true, askedMax: 3)
        for _ in 0..<6 { Self.receive("", by: &order) }
        #expect(order.takeWanted() == [1, 2, 3])
        order.answered(2, "b")
        #expect(Self.take(from: &order) == [] && order.takeWanted() == [], "an answer that waits is held")
        order.answered(1, nil)
        #expect(Self.take(from: &order) == ["", "b"])
        #expect(order.takeWanted() == [4, 5])
    }

    @Test("whatever order the answers come in, every page comes once, in its place", arguments: 1...60)
    func anyOrder(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let pages = (0..<3000).map { Int.random(in: 0..<3, using: &random) == 0 ? "" : "text \($0)" }
        let expected = pages.enumerated().map { $1.isEmpty && $0 % 2 == 0 ? "recognized \($0 + 1)" : $1 }
        var order = PagesInOrder(after: 0, hasText: false, askedMax: 64)
        var open: [Int64] = []
        var taken: [String] = []
        func answerOne() {
            guard !open.isEmpty else { return }
            let page = open.remove(at: Int.random(in: open.indices, using: &random))
            order.answered(page, page % 2 == 1 ? "recognized \(page)" : nil)
            taken += Self.take(from: &order)
            open += order.takeWanted()
        }
        for page in pages {
            while !order.hasRoom { answerOne() }
            Self.receive(page, by: &order)
            open += order.takeWanted()
            if Int.random(in: 0..<4, using: &random) == 0 { answerOne() }
        }
        while !open.isEmpty { answerOne() }
        #expect(taken == expected && order.isEmpty)
    }
}
