import Testing

import JSON

struct JSONObjectTests {
    @Test("members keep their order, a repeated name its place and the last value")
    func order() throws {
        let object = try #require(try JSONValue.parse(#"{"z":1,"a":2,"z":3}"#).objectValue)
        #expect(object.members.map(\.key) == ["z", "a"])
        #expect(object.members.map(\.value) == [.integer(3), .integer(2)])
    }

    @Test("setting nil takes a member out, in small and in large objects")
    func removal() {
        for count in [3, 12, 13, 40] {
            var object = JSONObject()
            for number in 0..<count { object["k\(number)"] = .integer(Int64(number)) }
            object["k1"] = nil
            object["none"] = nil
            #expect(object["k1"] == nil && object.members.count == count - 1)
            for number in 2..<count { #expect(object["k\(number)"] == .integer(Int64(number))) }
            object["k1"] = .null
            #expect(object.members.last?.key == "k1" && object["k1"] == .null)
        }
    }

    @Test("names are compared by their bytes, not by Unicode equivalence")
    func names() throws {
        for filler in [0, 40] {
            var object = JSONObject()
            for number in 0..<filler { object["k\(number)"] = .null }
            object["\u{e9}"] = .integer(1)
            object["e\u{301}"] = .integer(2)
            #expect(object["\u{e9}"] == .integer(1) && object["e\u{301}"] == .integer(2))
        }
    }

    @Test("objects with the same members are equal in any order")
    func equality() throws {
        #expect(try JSONValue.parse(#"{"a":1,"b":2}"#) == JSONValue.parse(#"{"b":2,"a":1}"#))
        #expect(try JSONValue.parse(#"{"a":1,"b":2}"#) != JSONValue.parse(#"{"a":1}"#))
        #expect(try JSONValue.parse(#"{"a":1,"b":2}"#) != JSONValue.parse(#"{"a":1,"c":2}"#))
    }

    @Test("a hundred thousand names are read in one hash each")
    func manyNames() throws {
        let text = "{" + (0..<100_000).map { "\"\($0)\":\($0)" }.joined(separator: ",") + "}"
        let clock = ContinuousClock()
        var value = JSONValue.null
        let duration = try clock.measure { value = try JSONValue.parse(text) }
        #expect(value["99999"] == .integer(99_999))
        #expect(duration < .seconds(20), "a scan for each of the names would take minutes")
    }
}
