import Testing

import JSON

struct JSONWriterTests {
    private func written(_ write: (inout JSONWriter) -> Void) -> String {
        var writer = JSONWriter()
        write(&writer)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    @Test("commas and colons stand where they belong")
    func structure() {
        let text = written {
            $0.beginObject()
            $0.key("a" as StaticString)
            $0.beginArray()
            $0.endArray()
            $0.key("b" as String)
            $0.beginArray()
            $0.integer(1)
            $0.beginObject()
            $0.endObject()
            $0.null()
            $0.bool(true)
            $0.raw(Array(#"{"r":0}"#.utf8))
            $0.beginArray()
            $0.beginArray()
            $0.string("x")
            $0.endArray()
            $0.endArray()
            $0.endArray()
            $0.key("c" as StaticString)
            $0.bool(false)
            $0.endObject()
        }
        #expect(text == #"{"a":[],"b":[1,{},null,true,{"r":0},[["x"]]],"c":false}"#)
    }

    @Test(
        "a number is fixed-point, rounded, with at least one decimal",
        arguments: [
            (67, 1, "67.0"), (67, 3, "67.0"), (0, 2, "0.0"), (-0.0, 2, "0.0"), (-0.001, 2, "0.0"), (99.96, 1, "100.0"),
            (61.25, 2, "61.25"), (61.2, 2, "61.2"), (61.205, 1, "61.2"), (0.05, 2, "0.05"), (0.000_001, 6, "0.000001"),
            (-12.5, 3, "-12.5"), (5, 0, "5.0"), (5.5, 0, "6.0"), (123_456_789.123, 3, "123456789.123"),
            (1e300, 2, "1e+300"), (.infinity, 1, "null"), (-.infinity, 1, "null"), (.nan, 1, "null"),
            (0.123_456_789, 9, "0.123456789"),
        ])
    func fixedPoint(value: Double, decimals: Int, text: String) {
        #expect(written { $0.number(value, decimals: decimals) } == text)
    }

    @Test("integers reach both ends of their range", arguments: [0, 7, 10, -1, 1_234_567_890, Int64.max, .min])
    func integers(value: Int64) {
        #expect(written { $0.integer(value) } == String(value))
    }

    @Test(
        "quotes, backslashes, controls and the line ends of JavaScript are escaped, nothing else",
        arguments: [
            ("", ""), ("plain", "plain"), ("a\"b\\c", #"a\"b\\c"#), ("/", "/"), ("\u{8}\t\n\u{c}\r", #"\b\t\n\f\r"#),
            ("\0\u{1f}\u{7f}", "\\u0000\\u001f\u{7f}"),
            ("\u{2027}\u{2028}\u{2029}\u{202a}", "\u{2027}\\u2028\\u2029\u{202a}"),
            ("…â日本😀", "…â日本😀"), ("\"", #"\""#), ("x\u{2028}", "x\\u2028"),
        ])
    func escapes(text: String, escaped: String) throws {
        #expect(written { $0.string(text) } == "\"\(escaped)\"")
        #expect(try JSONValue.parse(written { $0.string(text) }) == .string(text))
        #expect(
            written {
                $0.key(text); $0.null()
            } == "\"\(escaped)\":null")
    }

    @Test("every scalar survives writing and reading")
    func scalars() throws {
        var text = String.UnicodeScalarView()
        for value in stride(from: UInt32(0), to: 0x11_0000, by: 1) where value < 0x3000 || value % 251 == 0 {
            if let scalar = Unicode.Scalar(value) { text.append(scalar) }
        }
        let value = JSONValue.string(String(text))
        let parsed = try JSONValue.parse(value.compactBytes)
        #expect(Array(parsed.stringValue!.unicodeScalars) == Array(text))
    }

    @Test(
        "what must be escaped is found wherever it stands, and nothing else is",
        arguments: [
            ("\u{0}", #"\u0000"#), ("\u{1f}", #"\u001f"#), ("\"", #"\""#), ("\\", #"\\"#), ("\u{2028}", #"\u2028"#),
            (" ", " "), ("!", "!"), ("#", "#"), ("[", "["), ("\u{7f}", "\u{7f}"), ("é", "é"), ("\u{2027}", "\u{2027}"),
        ])
    func places(character: String, escaped: String) {
        for before in 0..<20 {
            for after in [0, 1, 7, 8, 9] {
                let (head, tail) = (String(repeating: "a", count: before), String(repeating: "é", count: after))
                #expect(written { $0.string(head + character + tail) } == "\"\(head)\(escaped)\(tail)\"")
                #expect(written { $0.string(head + character + character) } == "\"\(head)\(escaped)\(escaped)\"")
            }
        }
    }

    @Test("what is written from a value reads back as the same value")
    func roundTrip() throws {
        let text = #"{"a":[1,-2,1.5,1e+300,5e-324,0.1],"s":"é\n","n":null,"t":true,"o":{"x":[[],{}]}}"#
        let value = try JSONValue.parse(text)
        #expect(value.compactText == text)
        #expect(try JSONValue.parse(value.compactText) == value)
        #expect(JSONValue.number(.nan).compactText == "null")
        #expect(JSONValue.number(3).compactText == "3.0")
    }
}
