/// The bar: one line of stages, each a segment that fills by itself, because stages overlap.
package enum StageBar {
    package struct Segment: Equatable, Sendable {
        package var weight: Int
        /// 0 to 1.
        package var fraction: Double

        package init(weight: Int, fraction: Double) {
            self.weight = weight
            self.fraction = fraction
        }
    }

    /// Exactly `columns` columns. A segment's share goes by its weight, at least one cell each; a segment looks full
    /// only when it is. With fewer columns than the segments need, they are drawn as one.
    package static func text(_ segments: [Segment], columns: Int, style: LineStyle) -> String {
        guard columns > 0, !segments.isEmpty else { return "" }
        let frame = style.hasUnicode ? 0 : 2
        let room = columns - frame - (segments.count - 1)
        guard room >= segments.count else {
            let weight = segments.reduce(0) { $0 + $1.weight }
            let filled = segments.reduce(0.0) { $0 + Double($1.weight) * $1.fraction }
            let whole = Segment(weight: 1, fraction: weight > 0 ? filled / Double(weight) : 0)
            return columns > frame && segments.count > 1
                ? text([whole], columns: columns, style: style) : String(repeating: " ", count: columns)
        }
        let cells = shares(of: room, weights: segments.map(\.weight))
        let drawn = zip(segments, cells).map { segment, cells in draw(segment.fraction, cells: cells, style: style) }
        return style.hasUnicode ? drawn.joined(separator: " ") : "[" + drawn.joined(separator: "|") + "]"
    }

    /// Divides cells by weight: one each first, the rest by largest remainder, so that the widths rest.
    static func shares(of room: Int, weights: [Int]) -> [Int] {
        let spare = room - weights.count
        let total = max(1, weights.reduce(0, +))
        var shares = weights.map { 1 + spare * $0 / total }
        let byRemainder = weights.indices.sorted {
            (spare * weights[$0] % total, weights.count - $0) > (spare * weights[$1] % total, weights.count - $1)
        }
        var left = room - shares.reduce(0, +)
        while left > 0 {
            for index in byRemainder where left > 0 {
                shares[index] += 1
                left -= 1
            }
        }
        return shares
    }

    private static let eighths = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]

    private static func draw(_ fraction: Double, cells: Int, style: LineStyle) -> String {
        let steps = style.hasUnicode ? 8 : 1
        let filled =
            fraction >= 1 ? cells * steps : min(cells * steps - 1, Int(max(0, fraction) * Double(cells * steps)))
        let part = style.hasUnicode ? eighths[filled % 8] : ""
        let full = String(repeating: style.hasUnicode ? "█" : "#", count: filled / steps)
        let rest = cells - filled / steps - (part.isEmpty ? 0 : 1)
        return style.paint(full + part, .accent)
            + style.paint(String(repeating: style.hasUnicode ? "░" : "-", count: rest), .quiet)
    }
}
