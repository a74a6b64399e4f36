import Testing

@testable import Text

@Suite("What of a text can be seen")
struct VisibleCharactersTests {
    @Test(
        "every scalar counts but white space, as Unicode has it",
        arguments: [
            "", " \t\n\r\u{0b}\u{0c}", "a", "a b", "naïve café", "日本 語\u{3000}。",
            "\u{a0}\u{85}\u{2028}\u{2029}x\u{202f}\u{205f}",
            "👩‍👩‍👧 e\u{301}", "\u{200b}\u{feff}\u{180e}", "\u{1680}\u{2000}\u{200a}\u{2010}",
        ])
    func counts(text: String) {
        #expect(VisibleCharacters.count(in: text) == Int64(text.unicodeScalars.count { !$0.properties.isWhitespace }))
    }

    @Test("of every scalar there is")
    func all() {
        for value in UInt32(0x21)...0x3_ffff where value != 0x7f {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let expected: Int64 = scalar.properties.isWhitespace ? 0 : 1
            if VisibleCharacters.count(in: String(scalar)) != expected { Issue.record("U+\(String(value, radix: 16))") }
        }
    }
}
