/// All rows of a command, and which of them may still change.
///
/// Rows keep their order. The ended ones at the top are handed out once, as lines that stay in the terminal for good;
/// the rest is drawn again and again in its place.
package struct ProgressBoard {
    package private(set) var rows: [ProgressRow]
    private var settledCount = 0

    package struct Frame: Equatable {
        /// Lines that go above, never to be touched again.
        package var settled: [String]
        /// Lines to draw in place of the last frame's.
        package var live: [String]
    }

    package init(rows: [ProgressRow]) {
        self.rows = rows
    }

    package subscript(index: Int) -> ProgressRow {
        get { rows[index] }
        set { rows[index] = newValue }
    }

    /// The lines for a terminal of this size. The caller draws every frame it asks for: settled lines come once.
    package mutating func frame(columns: Int, lines: Int, style: LineStyle) -> Frame {
        let line = ProgressLine(columns: .init(terminalColumns: columns, rows: rows), style: style)
        var settled: [String] = []
        while settledCount < rows.count, rows[settledCount].isEnded {
            settled += line.settledLines(rows[settledCount])
            settledCount += 1
        }
        return Frame(settled: settled, live: live(lineCountMax: max(1, lines - 2), line, style))
    }

    /// Where not all rows have room, the ones that move are shown, and how many are not.
    private func live(lineCountMax: Int, _ line: ProgressLine, _ style: LineStyle) -> [String] {
        let open = rows[settledCount...]
        if open.count <= lineCountMax { return open.map(line.text) }
        let moving = open.filter { !$0.isEnded && $0.phase != .waiting }
        let shown = moving.prefix(lineCountMax - 1)
        let done = open.count(where: \.isEnded)
        let rest = "\(open.count - shown.count - done) more to come, \(done) done"
        return shown.map(line.text) + [style.paint("  " + rest, .quiet)]
    }
}
