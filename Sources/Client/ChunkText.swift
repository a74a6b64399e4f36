import JSON

/// A chunk of a result, for people: where it is from, and its text.
package struct ChunkText: Equatable, Sendable {
    package var index: Int64
    package var pageStart: Int64?
    package var pageEnd: Int64?
    package var text: String
    package var dimensions: Int

    /// Nil for a line that is no chunk.
    package init?(_ json: JSONValue) {
        guard let text = json["text"]?.stringValue else { return nil }
        index = json["index"]?.integerValue ?? 0
        pageStart = json["page_start"]?.integerValue
        pageEnd = json["page_end"]?.integerValue
        self.text = text
        dimensions = json["embedding"]?.arrayValue?.count ?? 0
    }

    /// `page 3`, `pages 3–4`; empty where the document has no pages.
    package func pages(_ style: LineStyle) -> String {
        guard let pageStart else { return "" }
        guard let pageEnd, pageEnd != pageStart else { return "page \(Wording.count(pageStart))" }
        return "pages \(Wording.count(pageStart))\(style.dash)\(Wording.count(pageEnd))"
    }

    /// The heading and the text under it, wrapped to the width. `charactersMax` cuts the text.
    package func lines(columns: Int, style: LineStyle, charactersMax: Int = .max) -> [String] {
        // Counted from 1 for people, as pages are.
        var heading = ["chunk \(Wording.count(index + 1))", pages(style)].filter { !$0.isEmpty }
        if dimensions > 0 { heading.append("\(Wording.count(Int64(dimensions))) dimensions") }
        var shown = style.fit(TerminalText.clean(text))
        if shown.count > charactersMax { shown = shown.prefix(charactersMax) + style.cutSign }
        let body = TerminalText.wrap(shown, to: max(20, min(columns - 1, Self.columnsMax) - 2)).map { "  " + $0 }
        return [style.paint(heading.joined(separator: style.separator), .quiet)] + body
    }

    /// Longer lines are hard to read, whatever the window's width.
    static let columnsMax = 100
}
