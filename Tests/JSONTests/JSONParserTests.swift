import Testing

import JSON

/// Goal: exactly the texts of RFC 8259 are read, each with its value; everything else is refused at the right byte.
struct JSONParserTests {
    static let accepted: [(String, JSONValue)] = [
        ("null", .null), ("true", .bool(true)), (" false\r\n\t", .bool(false)),
        ("0", .integer(0)), ("-0", .integer(0)), ("-17", .integer(-17)),
        ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
        ("9223372036854775808", .number(9_223_372_036_854_775_808)),
        ("-9223372036854775809", .number(-9_223_372_036_854_775_808)),
        ("1.5", .number(1.5)), ("-0.25e2", .number(-25)), ("1E+2", .number(100)), ("1e-2", .number(0.01)),
        ("1e-999", .number(0)), ("100000000000000000000000000000", .number(1e29)),
        ("\"\"", .string("")), ("\"a\"", .string("a")), ("\"héllo 日本 😀\"", .string("héllo 日本 😀")),
        (#""\"\\\/\b\f\n\r\t""#, .string("\"\\/\u{8}\u{c}\n\r\t")),
        (#""x\u00e9y\uD83D\uDE00z\u0000""#, .string("xéy😀z\0")), (#""\u2028""#, .string("\u{2028}")),
        ("\"\u{7f}\u{2028}\"", .string("\u{7f}\u{2028}")),
        ("[]", .array([])), ("[ ]", .array([])),
        ("[1,[2 , null]]", .array([.integer(1), .array([.integer(2), .null])])),
        ("{}", .object([:])), (#" { "a" : 1 , "b" : [ ] } "#, .object(["a": .integer(1), "b": .array([])])),
        (#"{"":{"":{}}}"#, .object(["": .object(["": .object([:])])])),
    ]

    @Test("a text of the grammar is read as its value", arguments: accepted)
    func accepts(text: String, value: JSONValue) throws {
        #expect(try JSONValue.parse(text) == value)
        #expect(try JSONValue.parse(Array(text.utf8)) == value)
    }

    @Test(
        "a text outside the grammar is refused where it leaves it",
        arguments: [
            ("", 0), ("  ", 2), ("nul", 0), ("nulll", 4), ("True", 0), ("1 2", 2), ("// c\n1", 0), ("'a'", 0),
            ("01", 0), ("-01", 1), ("-", 1), ("+1", 0), (".5", 0), ("1.", 2), ("1.e3", 2), ("1e", 2), ("1e+", 3),
            ("0x10", 1), ("NaN", 0), ("-Infinity", 1), ("1e999", 0), ("[-1e400]", 1),
            ("\"a", 0), ("\"a\\", 2), ("\"\n\"", 1), ("\"a\u{0}\"", 2), (#""\x""#, 1), (#""\u12""#, 5),
            (#""\u12g4""#, 5),
            (#""\uD800""#, 1), (#""a\uDC00""#, 2), (#""\uD800\uD800""#, 1), (#""\uD800A""#, 1), (#""\ud800\n""#, 1),
            ("[", 1), ("[1", 2), ("[1,", 3), ("[1,]", 3), ("[,1]", 1), ("[1 2]", 3), ("]", 0), ("[1}", 2),
            ("{", 1), (#"{"a""#, 4), (#"{"a":"#, 5), (#"{"a":1"#, 6), (#"{"a":1,}"#, 7), ("{a:1}", 1), (#"{"a" 1}"#, 5),
            ("{1:1}", 1), ("\u{feff}1", 0),
        ])
    func refuses(text: String, offset: Int) {
        let error = #expect(throws: JSONError.self) { try JSONValue.parse(text) }
        #expect(error?.offset == offset, "\(error?.reason ?? "")")
    }

    @Test(
        "bytes that are not UTF-8 are refused, also when an escape stands inside them",
        arguments: [
            [0xff], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x80], [0x80],
            [0xc3, 0x5c, 0x6e, 0xa9],
        ])
    func refusesBadUTF8(bytes: [UInt8]) {
        #expect(throws: JSONError.self) { try JSONValue.parse([0x22, 0x61] + bytes + [0x22]) }
        let error = #expect(throws: JSONError.self) { try JSONValue.parse([0x22, 0x61, 0x5c, 0x6e] + bytes + [0x22]) }
        #expect(error?.offset == 4)
    }

    @Test("every beginning of a text is refused or read, never a trap")
    func prefixes() {
        let text = Array(#"{"a":[1.5e3,-2,"é\ud83d\ude00\n",true,null,{"b":{}}],"c":"x"}"#.utf8)
        for count in 0..<text.count {
            #expect(throws: JSONError.self) { try JSONValue.parse(Array(text[..<count])) }
        }
        for position in text.indices {
            for byte in UInt8.min...UInt8.max {
                var damaged = text
                damaged[position] = byte
                _ = try? JSONValue.parse(damaged)
            }
        }
    }

    @Test("values nest to the bound and not one deeper")
    func depth() throws {
        func nested(_ count: Int) -> String {
            String(repeating: "[", count: count) + String(repeating: "]", count: count)
        }
        #expect(throws: Never.self) { try JSONValue.parse(nested(JSONValue.depthMaxDefault)) }
        let error = #expect(throws: JSONError.self) { try JSONValue.parse(nested(JSONValue.depthMaxDefault + 1)) }
        #expect(error == JSONError(offset: JSONValue.depthMaxDefault, reason: "nested too deep"))
        #expect(throws: JSONError.self) { try JSONValue.parse(String(repeating: "{\"a\":", count: 100_000)) }
        #expect(throws: Never.self) { try JSONValue.parse("[[],[],{},{}]", depthMax: 2) }
        #expect(throws: JSONError.self) { try JSONValue.parse("[[[]]]", depthMax: 2) }
        #expect(throws: Never.self) { try JSONValue.parse("1", depthMax: 0) }
        #expect(throws: Never.self) {
            try JSONValue.parse(nested(JSONValue.depthMaxLimit), depthMax: JSONValue.depthMaxLimit)
        }
    }

    @Test("the accessors give a value of their kind only")
    func accessors() throws {
        let value = try JSONValue.parse(#"{"s":"x","i":3,"d":2.5,"e":1e3,"b":true,"a":[1],"o":{"k":null}}"#)
        #expect(value["s"]?.stringValue == "x" && value["s"]?.integerValue == nil)
        #expect(value["i"]?.integerValue == 3 && value["i"]?.numberValue == 3)
        #expect(value["d"]?.numberValue == 2.5 && value["d"]?.integerValue == nil)
        #expect(value["e"]?.integerValue == 1000)
        #expect(value["b"]?.boolValue == true && value["b"]?.stringValue == nil)
        #expect(value["a"]?.arrayValue == [.integer(1)] && value["a"]?["k"] == nil)
        #expect(value["o"]?.objectValue?["k"] == .null && value["o"]?["none"] == nil)
    }
}
