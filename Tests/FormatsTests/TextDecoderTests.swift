import Testing

@testable import Formats

@Suite("Encodings of text")
struct TextDecoderTests {
    static func decode(_ bytes: [UInt8], charset: String? = nil) -> String {
        let ways = everyWay(bytes).map { pieces in
            var decoder = TextDecoder(charset: charset)
            var text: [UInt8] = []
            for piece in pieces { decoder.receive(piece[...], into: &text) }
            decoder.finish(into: &text)
            return String(decoding: text, as: UTF8.self)
        }
        for way in ways { #expect(way == ways[0], "\(bytes.prefix(20))") }
        return ways[0]
    }

    @Test("a byte order mark decides, and is no text")
    func marks() {
        #expect(Self.decode([0xef, 0xbb, 0xbf, 0x61], charset: "utf-16") == "a")
        #expect(Self.decode([0xff, 0xfe, 0x3d, 0xd8, 0x00, 0xde]) == "😀")
        #expect(Self.decode([0xfe, 0xff, 0xd8, 0x3d, 0xde, 0x00]) == "😀")
        #expect(Self.decode([0xff, 0xfe, 0, 0, 0x00, 0xf6, 0x01, 0]) == "😀")
        #expect(Self.decode([0, 0, 0xfe, 0xff, 0, 0x01, 0xf6, 0]) == "😀")
    }

    @Test("UTF-16 and UTF-32 without a mark are known by their zeros")
    func zeros() {
        let text = "Größe und Übermaß, ein längerer Satz.\n"
        let units = Array(text.utf16)
        #expect(Self.decode(units.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }) == text)
        #expect(Self.decode(units.flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] }) == text)
        #expect(Self.decode(units.flatMap { [UInt8($0 & 255), UInt8($0 >> 8), 0, 0] }) == text)
        #expect(Self.decode(units.flatMap { [0, 0, UInt8($0 >> 8), UInt8($0 & 255)] }) == text)
    }

    @Test("half a character at the end, and a lone surrogate, are U+FFFD")
    func halves() {
        #expect(Self.decode([0xff, 0xfe, 0x41, 0x00, 0x3d]) == "A\u{fffd}")
        #expect(Self.decode([0xff, 0xfe, 0x3d, 0xd8, 0x41, 0x00]) == "\u{fffd}A")
        #expect(Self.decode([0xff, 0xfe, 0x3d, 0xd8]) == "\u{fffd}")
        #expect(Self.decode([0x82], charset: "shift_jis") == "\u{fffd}")
    }

    @Test(
        "what was declared is believed, by any of its names",
        arguments: [
            ("windows-1252", [0x93, 0xe9, 0x80], "“é€"), ("ISO-8859-1", [0x93, 0xe9], "“é"),
            ("iso-8859-15", [0xa4, 0xbc], "€Œ"), ("latin9", [0xa4], "€"), ("windows-1251", [0xcf, 0xf0], "Пр"),
            ("cp1251", [0xcf], "П"), ("KOI8-R", [0xf0, 0xd2], "Пр"), ("ibm866", [0x8f], "П"),
            ("iso-8859-7", [0xe1], "α"), ("macintosh", [0x8e], "é"), ("windows-874", [0xa1], "ก"),
            ("Shift_JIS", [0x93, 0xfa, 0x96, 0x7b, 0xb1, 0x5c], "日本ｱ\\"),
            ("euc-jp", [0xc6, 0xfc, 0xcb, 0xdc, 0x8e, 0xb1], "日本ｱ"),
            ("gb2312", [0xd6, 0xd0, 0xce, 0xc4], "中文"), ("gbk", [0x81, 0x40], "丂"),
            ("gb18030", [0x81, 0x30, 0x81, 0x30, 0x94, 0x39, 0xfc, 0x36], "\u{80}😀"),
            ("big5", [0xa4, 0xa4, 0xa4, 0xe5, 0xa4, 0x40], "中文一"), ("euc-kr", [0xc7, 0xd1, 0xb1, 0xdb], "한글"),
            ("ks_c_5601-1987", [0x81, 0x41], "갂"), ("utf-8", [0xc3, 0xa9], "é"), (" UTF-8 ", [0xc3, 0xa9], "é"),
            ("utf-16", [0x41, 0x00], "A"), ("no-such-set", [0xc3, 0xa9], "é"),
        ] as [(String, [UInt8], String)])
    func declared(label: String, bytes: [UInt8], expected: String) {
        #expect(Self.decode(bytes, charset: label) == expected)
    }

    @Test("a lead without its trail is U+FFFD, and ASCII behind it is itself")
    func lostLeads() {
        for label in ["shift_jis", "euc-jp", "gb18030", "big5", "euc-kr"] {
            #expect(Self.decode([0xb0, 0x0a, 0x61], charset: label).hasSuffix("\na"), "\(label)")
        }
        #expect(Self.decode([0x8f, 0xb0, 0xa1, 0x61], charset: "euc-jp") == "\u{fffd}a")
        #expect(Self.decode([0x81, 0x30, 0x41], charset: "gb18030") == "\u{fffd}0A")
    }

    @Test("undeclared text is UTF-8 where it is valid, else what its bytes are most like")
    func judged() {
        func bytes(_ rows: [UInt8], _ times: Int = 20) -> [UInt8] {
            Array("ASCII first.\n".utf8) + Array([[UInt8]](repeating: rows + [0x0a], count: times).joined())
        }
        #expect(Self.decode(bytes(Array("naïve".utf8))).contains("naïve"))
        #expect(Self.decode(bytes([0x6e, 0x61, 0xef, 0x76, 0x65])).contains("naïve"))
        #expect(Self.decode(bytes([0x69, 0x74, 0x92, 0x73, 0x20, 0x93, 0x61, 0x94])).contains("it’s “a”"))
        // "привет" and "мир": small letters lie high in windows-1251 and low in KOI8-R.
        let (greeting, world): ([UInt8], [UInt8]) = ([0xef, 0xf0, 0xe8, 0xe2, 0xe5, 0xf2], [0xec, 0xe8, 0xf0])
        #expect(Self.decode(bytes(greeting + [0x20] + world)).contains("привет мир"))
        let koi: [UInt8] = [0xd0, 0xd2, 0xc9, 0xd7, 0xc5, 0xd4, 0x20, 0xcd, 0xc9, 0xd2]
        #expect(Self.decode(bytes(koi)).contains("привет мир"))
        #expect(Self.decode(bytes([0x82, 0xb1, 0x82, 0xea, 0x93, 0xfa, 0x96, 0x7b])).contains("これ日本"))
        #expect(Self.decode(bytes([0xa4, 0xb3, 0xa4, 0xec, 0xc6, 0xfc, 0xcb, 0xdc])).contains("これ日本"))
        #expect(Self.decode(bytes([0xd6, 0xd0, 0xb9, 0xfa, 0xb5, 0xc4, 0xce, 0xc4])).contains("中国的文"))
        #expect(Self.decode(bytes([0xa4, 0xa4, 0xb0, 0xea, 0xaa, 0xba, 0xa4, 0x40])).contains("中國的一"))
        #expect(Self.decode(bytes([0xc7, 0xd1, 0xb1, 0xdb, 0xc0, 0xcc, 0xb4, 0xd9])).contains("한글이다"))
    }

    @Test("the judgement is made where the first byte beyond ASCII stands, however far that is")
    func late() {
        let ascii = [UInt8](repeating: 0x61, count: 3 * EncodingJudgement.windowBytes)
        var decoder = TextDecoder()
        var text: [UInt8] = []
        decoder.receive(ascii[...], into: &text)
        #expect(text.count == ascii.count, "ASCII is not held")
        decoder.receive([0xe9], into: &text)
        decoder.finish(into: &text)
        #expect(String(decoding: text.suffix(3), as: UTF8.self) == "aé")
    }

    @Test("each table has the rows it should")
    func tables() {
        #expect(SingleByteTables.byName.count == 27)
        #expect(SingleByteTables.byName.values.allSatisfy { $0.count == 128 })
        #expect(CharacterTable.jis.scalar(row: 15, column: 0) == "亜")
        #expect(CharacterTable.chinese.scalar(row: 0xb0 - 0x81, column: 0xa1 - 0x41) == "啊")
        #expect(CharacterTable.korean.scalar(row: 0xb0 - 0x81, column: 0xa1 - 0x81 + 52) == "가")
        #expect(CharacterTable.big5.scalar(row: 3, column: 0) == "一")
        #expect(CharacterTable.scalar(gb18030: 39_419) == "\u{ffff}")
        #expect(CharacterTable.scalar(gb18030: 39_420) == nil)
    }
}
