/// The fields of a message in the order they were added; names are compared without regard to case (RFC 9110 §5.1).
///
/// A look-up walks the list: heads hold a dozen fields and are bounded to a hundred, where a walk beats a dictionary.
package struct HTTPFields: Sendable {
    package private(set) var pairs: [(name: String, value: String)] = []

    package init() {}

    /// Adds a field line after those that are there; the same name may come again (`Set-Cookie`, `Vary`).
    package mutating func add(_ name: String, _ value: String) {
        if pairs.isEmpty { pairs.reserveCapacity(12) }  // A browser's dozen at once, not in four growing steps.
        pairs.append((name, value))
    }

    /// Makes `value` the only one of this name, in the place of the first one if there was any.
    package mutating func set(_ name: String, _ value: String) {
        guard let first = pairs.firstIndex(where: { $0.name.equalsIgnoringASCIICase(name) }) else {
            pairs.append((name, value))
            return
        }
        pairs[first].value = value
        for index in pairs.indices.reversed() where index > first && pairs[index].name.equalsIgnoringASCIICase(name) {
            pairs.remove(at: index)
        }
    }

    /// Removes every field of this name.
    package mutating func remove(_ name: String) {
        pairs.removeAll { $0.name.equalsIgnoringASCIICase(name) }
    }

    /// The first value of this name.
    package subscript(name: String) -> String? {
        pairs.first { $0.name.equalsIgnoringASCIICase(name) }?.value
    }

    /// The values of all field lines of this name, in order.
    package func values(_ name: String) -> [String] {
        pairs.filter { $0.name.equalsIgnoringASCIICase(name) }.map(\.value)
    }

    /// Whether one of this name's comma-separated lists has `token` as a member, in any case (RFC 9110 §5.6.1).
    package func contains(_ name: String, token: String) -> Bool {
        pairs.contains { pair in
            pair.name.equalsIgnoringASCIICase(name)
                && pair.value.pieces(between: ASCII.comma).contains { $0.trimmingBlanks.equalsIgnoringASCIICase(token) }
        }
    }
}

extension HTTPFields: Equatable {
    package static func == (left: HTTPFields, right: HTTPFields) -> Bool {
        left.pairs.elementsEqual(right.pairs) { $0 == $1 }
    }
}

extension HTTPFields: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral elements: (String, String)...) {
        for (name, value) in elements { add(name, value) }
    }
}
