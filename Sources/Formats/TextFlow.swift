/// Gathers running text out of markup: blanks are folded, blocks stand on lines of their own, cells of a table are
/// parted by tabs, and a form feed ends a page, as `pdftotext` writes it. UTF-8 comes in and goes out.
package struct TextFlow {
    /// What was gathered and not taken yet.
    private(set) var bytes: [UInt8] = []

    private var pendingLineFeeds = 0
    private var pendingTabs = 0
    private var hasPendingSpace = false
    /// Whether the line, and the page, have any text.
    private var lineHasText = false
    private(set) var pageHasText = false
    /// Grows with each piece of text, to tell whether there was any since a row began.
    private var piecesAppended = 0
    private var rows: [Row] = []
    private var rowsBeyondBound = 0

    private struct Row {
        var cells = 0
        var piecesBefore: Int
    }

    /// Tables within each other whose cells are told apart; a page that nests deeper has none that a person would see.
    static let tablesMax = 64
    /// Empty cells in a row that are told.
    static let tabsMax = 256

    mutating func take() -> [UInt8] {
        defer { bytes.removeAll(keepingCapacity: true) }
        return bytes
    }

    // MARK: - Text

    /// Text in which any white space stands for one space.
    mutating func append(folding text: [UInt8]) {
        var runStart = 0
        for index in text.indices where Self.isSpace(text[index]) {
            if index > runStart { append(text[runStart..<index]) }
            runStart = index + 1
            if lineHasText && pendingLineFeeds == 0 && pendingTabs == 0 { hasPendingSpace = true }
        }
        if runStart < text.count { append(text[runStart...]) }
    }

    /// Text in which every blank and line end counts.
    mutating func append(keeping text: [UInt8]) {
        for line in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            if line.offset > 0 { breakLine() }
            let visible = line.element.filter { $0 != UInt8(ascii: "\r") && $0 != 0x0c }
            if !visible.isEmpty { append(visible[...]) }
        }
    }

    mutating func append(_ scalar: Unicode.Scalar) { append(Array(UTF8.encode(scalar)!)[...]) }

    private mutating func append(_ text: ArraySlice<UInt8>) {
        settle()
        bytes += text
        piecesAppended += 1
        lineHasText = true
        pageHasText = true
    }

    private mutating func settle() {
        for _ in 0..<pendingLineFeeds { bytes.append(UInt8(ascii: "\n")) }
        for _ in 0..<pendingTabs { bytes.append(UInt8(ascii: "\t")) }
        if hasPendingSpace && pendingLineFeeds == 0 && pendingTabs == 0 { bytes.append(UInt8(ascii: " ")) }
        (pendingLineFeeds, pendingTabs, hasPendingSpace) = (0, 0, false)
    }

    /// A tab in the text itself.
    mutating func appendTab() {
        hasPendingSpace = false
        append([UInt8(ascii: "\t")])
    }

    // MARK: - Lines and pages

    /// A line ends here, whatever stood on it: `<br>`.
    mutating func breakLine() {
        hasPendingSpace = false
        guard pageHasText, pendingTabs == 0 else { return }
        // An empty line or two are meant; hundreds of them say nothing.
        pendingLineFeeds = min(pendingLineFeeds + 1, 3)
        lineHasText = false
    }

    /// What follows begins on a line of its own, after `lineFeeds - 1` empty ones.
    mutating func beginBlock(lineFeeds: Int) {
        hasPendingSpace = false
        // The first block of a cell stands where the cell begins.
        guard pageHasText, pendingTabs == 0 else { return }
        let wanted = rows.isEmpty ? lineFeeds : 1
        pendingLineFeeds = max(pendingLineFeeds, wanted)
        lineHasText = false
    }

    mutating func endPage() {
        (pendingLineFeeds, pendingTabs, hasPendingSpace) = (0, 0, false)
        lineHasText = false
        pageHasText = false
        bytes.append(0x0c)
    }

    // MARK: - Tables

    mutating func beginRow() {
        beginBlock(lineFeeds: 1)
        guard rows.count < Self.tablesMax else { return rowsBeyondBound += 1 }
        rows.append(Row(piecesBefore: piecesAppended))
    }

    mutating func beginCell() {
        guard rowsBeyondBound == 0, let last = rows.indices.last else { return beginBlock(lineFeeds: 1) }
        if rows[last].cells > 0 {
            hasPendingSpace = false
            // The end of the cell before is no end of a line.
            if piecesAppended > rows[last].piecesBefore { pendingLineFeeds = 0 }
            // Empty cells at the end of a row leave no trace, and a row of nothing else leaves none at all.
            pendingTabs = min(pendingTabs + 1, Self.tabsMax)
        }
        rows[last].cells += 1
    }

    mutating func endRow() {
        pendingTabs = 0
        if rowsBeyondBound > 0 { rowsBeyondBound -= 1 } else { rows.removeLast(min(1, rows.count)) }
        beginBlock(lineFeeds: 1)
    }

    mutating func endTable() { beginBlock(lineFeeds: 2) }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 || byte == 0x0c
    }
}
