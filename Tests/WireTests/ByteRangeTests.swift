import Testing
import Wire

/// Range, If-Range and Content-Range (RFC 9110 §13.1.5, §14).
@Suite struct ByteRangeTests {
    @Test(
        "one range of bytes is read as it is meant",
        arguments: [
            ("bytes=0-0", .from(0, through: 0)), ("bytes=0-499", .from(0, through: 499)),
            ("bytes=500-", .from(500, through: nil)), ("bytes=-500", .last(500)), ("bytes=-0", .last(0)),
            ("Bytes=1-2", .from(1, through: 2)), (" bytes=1-2 ", .from(1, through: 2)),
            ("bytes=007-0010", .from(7, through: 10)), ("bytes=,1-2", .from(1, through: 2)),
            ("bytes=1-2 , ", .from(1, through: 2)),
            ("bytes=9223372036854775807-", .from(.max, through: nil)),
            ("bytes=9223372036854775808-", .from(.max, through: nil)),
            ("bytes=0-99999999999999999999999999", .from(0, through: .max)),
            ("bytes=-99999999999999999999999999", .last(.max)),
        ] as [(String, ByteRange)])
    func single(field: String, expected: ByteRange) {
        #expect(ByteRange(parsing: field) == expected)
    }

    @Test(
        "what is no single range of bytes is ignored",
        arguments: [
            "", "bytes", "bytes=", "bytes=-", "bytes=,", "bytes 0-1", "bytes=1", "bytes=a-b", "bytes=0-b",
            "bytes=0x1-2",
            "bytes=2-1", "bytes=0-1-2", "bytes=--1", "bytes=-1-", "bytes=+1-2", "bytes=1 - 2", "bytes =1-2",
            "bytes=0-1,3-4", "bytes=0-1,-1", "bytes=0-1, x", "bytes=\u{661}-", "items=0-1", "byte=0-1", "=0-1", "0-1",
            "bytes==0-1", "bytes=1.5-2", "bytes=\"0-1\"",
        ])
    func ignored(field: String) {
        #expect(ByteRange(parsing: field) == nil)
    }

    @Test(
        "a range is cut to the bytes that are there",
        arguments: [
            ("bytes=0-0", 10, .part(0..<1)), ("bytes=0-9", 10, .part(0..<10)), ("bytes=0-10", 10, .part(0..<10)),
            ("bytes=9-", 10, .part(9..<10)), ("bytes=9-100", 10, .part(9..<10)), ("bytes=10-", 10, .unsatisfiable),
            ("bytes=10-20", 10, .unsatisfiable), ("bytes=-1", 10, .part(9..<10)), ("bytes=-10", 10, .part(0..<10)),
            ("bytes=-11", 10, .part(0..<10)), ("bytes=-0", 10, .unsatisfiable),
            ("bytes=0-99999999999999999999", 10, .part(0..<10)),
            ("bytes=99999999999999999999-", 10, .unsatisfiable), ("bytes=-99999999999999999999", 10, .part(0..<10)),
            ("bytes=0-", 0, .unsatisfiable), ("bytes=0-0", 0, .unsatisfiable), ("bytes=-1", 0, .whole),
            ("bytes=-0", 0, .unsatisfiable),
            ("bytes=0-99999999999999999999", .max, .part(0..<Int64.max)),
            ("bytes=4294967296-4294967297", 5_000_000_000, .part(4_294_967_296..<4_294_967_298)),
        ] as [(String, Int64, ByteRange.Selection)])
    func cut(field: String, byteCount: Int64, expected: ByteRange.Selection) throws {
        #expect(try #require(ByteRange(parsing: field)).selection(of: byteCount) == expected)
    }

    @Test(
        "If-Range gives the part to the holder of the same strong tag, and the whole to anybody else",
        arguments: [
            ("\"a\"", true), (" \"a\" ", true), ("\"b\"", false), ("W/\"a\"", false), ("a", false), ("*", false),
            ("\"b\", \"a\"", false), ("\"a-gzip\"", false), ("", false), ("\"A\"", false),
            ("Wed, 25 Nov 2026 10:00:00 GMT", false),
        ])
    func ifRange(condition: String, isMet: Bool) {
        let selection = ByteRange.selection(
            of: 10, entityTag: "\"a\"", for: ["Range": "bytes=3-", "If-Range": condition])
        #expect(selection == (isMet ? .part(3..<10) : .whole))
    }

    @Test("If-Range without a match keeps the whole even where the range could not be satisfied")
    func ifRangeComesFirst() {
        let fields: HTTPFields = ["Range": "bytes=10-", "If-Range": "\"b\""]
        #expect(ByteRange.selection(of: 10, entityTag: "\"a\"", for: fields) == .whole)
    }

    @Test("no Range, and more than one, are answered with the whole")
    func noneAndMany() {
        #expect(ByteRange.selection(of: 10, entityTag: "\"a\"", for: ["If-Range": "\"a\""]) == .whole)
        let fields: HTTPFields = ["Range": "bytes=0-1", "range": "bytes=4-5"]
        #expect(ByteRange.selection(of: 10, entityTag: "\"a\"", for: fields) == .whole)
    }

    @Test("Content-Range names the first and the last byte and how many there are")
    func contentRange() {
        #expect(ByteRange.contentRange(0..<1, of: 10) == "bytes 0-0/10")
        #expect(ByteRange.contentRange(3..<10, of: 10) == "bytes 3-9/10")
        #expect(ByteRange.contentRange(ofNoneOf: 10) == "bytes */10")
    }
}
