import JSON
import Testing

@testable import Client

@Suite struct TerminalTextTests {
    @Test("names lose what a terminal would obey, and keep every letter")
    func cleans() {
        #expect(TerminalText.clean("a\u{1B}[31mb\u{7}\u{9B}2J\u{7F}c") == "a[31mb2Jc")
        #expect(TerminalText.clean("fdp\u{202E}exe.pdf\u{2066}\u{FEFF}") == "fdpexe.pdf")
        #expect(TerminalText.clean("a\tb\nc\u{2028}d\r") == "a b c d")
        #expect(TerminalText.clean("Müller 報告 👩‍🔬.pdf") == "Müller 報告 👩‍🔬.pdf")
    }

    @Test("running text keeps its lines; a form feed parts pages with an empty line")
    func cleansParagraphs() {
        #expect(TerminalText.cleanParagraphs("a\n\tb\u{C}c\u{1B}d") == "a\n\tb\n\ncd")
    }

    @Test("cleaned JSON is the same JSON")
    func cleansJSON() throws {
        let line = "{\"name\":\"a\u{9B}2J\u{7F}\u{202E}é\"}"
        let cleaned = TerminalText.cleanJSON(line)
        #expect(cleaned == #"{"name":"a\u009b2J\u007f\u202eé"}"#)
        #expect(try JSONValue.parse(cleaned) == JSONValue.parse(line))
    }

    @Test(
        "widths are columns, not characters",
        arguments: [("abc", 3), ("報告", 4), ("e\u{301}", 1), ("👩‍🔬", 2), ("한국", 4), ("", 0), ("…", 1), ("█▌░", 3)])
    func width(text: String, columns: Int) {
        #expect(TerminalText.width(text) == columns)
    }

    @Test("a cut never takes more room than given, and the middle cut keeps the ending")
    func cuts() {
        #expect(TerminalText.cut("abcdef", to: 6) == "abcdef")
        #expect(TerminalText.cut("abcdef", to: 4) == "abc…")
        #expect(TerminalText.cut("報告書", to: 4) == "報…")
        #expect(TerminalText.cutMiddle("annual report 2025.pdf", to: 15) == "annual …025.pdf")
        #expect(TerminalText.cutMiddle("annual report 2025.pdf", to: 4) == "ann…")
        for columns in 0...30 {
            for text in ["annual report 2025.pdf", "報告書報告書報告書.pdf", "a"] {
                #expect(TerminalText.width(TerminalText.cut(text, to: columns)) <= columns)
                #expect(TerminalText.width(TerminalText.cutMiddle(text, to: columns)) <= columns)
            }
        }
    }

    @Test("wrapped text fits, breaks at spaces, and loses nothing")
    func wraps() {
        #expect(TerminalText.wrap("the quick brown fox", to: 9) == ["the quick", "brown fox"])
        #expect(TerminalText.wrap("abcdefghij kl", to: 4) == ["abcd", "efgh", "ij", "kl"])
        #expect(TerminalText.wrap("", to: 4) == [])
    }

    @Test("the environment decides over colours and characters")
    func style() {
        func style(_ environment: [String: String]) -> LineStyle { LineStyle { environment[$0] } }
        #expect(style(["LANG": "en_US.UTF-8"]) == colorStyle)
        #expect(style(["LANG": "C.utf8", "NO_COLOR": "1"]) == plainStyle)
        #expect(style(["LANG": "C.UTF-8", "NO_COLOR": ""]).hasColor)
        #expect(!style(["LANG": "en_US.UTF-8", "LC_ALL": "C"]).hasUnicode)
        #expect(style(["LANG": "C", "LC_CTYPE": "C.UTF-8", "LC_ALL": ""]).hasUnicode)
        #expect(!style([:]).hasUnicode)
    }
}
