/// The Prefer field (RFC 7240).
package enum PreferField {
    /// `wait=N` in seconds (RFC 7240 §4.3); nil where none is preferred, or what stands there is no number.
    package static func waitSeconds(_ fieldValues: [String]) -> Int? {
        for value in fieldValues {
            for preference in ListElements.split(value, at: ASCII.comma) {
                // Parameters of a preference follow it after semicolons; this one has none that mean anything.
                guard let first = ListElements.split(preference, at: ASCII.semicolon).first else { continue }
                let sides = first.pieces(between: ASCII.equals)
                guard sides.count == 2, sides[0].trimmingBlanks.equalsIgnoringASCIICase("wait") else { continue }
                let text = sides[1].trimmingBlanks
                guard !text.isEmpty, text.utf8.count <= 9, text.utf8.allSatisfy(\.isDigit) else { return nil }
                return Int(text)
            }
        }
        return nil
    }
}
