import Testing

import JSON
import Text

struct ResultLineTests {
    private func line(_ text: String, _ embedding: [Float]) -> String {
        var line: [UInt8] = []
        ResultLine.encode(
            TextChunk(index: 12, pageStart: 3, pageEnd: 10, text: text), embedding: embedding, into: &line)
        return String(decoding: line, as: UTF8.self)
    }

    @Test("a line is the chunk as one JSON object and a line feed, appended to what is there")
    func shape() throws {
        let expected = #"{"index":12,"page_start":3,"page_end":10,"text":"a \"b\"\n日本","embedding":[0.5,-0.25,0]}"#
        #expect(line("a \"b\"\n日本", [0.5, -0.25, 0]) == expected + "\n")
        #expect(line("x", []).hasSuffix("\"embedding\":[]}\n"))
        var lines: [UInt8] = Array("first\n".utf8)
        ResultLine.encode(TextChunk(index: 0, pageStart: 1, pageEnd: 1, text: ""), embedding: [1], into: &lines)
        #expect(String(decoding: lines, as: UTF8.self).hasPrefix("first\n{\"index\":0,"))
    }

    @Test(
        "numbers have six decimals at most, no trailing zeros, and no sign of zero",
        arguments: [
            (0, "0"), (-0.0, "0"), (1, "1"), (-1, "-1"), (0.1, "0.1"), (0.123_456_7, "0.123457"),
            (0.000_001, "0.000001"),
            (0.000_000_4, "0"), (-0.000_000_4, "0"), (-0.000_000_6, "-0.000001"), (0.999_999_9, "1"), (12.5, "12.5"),
            (1_234_567, "1234567"), (0.051, "0.051"), (1e20, "1e+20"), (.infinity, "null"), (.nan, "null"),
        ] as [(Float, String)])
    func numbers(value: Float, text: String) {
        #expect(line("", [value]).hasSuffix("[\(text)]}\n"))
    }

    @Test("every line reads back as JSON with the same text and, to six decimals, the same numbers")
    func readsBack() throws {
        var random = SeededRandom(seed: 5)
        for _ in 0..<100 {
            let text = RandomText.page(tokens: 20, using: &random)
            let vector = (0..<8).map { _ in Float.random(in: -1...1, using: &random) }
            let line = line(text, vector)
            #expect(line.utf8.filter { $0 == UInt8(ascii: "\n") }.count == 1)
            let value = try JSONValue.parse(line)
            #expect(Array(value["text"]!.stringValue!.utf8) == Array(text.utf8))
            let numbers = try #require(value["embedding"]?.arrayValue).map { Float($0.numberValue!) }
            #expect(zip(numbers, vector).allSatisfy { abs($0 - $1) < 0.000_000_6 })
            #expect(value["page_end"]?.integerValue == 10)
        }
    }
}
