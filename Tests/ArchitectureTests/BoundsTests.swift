import Testing

// Goal: the table of bounds names what there is, and each bound once. Method: the names in its first column are looked
// up where the sources declare them: a type by its declaration, a member in a file that declares or extends its type.
@Suite("The table of bounds")
struct BoundsTests {
    private struct Row {
        var bound: String
        /// What stands in backquotes.
        var names: [String]
    }

    private static let rows: [Row] = {
        let lines = Checkout.lines("ARCHITECTURE.md").map(String.init)
        let section = lines.drop { $0 != "## Bounds" }.dropFirst().prefix { !$0.hasPrefix("## ") }
        return section.filter { $0.hasPrefix("| ") && !$0.hasPrefix("| bound |") }.map { line in
            let bound = line.split(separator: "|").first.map(String.init) ?? ""
            let pieces = bound.split(separator: "`", omittingEmptySubsequences: false)
            return Row(bound: bound, names: pieces.indices.filter { $0 % 2 == 1 }.map { String(pieces[$0]) })
        }
    }()

    /// What each file declares: types, constants, variables. A word behind one of these is a name.
    private static let declarations: [Set<String>] = {
        let kinds: Set<String> = ["struct", "class", "enum", "protocol", "extension", "let", "var", "case"]
        return (TidyTests.sources + TidyTests.modules).compactMap { Checkout.text($0) }.map { text in
            var names: Set<String> = []
            var isName = false
            for word in text.utf8.split(whereSeparator: { !isOfWord($0) }) {
                let word = String(Substring(word))
                if isName { names.insert(word) }
                isName = kinds.contains(word)
            }
            return names
        }
    }()

    private static func isOfWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"): true
        default: false
        }
    }

    @Test("there are bounds to look at")
    func notEmpty() { #expect(Self.rows.count > 60) }

    @Test("what is named is declared")
    func declared() {
        for row in Self.rows {
            for name in row.names where !name.hasPrefix("/") {
                #expect(Self.isDeclared(name), "\(name)")
            }
        }
    }

    @Test("a bound stands there once")
    func once() {
        let bounds = Self.rows.map { $0.bound.split(separator: "(")[0].split(separator: ",")[0] }
        for bound in Set(bounds) { #expect(bounds.count { $0 == bound } == 1, "\(bound)") }
    }

    /// A module of the page, or names that one file declares together. What has a space or a hyphen is no name.
    private static func isDeclared(_ name: String) -> Bool {
        if name.hasSuffix(".js") { return TidyTests.modules.contains("web-demo/\(name)") }
        if name.contains(where: { $0 == " " || $0 == "-" }) { return true }
        let parts = name.split(separator: ".").map(String.init)
        return declarations.contains { $0.isSuperset(of: parts) }
    }
}
