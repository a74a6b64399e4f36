/// Turns frames into bytes for the terminal: each frame over the last one, in one piece, without clearing first, so
/// that nothing flickers. The cursor rests below the board, visible: a command that is killed leaves nothing to repair.
package struct FramePainter {
    private var live: [String] = []
    private var widths: [Int] = []

    package init() {}

    /// The bytes to write, nil when the terminal shows this already. Write all of them, at once.
    package mutating func paint(_ frame: ProgressBoard.Frame, columns: Int) -> String? {
        if frame.settled.isEmpty && frame.live == live { return nil }
        var output = up(columns: columns)
        for line in frame.settled + frame.live { output += line + "\u{1B}[K\n" }
        output += "\u{1B}[J"
        live = frame.live
        widths = frame.live.map(Self.visibleWidth)
        return output
    }

    /// Takes the board away, for other lines to be written in its place; the next frame comes below them.
    package mutating func erase(columns: Int) -> String {
        let output = up(columns: columns) + "\u{1B}[J"
        live = []
        widths = []
        return output
    }

    /// Back to where the last frame began. A terminal that became narrower has wrapped its lines.
    private func up(columns: Int) -> String {
        let lines = widths.reduce(0) { $0 + max(1, ($1 + columns - 1) / max(1, columns)) }
        return lines > 0 ? "\r\u{1B}[\(lines)A" : "\r"
    }

    /// Columns without the colour sequences, which all end in `m`.
    static func visibleWidth(_ line: String) -> Int {
        var plain = ""
        var isInSequence = false
        for character in line {
            if character == "\u{1B}" {
                isInSequence = true
            } else if !isInSequence {
                plain.append(character)
            } else if character == "m" {
                isInSequence = false
            }
        }
        return TerminalText.width(plain)
    }
}
