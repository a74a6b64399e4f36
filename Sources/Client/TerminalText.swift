/// Text that is fit for a terminal: names and messages of the server are data and must not move the cursor,
/// change colours, or turn the reading direction of what follows.
package enum TerminalText {
    /// One line of printable text: control and invisible formatting characters go, line ends and tabs become spaces.
    package static func clean(_ text: String) -> String {
        var cleaned = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if scalar == "\n" || scalar == "\t" || scalar == "\u{2028}" || scalar == "\u{2029}" {
                cleaned.append(" ")
            } else if isPrintable(scalar) {
                cleaned.append(scalar)
            }
        }
        return String(cleaned)
    }

    /// Running text: as `clean`, but line ends and tabs stay, and a form feed (a new page) becomes an empty line.
    package static func cleanParagraphs(_ text: String) -> String {
        var cleaned = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if scalar == "\u{0C}" {
                cleaned.append(contentsOf: "\n\n".unicodeScalars)
            } else if scalar == "\n" || scalar == "\t" || isPrintable(scalar) {
                cleaned.append(scalar)
            }
        }
        return String(cleaned)
    }

    /// A line of JSON with what a terminal might obey written as escapes, so that it stays the same JSON.
    /// Only DEL and the C1 controls can stand raw in JSON text: RFC 8259 §7 has the C0 controls escaped already.
    package static func cleanJSON(_ line: String) -> String {
        var cleaned = String.UnicodeScalarView()
        for scalar in line.unicodeScalars {
            if isPrintable(scalar) {
                cleaned.append(scalar)
            } else if scalar.value <= 0xFFFF {
                let digits = String(scalar.value, radix: 16)
                let padding = String(repeating: "0", count: 4 - digits.count)
                cleaned.append(contentsOf: "\\u\(padding)\(digits)".unicodeScalars)
            }
        }
        return String(cleaned)
    }

    /// For terminals without UTF-8: what is not ASCII becomes a question mark.
    package static func ascii(_ text: String) -> String {
        var plain = ""
        for character in text {
            plain.append(character.isASCII ? character : "?")
        }
        return plain
    }

    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator, .surrogate: false
        case .format: scalar == "\u{200C}" || scalar == "\u{200D}"  // Joiners belong to the spelling of words.
        default: true
        }
    }

    /// Columns the text takes: 2 for wide East Asian characters and emoji, 0 for marks that sit on others.
    package static func width(_ text: String) -> Int {
        text.reduce(0) { $0 + width($1) }
    }

    private static func width(_ character: Character) -> Int {
        var columns = 0
        for scalar in character.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .nonspacingMark, .enclosingMark, .format, .control: continue
            default: columns = max(columns, isWide(scalar) ? 2 : 1)
            }
        }
        return columns
    }

    /// The W and F rows of UAX #11's EastAsianWidth, joined to the blocks they fill.
    private static func isWide(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xA000...0xA4CF,
            0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6,
            0x1F300...0x1F64F, 0x1F680...0x1F6FF, 0x1F900...0x1F9FF, 0x20000...0x3FFFD:
            true
        default: scalar.properties.isEmojiPresentation
        }
    }

    /// Cut to `columns` at the end, with a sign that something is missing.
    package static func cut(_ text: String, to columns: Int, sign: String = "…") -> String {
        if width(text) <= columns { return text }
        return head(of: text, columns: columns - width(sign)) + head(of: sign, columns: columns)
    }

    /// Cut to `columns` in the middle, as a file name is best known by its beginning and its ending.
    package static func cutMiddle(_ text: String, to columns: Int, sign: String = "…") -> String {
        if width(text) <= columns { return text }
        let room = columns - width(sign)
        if room < 6 { return cut(text, to: columns, sign: sign) }
        let tailRoom = min(room / 2, 7)
        let tail = String(head(of: String(text.reversed()), columns: tailRoom).reversed())
        return head(of: text, columns: room - width(tail)) + sign + tail
    }

    private static func head(of text: String, columns: Int) -> String {
        var head = ""
        var used = 0
        for character in text {
            let next = used + width(character)
            if next > columns { break }
            head.append(character)
            used = next
        }
        return head
    }

    /// Filled up with spaces to `columns`; longer text stays as it is.
    package static func pad(_ text: String, to columns: Int) -> String {
        text + String(repeating: " ", count: max(0, columns - width(text)))
    }

    package static func padLeft(_ text: String, to columns: Int) -> String {
        String(repeating: " ", count: max(0, columns - width(text))) + text
    }

    /// Cut into lines of at most `columns`, at spaces; a word longer than a line is cut inside.
    package static func wrap(_ text: String, to columns: Int) -> [String] {
        var lines: [String] = []
        var line = ""
        var used = 0
        for word in text.split(separator: " ") {
            var word = String(word)
            let wordColumns = width(word)
            if used > 0 && used + 1 + wordColumns > columns {
                lines.append(line)
                (line, used) = ("", 0)
            }
            while width(word) > columns {
                let head = cut(word, to: columns, sign: "")
                if head.isEmpty { break }
                lines.append(head)
                word = String(word.dropFirst(head.count))
            }
            line += (used > 0 ? " " : "") + word
            used += (used > 0 ? 1 : 0) + width(word)
        }
        return used > 0 ? lines + [line] : lines
    }
}
