import Glibc

/// Where a command shows its rows: as bars, as plain lines, or (with `--json`) not at all.
package final class Console {
    package enum Mode {
        case bars, plain, quiet
    }

    package private(set) var board: ProgressBoard
    let mode: Mode
    private let style: LineStyle
    private var painter = FramePainter()
    private var throttle = RedrawThrottle()
    /// By the numbers of their rows.
    private var reports: [Int: PlainReport] = [:]

    package init(rows: [ProgressRow], mode: Mode, kind: ProgressBoard.Kind = .fixed) {
        board = ProgressBoard(rows: rows, kind: kind)
        self.mode = mode
        style = LineStyle(environment: Terminal.environment)
    }

    /// Bars where standard error draws them, plain lines elsewhere, nothing beside a program's JSON.
    package static func mode(json: Bool) -> Mode {
        json ? .quiet : Terminal.drawsBars ? .bars : .plain
    }

    /// Puts a row below the others. In an endless board its number is good until the row has ended.
    package func add(_ row: ProgressRow) -> Int {
        throttle.touch()
        return board.add(row)
    }

    /// What stands in the place of rows where there are none.
    package func whileEmpty(_ words: String) {
        guard board.emptyWords != words else { return }
        board.emptyWords = words
        throttle.touch()
    }

    /// Changes a row; it is shown when its time has come.
    package func update(_ index: Int, _ change: (inout ProgressRow) -> Void) {
        let before = board[index]
        change(&board[index])
        if board[index] != before { throttle.touch() }
    }

    /// How long the loop may wait before it calls `refresh` again; nil is as long as it likes.
    package func millisecondsToTurn(nowMilliseconds: Int64) -> Int64? {
        mode == .bars ? throttle.millisecondsToTurn(nowMilliseconds: nowMilliseconds) : nil
    }

    /// The window may have another size now.
    package func windowChanged() {
        throttle.touch()
    }

    /// Shows what has changed, at most 15 times a second. Call once a turn of the loop.
    package func refresh(nowMilliseconds: Int64) {
        switch mode {
        case .quiet: board.forgetEnded()
        case .plain: report(nowMilliseconds: nowMilliseconds)
        case .bars: if throttle.takeTurn(nowMilliseconds: nowMilliseconds) { draw() }
        }
    }

    /// Shows the last state of all rows, whatever the time; they stay.
    package func finish(nowMilliseconds: Int64) {
        board.emptyWords = nil
        switch mode {
        case .quiet: break
        case .plain: report(nowMilliseconds: nowMilliseconds)
        case .bars: draw()
        }
    }

    /// A line for people, above the bars.
    package func note(_ line: String) {
        if mode == .bars { writeError(painter.erase(columns: Terminal.size().columns)) }
        Terminal.note(style.fit(line))
        if mode == .bars { draw() }
    }

    /// A line for standard output. On a terminal it goes above the bars.
    package func output(_ line: String) throws(ClientError) {
        let sharesTerminal = mode == .bars && Terminal.isOutputTerminal
        if sharesTerminal { writeError(painter.erase(columns: Terminal.size().columns)) }
        try Terminal.printLine(line)
        if sharesTerminal { draw() }
    }

    private func draw() {
        let size = Terminal.size()
        let frame = board.frame(columns: size.columns, lines: size.lines, style: style)
        if let bytes = painter.paint(frame, columns: size.columns) { writeError(bytes) }
    }

    private func report(nowMilliseconds: Int64) {
        for (index, row) in board.rows.enumerated() {
            let line = reports[board.number(at: index), default: PlainReport()]
                .line(for: row, nowMilliseconds: nowMilliseconds)
            if let line { Terminal.note(style.fit(line)) }
        }
        for number in board.forgetEnded() { reports[number] = nil }
    }

    private func writeError(_ text: String) {
        try? Terminal.write(Array(text.utf8), to: STDERR_FILENO)
    }
}
