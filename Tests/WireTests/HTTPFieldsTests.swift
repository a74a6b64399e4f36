import Testing
import Wire

@Suite struct HTTPFieldsTests {
    @Test("fields keep their order and repetitions; names are compared without case")
    func order() {
        var fields = HTTPFields()
        fields.add("A", "1")
        fields.add("b", "2")
        fields.add("a", "3")
        #expect(fields["a"] == "1" && fields["B"] == "2" && fields["c"] == nil)
        #expect(fields.values("A") == ["1", "3"] && fields.values("c").isEmpty)
        #expect(fields.pairs.map(\.name) == ["A", "b", "a"])
    }

    @Test("set leaves one field of the name, in the place of the first")
    func set() {
        var fields: HTTPFields = ["A": "1", "B": "2", "a": "3"]
        fields.set("a", "4")
        fields.set("C", "5")
        #expect(fields == ["A": "4", "B": "2", "C": "5"])
        fields.remove("b")
        #expect(fields == ["A": "4", "C": "5"])
    }

    @Test("a token is found in any of the lists, whole and in any case")
    func tokens() {
        let fields: HTTPFields = ["Connection": "foo,\t CLOSE ,,bar", "connection": "Upgrade", "Other": "close"]
        #expect(fields.contains("connection", token: "close") && fields.contains("Connection", token: "upgrade"))
        #expect(!fields.contains("Connection", token: "clos") && !fields.contains("Connection", token: "foo,"))
        #expect(!fields.contains("Upgrade", token: "close"))
        #expect(HTTPFields(dictionaryLiteral: ("A", "x,\u{301}y")).contains("A", token: "x"))
    }
}
