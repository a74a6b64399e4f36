/// The line of a document: mark, name, bar, percentage, then what is happening, how fast, and how long it will take.
///
/// The columns follow from the terminal's width and the names alone, and a text's place from the widest text that can
/// come there in any row, so that nothing moves sideways while figures grow and rows read as a table.
package struct ProgressLine {
    package struct Columns: Equatable, Sendable {
        package var all: Int
        package var name: Int
        package var bar: Int
        package var detail: Int
        /// The room that the longest words of any row take, in their three lengths.
        fileprivate var long = 0
        fileprivate var short = 0
        fileprivate var count = 0

        /// The last column stays empty: a terminal that has just filled it is in between two lines.
        ///
        /// `namesWillCome`: leave the room for names that are not known yet. `before`: the columns of the frame before,
        /// for texts whose rows are no longer there to keep their place.
        package init(
            terminalColumns: Int, rows: some Sequence<ProgressRow>, namesWillCome: Bool = false, before: Columns? = nil
        ) {
            all = max(Self.columnsMin, terminalColumns - 1)
            if let before, before.all == all { (long, short, count) = (before.long, before.short, before.count) }
            var longestName = namesWillCome ? Self.nameMax : 1
            for row in rows {
                longestName = max(longestName, TerminalText.width(row.name))
                guard let widest = ProgressLine.widestWords(of: row) else { continue }
                long = max(long, TerminalText.width(widest.long))
                short = max(short, TerminalText.width(widest.short))
                count = max(count, TerminalText.width(widest.count))
            }
            name = min(longestName, max(11, all / 6), Self.nameMax)
            bar = all < 40 ? 0 : min(44, max(10, all / 4))
            let fixed = Self.mark + name + Self.gap + (bar > 0 ? bar + Self.gap : 0) + Self.percent
            detail = max(0, all - fixed - Self.gap)
        }

        /// Narrower terminals get the same line and wrap it.
        package static let columnsMin = 20
        static let nameMax = 32
        static let mark = 2
        static let gap = 2
        static let percent = 4
    }

    private let columns: Columns
    private let style: LineStyle

    package init(columns: Columns, style: LineStyle) {
        self.columns = columns
        self.style = style
    }

    /// At most `columns.all` columns wide, without a line end.
    package func text(_ row: ProgressRow) -> String {
        switch row.phase {
        case .waiting:
            return line(mark: " ", .quiet, row, rest: style.paint(cut("waiting for its turn", to: restColumns), .quiet))
        case .connecting:
            let words = row.isOffline ? "offline, trying again" : "connecting"
            return line(mark: " ", .quiet, row, rest: style.paint(cut(words, to: restColumns), .quiet))
        case .sending(let sent, let total):
            if let interruption = row.interruption { return interrupted(row, interruption) }
            let detail = fields(StageWords(sentBytes: sent, totalBytes: total), row, nil)
            return line(mark: " ", .plain, row, rest: progress(row, detail: detail))
        case .watching(let state):
            if let interruption = row.interruption { return interrupted(row, interruption) }
            if row.isOffline {
                let note = style.paint(cut("offline, trying again", to: columns.detail), .warning)
                return line(mark: style.hasUnicode ? "…" : "?", .warning, row, rest: progress(row, detail: note))
            }
            return line(mark: " ", .plain, row, rest: progress(row, detail: fields(StageWords(state), row, state)))
        case .ended(let ending):
            return ended(row, ending)
        }
    }

    private func interrupted(_ row: ProgressRow, _ interruption: ProgressRow.Interruption) -> String {
        let isPaused = interruption == .paused
        let tone: LineStyle.Tone = isPaused ? .quiet : .warning
        let note = style.paint(cut(interruption.words, to: columns.detail), tone)
        let mark = isPaused ? "=" : style.hasUnicode ? "…" : "?"
        return line(mark: mark, tone, row, rest: progress(row, detail: note))
    }

    private func ended(_ row: ProgressRow, _ ending: ProgressRow.Ending) -> String {
        let took = Wording.duration(milliseconds: ending.milliseconds)
        switch ending.status {
        case .complete where !ending.isOfDocument:
            // Sent is not complete: no full bar, no 100 %.
            let words = cut("\(ending.words) in \(took); the server goes on with it", to: restColumns)
            return line(mark: style.hasUnicode ? "✓" : "+", .good, row, rest: words)
        case .complete:
            let words = "\(ending.words) in \(took)"
            let shown = TerminalText.width(words) <= columns.detail ? words : cut(took, to: columns.detail)
            return line(mark: style.hasUnicode ? "✓" : "+", .good, row, rest: progress(row, detail: shown))
        case .cancelled, .interrupted:
            let words = cut("\(ending.words) after \(took)", to: restColumns)
            return line(mark: style.dash, .quiet, row, rest: style.paint(words, .quiet))
        default:
            let words = style.fit(ending.words)
            return line(mark: crossMark, .bad, row, rest: style.paint(cut(words, to: restColumns), .bad))
        }
    }

    /// The lines that stay for good: as `text`, but what went wrong is said in full, under itself.
    package func settledLines(_ row: ProgressRow) -> [String] {
        guard case .ended(let ending) = row.phase, ending.isTrouble, TerminalText.width(ending.words) > restColumns,
            restColumns >= Self.wrapColumnsMin
        else { return [text(row)] }
        let parts = TerminalText.wrap(style.fit(ending.words), to: restColumns)
        let indent = String(repeating: " ", count: columns.all - restColumns)
        return parts.enumerated().map { index, part in
            let painted = style.paint(part, .bad)
            return index == 0 ? line(mark: crossMark, .bad, row, rest: painted) : indent + painted
        }
    }

    private static let wrapColumnsMin = 20
    private var crossMark: String { style.hasUnicode ? "✗" : "x" }

    private var restColumns: Int { columns.all - Columns.mark - columns.name - Columns.gap }

    private func line(mark: String, _ tone: LineStyle.Tone, _ row: ProgressRow, rest: String) -> String {
        let name = TerminalText.cutMiddle(style.fit(row.name), to: columns.name, sign: style.cutSign)
        return trimmed(style.paint(mark, tone) + " " + TerminalText.pad(name, to: columns.name) + "  " + rest)
    }

    private func progress(_ row: ProgressRow, detail: String) -> String {
        let percent = TerminalText.padLeft(row.percent.map { "\($0)%" } ?? "", to: Columns.percent)
        if columns.bar == 0 { return percent + "  " + detail }
        let bar =
            row.segments.isEmpty
            ? String(repeating: " ", count: columns.bar)
            : StageBar.text(row.segments.map(\.bar), columns: columns.bar, style: style)
        return bar + "  " + percent + "  " + detail
    }

    // MARK: What stands right of the percentage

    /// Takes the fullest of the ways to say it whose widest form has room.
    private func fields(_ words: StageWords, _ row: ProgressRow, _ state: DocumentState?) -> String {
        let remaining = remainingText(state)
        typealias Field = (text: String, width: Int, tone: LineStyle.Tone)
        let long: Field = (words.long, columns.long, .plain)
        let short: Field = (words.short, columns.short, .plain)
        let count: Field = (words.count, columns.count, .plain)
        let speed: Field = (rateText(words, row), TerminalText.width("999 pages/s"), .quiet)
        let left: Field = (
            remaining.isEmpty ? "" : "about \(remaining) left", TerminalText.width("about 15-20 min left"), .quiet
        )
        let range: Field = (remaining, TerminalText.width("15-20 min"), .quiet)
        let ways: [[Field]] = [
            [long, speed, left], [long, speed, range], [short, speed, left], [short, speed, range],
            [count, speed, range], [count, range], [count],
        ]
        for way in ways where way.reduce(-2, { $0 + $1.width + 2 }) <= columns.detail {
            // Nothing invisible at the end: a terminal that wraps the line for a new width may count it or not.
            let last = way.lastIndex { !$0.text.isEmpty } ?? 0
            let shown = way[...last].enumerated().map { index, field in
                let text = style.fit(field.text)
                return (text: index == last ? text : TerminalText.pad(text, to: field.width), tone: field.tone)
            }
            // Longer than foreseen (a long remark, a rate of thousands), a field takes from the ones after it.
            let plain = shown.map(\.text).joined(separator: "  ")
            if TerminalText.width(plain) > columns.detail { return cut(plain, to: columns.detail) }
            return shown.map { style.paint($0.text, $0.tone) }.joined(separator: "  ")
        }
        return TerminalText.width(words.count) <= columns.detail ? style.fit(words.count) : ""
    }

    private func rateText(_ words: StageWords, _ row: ProgressRow) -> String {
        guard let unit = words.rateUnit, let rate = row.ratePerSecond else { return "" }
        return unit == "/s" ? Wording.bytes(Int64(min(rate, 1e15))) + unit : Wording.rate(rate) + unit
    }

    private func remainingText(_ state: DocumentState?) -> String {
        guard let low = state?.etaLowSeconds, let high = state?.etaHighSeconds else { return "" }
        return Wording.remaining(lowSeconds: low, highSeconds: high, dash: style.dash)
    }

    /// The words of a row that take the most room of those to come: all of it done, in the stage with the longest verb.
    /// Nil where the row shows none.
    private static func widestWords(of row: ProgressRow) -> StageWords? {
        switch row.phase {
        case .waiting, .connecting, .ended:
            return nil
        case .sending(let sent, let total):
            return StageWords(sentBytes: sent, totalBytes: total)
        case .watching(var state):
            guard state.status == .processing else { return StageWords(state) }
            if let total = state.stages.compactMap(\.total).max() ?? state.pagesTotal, total > 0 {
                state.stage = state.stages.map(\.name).max { $0.count < $1.count } ?? state.stage
                state.stages = state.stages.map { .init(name: $0.name, done: total, total: total) }
                state.pagesDone = total
                state.pagesTotal = total
            }
            return StageWords(state)
        }
    }

    private func cut(_ text: String, to columns: Int) -> String {
        TerminalText.cut(text, to: columns, sign: style.cutSign)
    }

    private func trimmed(_ text: String) -> String {
        // Spaces at the very end are invisible and not worth a byte; those inside a colour sequence stay.
        var end = text.endIndex
        while end > text.startIndex, text[text.index(before: end)] == " " { end = text.index(before: end) }
        return String(text[..<end])
    }
}
