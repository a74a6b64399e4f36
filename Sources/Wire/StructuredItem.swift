/// A field that is one Item of structured fields (RFC 9651 §3.3), of the two types that uploads need. Parameters are
/// read over: none is defined for these fields, and a later one must not make a value unreadable (§2).
enum StructuredItem {
    /// §3.3.1: an optional minus and 1 to 15 digits.
    static func integer(_ text: some StringProtocol) -> Int64? {
        guard let item = bareItem(text) else { return nil }
        let digits = item.first == ASCII.hyphen ? item.dropFirst() : item
        guard (1...15).contains(digits.count), digits.allSatisfy(\.isDigit) else { return nil }
        return Int64(String(decoding: item, as: UTF8.self))
    }

    /// §3.3.6: `?1` or `?0`.
    static func boolean(_ text: some StringProtocol) -> Bool? {
        guard let item = bareItem(text), item.count == 2, item.first == ASCII.questionMark else { return nil }
        switch item.last {
        case UInt8(ascii: "1"): return true
        case UInt8(ascii: "0"): return false
        default: return nil
        }
    }

    /// What stands before the parameters, which are checked. Spaces may stand around an Item and behind the mark before
    /// a parameter; tabs may not (§4.2).
    private static func bareItem(_ text: some StringProtocol) -> ArraySlice<UInt8>? {
        var rest = Array(text.utf8)[...]
        while rest.first == ASCII.space { rest.removeFirst() }
        while rest.last == ASCII.space { rest.removeLast() }
        let item = rest.prefix { $0 != ASCII.semicolon }
        rest = rest.dropFirst(item.count)
        while !rest.isEmpty {
            guard takeParameter(&rest) else { return nil }
        }
        return item
    }

    /// §4.2.3.2: `";" *SP key [ "=" bare-item ]`.
    private static func takeParameter(_ rest: inout ArraySlice<UInt8>) -> Bool {
        guard rest.first == ASCII.semicolon else { return false }
        rest.removeFirst()
        while rest.first == ASCII.space { rest.removeFirst() }
        guard let first = rest.first, isLowercase(first) || first == ASCII.asterisk else { return false }
        rest = rest.drop { isLowercase($0) || $0.isDigit || [0x5F, 0x2D, 0x2E, 0x2A].contains($0) }
        guard rest.first == ASCII.equals else { return true }
        rest.removeFirst()
        return rest.first == ASCII.quote ? takeString(&rest) : takeWord(&rest)
    }

    /// §4.2.5: visible characters and spaces between quotes; a backslash stands before a quote or a backslash only.
    private static func takeString(_ rest: inout ArraySlice<UInt8>) -> Bool {
        rest.removeFirst()
        while let octet = rest.popFirst() {
            switch octet {
            case ASCII.quote: return true
            case ASCII.backslash:
                guard let next = rest.popFirst(), next == ASCII.quote || next == ASCII.backslash else { return false }
            case 0x20...0x7E: continue
            default: return false
            }
        }
        return false
    }

    /// Every other bare item is one word without a mark of its own; what it says is nobody's business here.
    private static func takeWord(_ rest: inout ArraySlice<UInt8>) -> Bool {
        let word = rest.prefix { (0x21...0x7E).contains($0) && $0 != ASCII.semicolon && $0 != ASCII.comma }
        rest = rest.dropFirst(word.count)
        return !word.isEmpty
    }

    private static func isLowercase(_ octet: UInt8) -> Bool { (0x61...0x7A).contains(octet) }
}
