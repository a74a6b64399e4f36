/// Numbers in the words a person uses.
package enum Wording {
    /// 1,000
    package static func count(_ value: Int64) -> String {
        var digits = Array(String(value.magnitude))
        var place = digits.count - 3
        while place > 0 {
            digits.insert(",", at: place)
            place -= 3
        }
        return (value < 0 ? "-" : "") + String(digits)
    }

    /// Three digits that count, in powers of 1,000 as file managers and networks have them: 12.4 MB.
    package static func bytes(_ value: Int64) -> String {
        let units = ["kB", "MB", "GB", "TB", "PB"]
        guard value >= 1000 else { return "\(max(0, value)) B" }
        var scaled = Double(value)
        var unit = -1
        // 999.5 would be written as 1,000: the next unit begins there.
        while scaled >= 999.5 && unit < units.count - 1 {
            scaled /= 1000
            unit += 1
        }
        return "\(threeDigits(scaled)) \(units[max(0, unit)])"
    }

    /// 12.4 of 105 MB, the unit once where both have the same.
    package static func bytes(_ done: Int64, of total: Int64) -> String {
        let doneText = bytes(done)
        let totalText = bytes(total)
        let unit = totalText.split(separator: " ").last ?? ""
        if done <= 0 { return "0 of \(totalText)" }
        guard doneText.hasSuffix(" " + unit) else { return "\(doneText) of \(totalText)" }
        return "\(doneText.dropLast(unit.count + 1)) of \(totalText)"
    }

    private static func threeDigits(_ value: Double) -> String {
        if value < 9.995 { return fixed(value, decimals: 2) }
        if value < 99.95 { return fixed(value, decimals: 1) }
        return fixed(value, decimals: 0)
    }

    /// A rate: one decimal while it is small, none where it would only flicker.
    package static func rate(_ value: Double) -> String {
        value < 9.95 ? fixed(value, decimals: 1) : count(Int64(min(value, 1e15).rounded()))
    }

    package static func fixed(_ value: Double, decimals: Int) -> String {
        var scale: Int64 = 1
        for _ in 0..<decimals { scale *= 10 }
        let scaled = Int64(min(value * Double(scale), 9e15).rounded())
        if decimals == 0 { return count(scaled) }
        let fraction = String(scaled % scale)
        return "\(scaled / scale)." + String(repeating: "0", count: decimals - fraction.count) + fraction
    }

    /// How long something took: 0.4 s, 20.4 s, 3 min 5 s, 1 h 12 min.
    package static func duration(milliseconds: Int64) -> String {
        let seconds = milliseconds / 1000
        if milliseconds < 59_950 { return fixed(Double(max(0, milliseconds)) / 1000, decimals: 1) + " s" }
        if seconds < 3600 { return "\(max(1, seconds / 60)) min \(seconds % 60) s" }
        return "\(count(seconds / 3600)) h \(seconds / 60 % 60) min"
    }

    /// What remains, as a range: 10–17 s, 2–3 min, 50 s–2 min. One figure where both ends are written alike, and never
    /// less than a second: it is not done yet.
    package static func remaining(lowSeconds: Double, highSeconds: Double, dash: String = "–") -> String {
        let low = rounded(max(1, min(lowSeconds, highSeconds)))
        let high = rounded(max(1, max(lowSeconds, highSeconds)))
        if low.unit == "days" || high.unit == "days" { return "over a day" }
        if low == high { return "\(high.value) \(high.unit)" }
        if low.unit == high.unit { return "\(low.value)\(dash)\(high.value) \(high.unit)" }
        return "\(low.value) \(low.unit)\(dash)\(high.value) \(high.unit)"
    }

    /// Coarser the farther away, so that the figure rests while the estimate breathes.
    private static func rounded(_ seconds: Double) -> (value: Int64, unit: String) {
        func steps(_ value: Double, of step: Int64) -> Int64 { Int64((value / Double(step)).rounded()) * step }
        if seconds < 20 { return (steps(seconds, of: 1), "s") }
        if seconds < 57.5 { return (steps(seconds, of: 5), "s") }
        let minutes = seconds / 60
        if minutes < 20 { return (max(1, steps(minutes, of: 1)), "min") }
        if minutes < 57.5 { return (steps(minutes, of: 5), "min") }
        if minutes < 1440 { return (max(1, steps(minutes / 60, of: 1)), "h") }
        return (0, "days")
    }

    /// How long ago: just now, 5 min ago, 3 h ago, 2 days ago.
    package static func ago(milliseconds: Int64) -> String {
        let minutes = milliseconds / 60_000
        if minutes < 1 { return "just now" }
        if minutes < 60 { return "\(minutes) min ago" }
        if minutes < 48 * 60 { return "\(minutes / 60) h ago" }
        return "\(count(minutes / 1440)) days ago"
    }

    /// `1 page`, `2 pages`.
    package static func plural(_ value: Int64, _ noun: String) -> String {
        "\(count(value)) \(noun)\(value == 1 ? "" : "s")"
    }
}
