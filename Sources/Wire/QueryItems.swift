/// The names and values of a query, read as browsers write forms: `&` between items, `+` a space, malformed escapes
/// as they stand and broken UTF-8 replaced (WHATWG URL, application/x-www-form-urlencoded). Never fails: a query that
/// makes no sense has no items that anybody asks for.
package struct QueryItems: Sendable {
    package private(set) var pairs: [(name: String, value: String)] = []

    package init(_ query: String) {
        for item in query.pieces(between: 0x26) where !item.isEmpty {
            let equals = item.utf8.firstIndex(of: ASCII.equals)
            let name = item[..<(equals ?? item.endIndex)]
            let value = equals.map { item[item.utf8.index(after: $0)...] } ?? ""
            pairs.append((Self.decode(name), Self.decode(value)))
        }
    }

    /// The first value of this name; empty for a name without a value.
    package subscript(name: String) -> String? { pairs.first { $0.name == name }?.value }

    package func values(_ name: String) -> [String] { pairs.filter { $0.name == name }.map(\.value) }

    private static func decode(_ text: Substring) -> String {
        String(decoding: PercentCoding.octets(text, lenient: true, plusIsSpace: true) ?? [], as: UTF8.self)
    }
}
