import Testing

import Text

/// Each case is decoded whole, byte by byte, and in every two pieces: the text of each page must be the same.
struct PageDecoderTests {
    static func pages(_ pieces: [[UInt8]], skipsLineFeeds: Bool = false) -> [String] {
        var decoder = PageDecoder(skipsLineFeeds: skipsLineFeeds)
        var pages: [String] = []
        var page = ""
        func drain() {
            while let event = decoder.nextEvent() {
                switch event {
                case .text(let text):
                    // By scalars: a piece may begin with a mark of the character before.
                    page.unicodeScalars.append(contentsOf: text.unicodeScalars)
                case .pageEnd:
                    pages.append(page)
                    page = ""
                }
            }
        }
        for piece in pieces {
            decoder.receive(piece.span)
            drain()
        }
        decoder.finish()
        drain()
        #expect(page.isEmpty, "text after the last page's end")
        return pages
    }

    private func expect(_ bytes: [UInt8], _ pages: [String], skipsLineFeeds: Bool = false) {
        let expected = pages.map { Array($0.unicodeScalars) }
        var allPieces = [[bytes], bytes.map { [$0] }]
        for split in 0...min(bytes.count, 40) { allPieces.append([Array(bytes[..<split]), Array(bytes[split...])]) }
        for pieces in allPieces {
            let found = Self.pages(pieces, skipsLineFeeds: skipsLineFeeds)
            #expect(found.map { Array($0.unicodeScalars) } == expected, "in pieces \(pieces)")
        }
    }

    @Test(
        "a form feed ends a page, and a last page without one counts if it has a byte",
        arguments: [
            ("", []), ("a", ["a"]), ("a\u{c}", ["a"]), ("a\u{c}b", ["a", "b"]), ("\u{c}", [""]),
            ("\u{c}\u{c}b\n\u{c}", ["", "", "b\n"]), ("a\u{c}\n", ["a", "\n"]), ("a\u{c}\0", ["a", ""]),
        ])
    func pages(text: String, pages: [String]) { expect(Array(text.utf8), pages) }

    @Test(
        "where a line feed belongs to the page's end, the first behind it is no text",
        arguments: [
            ("a\n\u{c}\n", ["a\n"]), ("a\u{c}\nb\u{c}\n", ["a", "b"]), ("a\u{c}\n\nb", ["a", "\nb"]),
            ("a\u{c}b\n", ["a", "b\n"]), ("\na\u{c}\u{c}\n", ["\na", ""]),
        ])
    func lineFeedsBehindPages(text: String, pages: [String]) {
        expect(Array(text.utf8), pages, skipsLineFeeds: true)
    }

    @Test(
        "every line end is a line feed; controls but it and the tab are dropped",
        arguments: [
            ("a\r\nb", "a\nb"), ("a\rb", "a\nb"), ("a\r\r\nb\n", "a\n\nb\n"), ("a\r", "a\n"), ("\r\n\r\n", "\n\n"),
            ("a\u{b}b", "a\nb"), ("a\tb\0c\u{1}\u{1b}[0m\u{7f}d", "a\tbc[0md"), ("a\r\0\nb", "a\n\nb"),
            ("é\r\né", "é\né"), ("a\r\u{e9}\n", "a\n\u{e9}\n"),
        ])
    func lineEnds(text: String, clean: String) { expect(Array(text.utf8), [clean]) }

    @Test("a line end is not completed across a page's end")
    func lineEndAcrossPages() { expect(Array("a\r\u{c}\nb".utf8), ["a\n", "\nb"]) }

    static let sequences: [([UInt8], String)] = [
        // Well-formed, to both ends of each length.
        ([0xc2, 0x80], "\u{80}"), ([0xdf, 0xbf], "\u{7ff}"), ([0xe0, 0xa0, 0x80], "\u{800}"),
        ([0xed, 0x9f, 0xbf], "\u{d7ff}"), ([0xee, 0x80, 0x80], "\u{e000}"), ([0xef, 0xbf, 0xbf], "\u{ffff}"),
        ([0xf0, 0x90, 0x80, 0x80], "\u{10000}"), ([0xf4, 0x8f, 0xbf, 0xbf], "\u{10ffff}"),
        // The Unicode Standard §3.9, tables 3-8 to 3-11: one U+FFFD for each maximal subpart.
        ([0xc0, 0xaf, 0xe0, 0x80, 0xbf, 0xf0, 0x81, 0x82, 0x41], lost(8) + "A"),
        ([0xed, 0xa0, 0x80, 0xed, 0xbf, 0xbf, 0xed, 0xaf, 0x41], lost(8) + "A"),
        ([0xf4, 0x91, 0x92, 0x93, 0xff, 0x41, 0x80, 0xbf, 0x42], lost(5) + "A" + lost(2) + "B"),
        ([0xe1, 0x80, 0xe2, 0xf0, 0x91, 0x92, 0xf1, 0xbf, 0x41], lost(4) + "A"),
        // Cut off at the end, before a form feed and before a line end.
        ([0x41, 0xe2, 0x80], "A" + lost(1)), ([0xf0, 0x9f, 0x98, 0x0a], lost(1) + "\n"),
        ([0xc3, 0x0d, 0x0a], lost(1) + "\n"), ([0xf8, 0x88, 0x80, 0x80, 0x80], lost(5)),
    ]

    private static func lost(_ count: Int) -> String { String(repeating: "\u{fffd}", count: count) }

    @Test("what is not UTF-8 becomes one U+FFFD for each maximal subpart", arguments: sequences)
    func malformed(bytes: [UInt8], text: String) {
        expect([0x20] + bytes, [" " + text])
        expect([0x20] + bytes + [0x0c], [" " + text])
    }

    @Test("any bytes decode as the standard library decodes them")
    func sameAsStandardLibrary() {
        var random = SeededRandom(seed: 7)
        let common: [UInt8] = [0x41, 0x80, 0xbf, 0xc3, 0xe2, 0xed, 0xf0, 0x9f, 0x98, 0xf4, 0x90]
        for _ in 0..<400 {
            let bytes = (0...Int.random(in: 1...30, using: &random)).map { index -> UInt8 in
                if index == 0 { return 0x20 }
                if Bool.random(using: &random) { return common.randomElement(using: &random)! }
                return .random(in: 0x80...0xff, using: &random)
            }
            let split = Int.random(in: 0...bytes.count, using: &random)
            let pages = Self.pages([Array(bytes[..<split]), Array(bytes[split...])])
            #expect(pages.map { Array($0.utf8) } == [Array(String(decoding: bytes, as: UTF8.self).utf8)])
        }
    }

    @Test("a byte order mark is dropped at the start only")
    func byteOrderMarks() {
        expect([0xef, 0xbb, 0xbf, 0x61], ["a"])
        expect([0x61, 0xef, 0xbb, 0xbf], ["a\u{feff}"])
        expect([0xef, 0xbb], ["\u{fffd}"])
        expect([0xef, 0xbb, 0x61], ["\u{fffd}a"])
        expect([0xfe], ["\u{fffd}"])
        expect([0xff, 0x61], ["\u{fffd}a"])
        expect([0xef, 0xbb, 0xbf], [])
    }
}
