/// The value of Content-Type (RFC 9110 §8.3.1).
package struct MediaType: Equatable, Sendable {
    /// Lower case, as all of `type`, `subtype` and the names of parameters: they are compared without case.
    package var type: String
    package var subtype: String
    /// Values as sent, without their quotes.
    package var parameters: [String: String]

    /// `application/pdf`: type and subtype without parameters.
    package var essence: String { "\(type)/\(subtype)" }

    package init(type: String, subtype: String, parameters: [String: String] = [:]) {
        self.type = type.asciiLowercased
        self.subtype = subtype.asciiLowercased
        self.parameters = parameters
    }

    /// Nil when it is not `token/token` with well-formed parameters; what is answered then (415 or judging by the
    /// bytes) is the server's to decide.
    package init?(parsing value: String) {
        let text = value.trimmingBlanks
        let end = text.utf8.firstIndex { $0 == ASCII.semicolon || $0.isBlank } ?? text.endIndex
        let names = text[..<end].pieces(between: ASCII.slash)
        guard names.count == 2, names[0].isToken, names[1].isToken,
            let parameters = FieldParameters(parsing: text[end...])
        else { return nil }
        self.init(
            type: String(names[0]), subtype: String(names[1]),
            parameters: Dictionary(uniqueKeysWithValues: parameters.pairs.map { ($0.name, $0.value) }))
    }
}
