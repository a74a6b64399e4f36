import Testing

@testable import JSON

@Suite("A JSON text in pieces")
struct JSONScannerTests {
    /// The tokens of a text that comes in pieces of so many bytes; nil when it is no JSON.
    static func tokens(_ text: String, piece: Int) -> [JSONScanner.Token]? {
        var scanner = JSONScanner()
        var tokens: [JSONScanner.Token] = []
        let bytes = Array(text.utf8)
        do throws(JSONError) {
            for start in stride(from: 0, to: bytes.count, by: piece) {
                let part = Array(bytes[start..<min(start + piece, bytes.count)])
                try scanner.receive(part.span) { (token) throws(JSONError) in tokens.append(token) }
            }
            try scanner.finish { (token) throws(JSONError) in tokens.append(token) }
            return tokens
        } catch {
            return nil
        }
    }

    @Test("tokens come in order, however the text is cut", arguments: [1, 2, 3, 7, 1000])
    func order(piece: Int) {
        let text = #" { "a" : [ 1, -2.5e1 , "x\"\u00e9\\" , true,false,null ] , "b":{} , "c":[] } "#
        #expect(
            Self.tokens(text, piece: piece)
                == [
                    .beginObject, .key("a"), .beginArray, .number(1), .number(-25), .string("x\"é\\"), .bool(true),
                    .bool(false), .null, .endArray, .key("b"), .beginObject, .endObject, .key("c"), .beginArray,
                    .endArray, .endObject,
                ])
    }

    @Test(
        "a value by itself is a text",
        arguments: [("12", .number(12)), ("true", .bool(true)), ("\"\"", .string(""))] as [(String, JSONScanner.Token)])
    func single(text: String, token: JSONScanner.Token) {
        #expect(Self.tokens(text, piece: 1) == [token])
    }

    // Goal: the scanner takes what the parser takes, and nothing else. Method: both read the same texts, good and bad,
    // and each text with every byte left out.
    @Test(
        "it takes what the parser takes, whole and in pieces",
        arguments: [
            #"{"data":[{"index":0,"embedding":[0.1,-2e-3]}],"x":null}"#, "[1,2", "[1,]", "{,}", #"{"a" 1}"#, #"{"a":}"#,
            "01", "-", "1.", ".5", "1e", "+1", "NaN", "[Infinity]", "[-Infinity]", "nul", "nulll", "truefalse", "\"a",
            "\"\\x\"", "\"\\ud800\"", "\"\u{1}\"", "[]]", "{}[]", "", " ", "[1 2]", "{\"a\":1,}", "[\"\\u12\"]",
            "1e400", "123456789012345678901234567890", "[[[[]]]]", "{\"a\":{\"b\":[{}]}}",
        ])
    func sameAsParser(text: String) {
        var variants = [text]
        let bytes = Array(text.utf8)
        for index in bytes.indices {
            variants.append(String(decoding: bytes[..<index] + bytes[(index + 1)...], as: UTF8.self))
        }
        for variant in variants {
            let isTaken = (try? JSONValue.parse(variant)) != nil
            for piece in [1, 2, 1000] {
                #expect((Self.tokens(variant, piece: piece) != nil) == isTaken, "\(variant), \(piece) at a time")
            }
        }
    }

    @Test(
        "numbers are as the parser has them",
        arguments: [
            "0", "-0", "0.1", "-0.0123456789", "1e22", "1e23", "9007199254740993", "0.30000000000000004", "5e-324",
            "1.7976931348623157e308", "0.00000000000000000000001", "-1.5E+3", "123456789.123456789", "1e-30",
        ])
    func numbers(text: String) throws {
        #expect(Self.tokens(text, piece: 3) == [.number(try #require(try JSONValue.parse(text).numberValue))])
    }

    @Test("a long string is cut and a long number refused, so that nothing grows")
    func bounds() throws {
        let long = String(repeating: "a", count: 5000)
        #expect(Self.tokens("\"\(long)\"", piece: 100) == [.string(String(long.prefix(1024)))])
        #expect(Self.tokens("[\(String(repeating: "1", count: 257))]", piece: 100) == nil)
    }

    @Test("values nest as deep as it is told")
    func depth() {
        var scanner = JSONScanner(depthMax: 2)
        #expect(throws: JSONError(offset: 2, reason: "nested too deep")) {
            try scanner.receive(Array("[[[".utf8).span) { (_) throws(JSONError) in }
        }
    }

    @Test("a scanner that failed stays failed")
    func staysFailed() {
        var scanner = JSONScanner()
        #expect(throws: JSONError.self) { try scanner.receive(Array("]".utf8).span) { (_) throws(JSONError) in } }
        #expect(throws: JSONError.self) { try scanner.receive(Array("1".utf8).span) { (_) throws(JSONError) in } }
        #expect(!scanner.isComplete)
    }
}
