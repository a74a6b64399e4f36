/// The list of documents as a table. On a terminal it keeps to the width; in a pipe every name is whole.
package struct DocumentTable {
    private let style: LineStyle
    /// Nil: as wide as it comes.
    private let columns: Int?
    private let nowMilliseconds: Int64

    package init(style: LineStyle, columns: Int?, nowMilliseconds: Int64) {
        self.style = style
        self.columns = columns
        self.nowMilliseconds = nowMilliseconds
    }

    /// Header and a line each. The id comes first and whole: it is what the next command needs.
    package func lines(_ documents: [DocumentState]) -> [String] {
        let rows = documents.map(cells)
        let widths = Self.header.indices.map { column in
            rows.reduce(TerminalText.width(Self.header[column])) { max($0, TerminalText.width($1[column].text)) }
        }
        let shown = columnsShown(widths)
        let head = line(Self.header.map { ($0, .quiet) }, widths, shown)
        return [head] + rows.map { line($0, widths, shown) }
    }

    private static let header = ["ID", "STATUS", "DONE", "PAGES", "UPDATED", "NAME"]
    /// Left out one after the other until the name has room.
    private static let dispensable = [3, 4, 2]
    private static let nameColumnsMin = 16

    private func columnsShown(_ widths: [Int]) -> [Int] {
        var shown = Array(widths.indices.dropLast())
        guard let columns else { return shown }
        for column in Self.dispensable
        where columns - 1 - shown.reduce(0, { $0 + widths[$1] + 2 }) < min(Self.nameColumnsMin, widths.last ?? 0) {
            shown.removeAll { $0 == column }
        }
        return shown
    }

    private typealias Cell = (text: String, tone: LineStyle.Tone)

    private func cells(_ state: DocumentState) -> [Cell] {
        let tone: LineStyle.Tone =
            switch state.status {
            case .complete: .good
            case .failed: .bad
            case .cancelled: .quiet
            default: .accent
            }
        let percent = state.status == .complete ? 100 : min(99, Int(state.progress))
        let updated = state.updatedAt.map { Wording.ago(milliseconds: nowMilliseconds - $0.milliseconds) }
        var name = TerminalText.clean(state.name ?? "")
        if let code = state.failure?.code { name += " (\(TerminalText.clean(code)))" }
        return [
            (style.fit(TerminalText.clean(state.id)), .plain), (style.fit(TerminalText.clean(state.status.text)), tone),
            ("\(percent)%", .plain), (pages(state), .plain), (updated ?? "", .quiet), (style.fit(name), .plain),
        ]
    }

    private func pages(_ state: DocumentState) -> String {
        guard let total = state.pagesTotal, total > 0 else { return "" }
        if state.status == .complete { return Wording.count(total) }
        return "\(Wording.count(state.pagesDone ?? 0))/\(Wording.count(total))"
    }

    /// Numbers stand to the right of their column. The name comes last and takes what is left.
    private func line(_ cells: [Cell], _ widths: [Int], _ shown: [Int]) -> String {
        var line = ""
        var used = 0
        for column in shown {
            let cell = cells[column]
            let isNumber = column == 2 || column == 3
            let text =
                isNumber
                ? TerminalText.padLeft(cell.text, to: widths[column]) : TerminalText.pad(cell.text, to: widths[column])
            line += style.paint(text, cell.tone) + "  "
            used += widths[column] + 2
        }
        let name = cells[cells.count - 1]
        let room = columns.map { max(8, $0 - used - 1) } ?? .max
        return line + style.paint(TerminalText.cutMiddle(name.text, to: room, sign: style.cutSign), name.tone)
    }
}
