import Testing

@testable import Client

@Suite struct LineSplitterTests {
    /// The lines of one text, in one piece, byte by byte, and with a tail that has no end yet.
    private func lines(_ text: String, max: Int = 100, keepsEmpty: Bool = false) -> [String] {
        func split(_ pieces: [[UInt8]]) -> [String] {
            var splitter = LineSplitter(lineBytesMax: max, keepsEmptyLines: keepsEmpty)
            var lines = pieces.flatMap { splitter.receive($0) }
            if let rest = splitter.end() { lines.append(rest) }
            return lines.map { String(decoding: $0, as: UTF8.self) }
        }
        let whole = split([Array(text.utf8)])
        #expect(split(text.utf8.map { [$0] }) == whole)
        let half = text.utf8.count / 2
        #expect(split([Array(text.utf8.prefix(half)), Array(text.utf8.dropFirst(half))]) == whole)
        return whole
    }

    @Test("lines end with LF or CRLF; empty ones and a missing last end do not matter")
    func splits() {
        #expect(lines("a\nbb\r\n\n\nccc") == ["a", "bb", "ccc"])
        #expect(lines("") == [])
        #expect(lines("\n\r\n") == [])
    }

    @Test("empty lines are kept where they are asked for")
    func keepsEmpty() {
        #expect(lines("a\n\nb\n", keepsEmpty: true) == ["a", "", "b"])
    }

    @Test("a line over the bound is dropped whole, and the next one is read")
    func bounds() {
        #expect(lines("123456\n12345\n1234567890\nok\n", max: 5) == ["12345", "ok"])
        #expect(lines("1234567", max: 5) == [])
    }
}
