/// The text of HTML: what a reader of the page sees, without scripts, styles and what stands for what cannot be shown.
struct HTMLText: MarkupText {
    private enum Kind {
        /// A block; `lineFeeds - 1` empty lines part it from its neighbours.
        case block(lineFeeds: Int)
        case list
        case lineBreak
        case preformatted
        case table, row, cell
        case dropped
        case inline
    }

    private var tokenizer: HTMLTokenizer
    private let keepsTitle: Bool
    /// The element that is dropped, and how deep within others of its name.
    private var dropped: (name: String, depth: Int)?
    private var listDepth = 0
    private var preformattedDepth = 0
    /// HTML Standard §13.1.2.5: the line end right behind `<pre>` does not count.
    private var skipsLineFeed = false
    /// For each table that is open, whether a row of it is.
    private var tables: [Bool] = []
    private var tablesBeyondBound = 0

    init(isXML: Bool = false, keepsTitle: Bool = true) {
        tokenizer = HTMLTokenizer(isXML: isXML)
        self.keepsTitle = keepsTitle
    }

    mutating func receive(_ bytes: [UInt8]) { tokenizer.receive(bytes) }

    mutating func finish() { tokenizer.finish() }

    mutating func advance(into flow: inout TextFlow) -> String? {
        while let token = tokenizer.nextToken() {
            switch token {
            case .start(let name, let isSelfClosing): start(name, isSelfClosing, &flow)
            case .end(let name): end(name, &flow)
            case .text(let text): if dropped == nil { append(text, &flow) }
            }
        }
        return nil
    }

    private mutating func append(_ text: [UInt8], _ flow: inout TextFlow) {
        var text = text
        if skipsLineFeed {
            skipsLineFeed = false
            if text.first == UInt8(ascii: "\r") { text.removeFirst() }
            if text.first == UInt8(ascii: "\n") { text.removeFirst() }
        }
        if preformattedDepth > 0 { flow.append(keeping: text) } else { flow.append(folding: text) }
    }

    private func kind(_ name: String) -> Kind {
        switch name {
        case "title": keepsTitle ? .block(lineFeeds: 2) : .dropped
        case "script", "style", "template", "noscript", "iframe", "noembed", "noframes", "audio", "video", "canvas",
            "datalist", "annotation", "annotation-xml":
            .dropped
        case "p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "figure", "article", "section", "header", "footer",
            "main", "aside", "nav", "address", "fieldset", "form", "details", "hr", "dl", "hgroup":
            .block(lineFeeds: 2)
        case "div", "li", "dt", "dd", "caption", "legend", "figcaption", "option", "optgroup", "summary", "center",
            "body", "dialog", "search":
            .block(lineFeeds: 1)
        case "ul", "ol", "menu", "dir": .list
        case "br": .lineBreak
        case "pre", "textarea", "listing", "xmp", "plaintext": .preformatted
        case "table": .table
        case "tr": .row
        case "td", "th": .cell
        default: .inline
        }
    }

    private mutating func start(_ name: String, _ isSelfClosing: Bool, _ flow: inout TextFlow) {
        skipsLineFeed = false
        if let dropped {
            if dropped.name == name && !isSelfClosing { self.dropped = (name, dropped.depth + 1) }
            return
        }
        switch kind(name) {
        case .inline: break
        case .dropped: if !isSelfClosing { dropped = (name, 1) }
        case .lineBreak: flow.breakLine()
        case .block(let lineFeeds): flow.beginBlock(lineFeeds: lineFeeds)
        case .list:
            flow.beginBlock(lineFeeds: listDepth == 0 ? 2 : 1)
            if !isSelfClosing { listDepth += 1 }
        case .preformatted:
            flow.beginBlock(lineFeeds: 2)
            if !isSelfClosing {
                preformattedDepth += 1
                skipsLineFeed = true
            }
        case .table:
            flow.beginBlock(lineFeeds: 2)
            if isSelfClosing { return }
            if tables.count < TextFlow.tablesMax { tables.append(false) } else { tablesBeyondBound += 1 }
        case .row: beginRow(&flow)
        case .cell:
            if let hasRow = tables.last, !hasRow { beginRow(&flow) }
            if tablesBeyondBound == 0, !tables.isEmpty { flow.beginCell() } else { flow.beginBlock(lineFeeds: 1) }
        }
    }

    private mutating func end(_ name: String, _ flow: inout TextFlow) {
        skipsLineFeed = false
        if let dropped {
            if dropped.name == name { self.dropped = dropped.depth > 1 ? (name, dropped.depth - 1) : nil }
            return
        }
        switch kind(name) {
        case .inline, .dropped, .cell: break
        // `</br>` is a line break, too (HTML Standard §13.2.6.4.7).
        case .lineBreak: flow.breakLine()
        case .block(let lineFeeds): flow.beginBlock(lineFeeds: lineFeeds)
        case .list:
            listDepth = max(0, listDepth - 1)
            flow.beginBlock(lineFeeds: listDepth == 0 ? 2 : 1)
        case .preformatted:
            preformattedDepth = max(0, preformattedDepth - 1)
            flow.beginBlock(lineFeeds: 2)
        case .table:
            if tablesBeyondBound > 0 {
                tablesBeyondBound -= 1
            } else if let hasRow = tables.popLast(), hasRow {
                flow.endRow()
            }
            flow.endTable()
        case .row: endRow(&flow)
        }
    }

    private mutating func beginRow(_ flow: inout TextFlow) {
        endRow(&flow)
        guard tablesBeyondBound == 0, let last = tables.indices.last else { return flow.beginBlock(lineFeeds: 1) }
        tables[last] = true
        flow.beginRow()
    }

    private mutating func endRow(_ flow: inout TextFlow) {
        guard tablesBeyondBound == 0, let last = tables.indices.last, tables[last] else { return }
        tables[last] = false
        flow.endRow()
    }
}
