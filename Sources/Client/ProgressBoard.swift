/// All rows of a command, and which of them may still change.
///
/// Rows keep their order. Those that have ended are handed out once, as lines that stay in the terminal for good; the
/// rest is drawn again and again in its place.
package struct ProgressBoard {
    package enum Kind: Sendable {
        /// The rows are known from the beginning. An ended one stays in the board until those above it have ended.
        case fixed
        /// Rows come as documents do, without an end. An ended one goes at once, and is forgotten.
        case endless
    }

    package private(set) var rows: [ProgressRow]
    /// What a row is called by, as long as there is one; ascending.
    private var numbers: [Int]
    private var nextNumber: Int
    private let kind: Kind
    private var settledCount = 0
    private var columns: ProgressLine.Columns?
    /// Shown where there is no row.
    package var emptyWords: String?

    package struct Frame: Equatable {
        /// Lines that go above, never to be touched again.
        package var settled: [String]
        /// Lines to draw in place of the last frame's.
        package var live: [String]
    }

    package init(rows: [ProgressRow], kind: Kind = .fixed) {
        self.rows = rows
        self.kind = kind
        numbers = Array(rows.indices)
        nextNumber = rows.count
    }

    package subscript(number: Int) -> ProgressRow {
        get { rows[index(of: number)] }
        set { rows[index(of: number)] = newValue }
    }

    /// Puts a row below the others; returns the number it is called by until it has ended.
    package mutating func add(_ row: ProgressRow) -> Int {
        defer { nextNumber += 1 }
        rows.append(row)
        numbers.append(nextNumber)
        return nextNumber
    }

    package func number(at index: Int) -> Int { numbers[index] }

    private func index(of number: Int) -> Int {
        var low = 0
        var high = numbers.count
        while low < high {
            let middle = (low + high) / 2
            if numbers[middle] < number { low = middle + 1 } else { high = middle }
        }
        precondition(low < numbers.count && numbers[low] == number, "This row has ended and was forgotten.")
        return low
    }

    /// The lines for a terminal of this size. The caller draws every frame it asks for: settled lines come once.
    package mutating func frame(columns terminalColumns: Int, lines: Int, style: LineStyle) -> Frame {
        let columns = ProgressLine.Columns(
            terminalColumns: terminalColumns, rows: rows, namesWillCome: kind == .endless, before: self.columns)
        if kind == .endless { self.columns = columns }
        let line = ProgressLine(columns: columns, style: style)
        var settled: [String] = []
        switch kind {
        case .fixed:
            while settledCount < rows.count, rows[settledCount].isEnded {
                settled += line.settledLines(rows[settledCount])
                settledCount += 1
            }
        case .endless:
            for row in rows where row.isEnded { settled += line.settledLines(row) }
            forgetEnded()
        }
        return Frame(settled: settled, live: live(lineCountMax: max(1, lines - 2), line, style))
    }

    /// Lets go of the rows that have ended and were shown, where no end of rows is in sight. Returns their numbers.
    @discardableResult
    package mutating func forgetEnded() -> [Int] {
        guard kind == .endless else { return [] }
        let ended = rows.indices.filter { rows[$0].isEnded }
        let forgotten = ended.map { numbers[$0] }
        for index in ended.reversed() {
            rows.remove(at: index)
            numbers.remove(at: index)
        }
        return forgotten
    }

    /// Where not all rows have room, the ones that move are shown, and how many are not.
    private func live(lineCountMax: Int, _ line: ProgressLine, _ style: LineStyle) -> [String] {
        let open = rows[settledCount...]
        if open.isEmpty, let emptyWords { return [style.paint("  " + style.fit(emptyWords), .quiet)] }
        if open.count <= lineCountMax { return open.map(line.text) }
        if kind == .endless {
            let working = open.filter(\.isWorkedOn)
            let shown = (working + open.filter { !$0.isWorkedOn }).prefix(lineCountMax - 1)
            let rest = Wording.count(Int64(open.count - shown.count))
            return shown.map(line.text) + [style.paint("  \(rest) more", .quiet)]
        }
        let moving = open.filter { !$0.isEnded && $0.phase != .waiting }
        let shown = moving.prefix(lineCountMax - 1)
        let done = open.count(where: \.isEnded)
        let rest = "\(open.count - shown.count - done) more to come, \(done) done"
        return shown.map(line.text) + [style.paint("  " + rest, .quiet)]
    }
}
