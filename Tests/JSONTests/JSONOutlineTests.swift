import Testing

@testable import JSON

@Suite("Where the parts of a JSON text stand")
struct JSONOutlineTests {
    @Test("every member and element has its path and the place where it begins")
    func places() throws {
        let text = #"{"a": [1, {"b": "x,}\"]"}, []], "c\n": {}, "d": null}"#
        _ = try JSONValue.parse(text)
        let outline = JSONOutline(Array(text.utf8))
        #expect(outline.places.map(\.path) == ["a", "a[0]", "a[1]", "a[1].b", "a[2]", "c\n", "d"])
        for (path, beginning) in [("a", #""a""#), ("a[1]", "{"), ("a[1].b", #""b""#), ("d", #""d""#)] {
            let offset = try #require(outline.offset(of: path))
            #expect(Array(text.utf8)[offset...].starts(with: beginning.utf8), "\(path)")
        }
        #expect(outline.offset(of: "e") == nil)
    }

    @Test("a name that is repeated in one object is found, and one that is in two objects is not")
    func repeated() {
        let text = #"{"a": {"b": 1}, "b": 2, "a": 3}"#
        let outline = JSONOutline(Array(text.utf8))
        #expect(outline.repeated?.path == "a")
        #expect(outline.repeated?.offset == 24)
        #expect(JSONOutline(Array(#"[{"a":1},{"a":1}]"#.utf8)).repeated == nil)
    }

    @Test("lines are counted from 1", arguments: [(0, 1), (1, 1), (2, 2), (3, 3), (99, 3)])
    func lines(offset: Int, line: Int) {
        #expect(JSONOutline.line(of: offset, in: Array("a\n\nb".utf8)) == line)
    }

    @Test("values of every kind, empty and nested, are gone over without a slip")
    func everyKind() throws {
        let text = "[ ] "
        #expect(JSONOutline(Array(text.utf8)).places.isEmpty)
        let deep = #" { "x" : [ [ ] , { } , -1.5e3 , true , "" , [ { "y" : [ null ] } ] ] } "#
        _ = try JSONValue.parse(deep)
        #expect(
            JSONOutline(Array(deep.utf8)).places.map(\.path) == [
                "x", "x[0]", "x[1]", "x[2]", "x[3]", "x[4]", "x[5]", "x[5][0]", "x[5][0].y", "x[5][0].y[0]",
            ])
    }
}
