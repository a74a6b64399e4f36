/// What the terminal can show: colours, and characters beyond ASCII.
package struct LineStyle: Equatable, Sendable {
    package var hasColor: Bool
    package var hasUnicode: Bool

    package init(hasColor: Bool, hasUnicode: Bool) {
        self.hasColor = hasColor
        self.hasUnicode = hasUnicode
    }

    /// Decides from the environment. NO_COLOR counts when it is set and not empty (no-color.org);
    /// of the locale variables the first that is set and not empty counts, as setlocale(3) reads them.
    package init(environment: (String) -> String?) {
        func value(_ name: String) -> String? { environment(name).flatMap { $0.isEmpty ? nil : $0 } }
        hasColor = value("NO_COLOR") == nil
        let locale = (value("LC_ALL") ?? value("LC_CTYPE") ?? value("LANG") ?? "").lowercased()
        hasUnicode = locale.contains("utf-8") || locale.contains("utf8")
    }

    /// The colours, by their meaning. One accent; the rest is the terminal's own text.
    package enum Tone: String {
        case accent = "36"
        case good = "32"
        case bad = "31"
        case warning = "33"
        case quiet = "2"
        case plain = ""
    }

    package func paint(_ text: String, _ tone: Tone) -> String {
        hasColor && tone != .plain && !text.isEmpty ? "\u{1B}[\(tone.rawValue)m\(text)\u{1B}[0m" : text
    }

    /// Text of ours or of the server's, in characters the terminal has.
    package func fit(_ text: String) -> String {
        hasUnicode ? text : TerminalText.ascii(text)
    }

    package var cutSign: String { hasUnicode ? "…" : ".." }
    package var dash: String { hasUnicode ? "–" : "-" }
    package var separator: String { hasUnicode ? " · " : " - " }
}
