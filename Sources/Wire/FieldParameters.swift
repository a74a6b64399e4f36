/// `*( OWS ";" OWS [ name "=" ( token / quoted-string ) ] )`: the tail of Content-Type, Content-Disposition and Accept
/// (RFC 9110 §5.6.6).
struct FieldParameters: Equatable, Sendable {
    /// How a backslash in a quoted string is read.
    enum Escapes {
        /// RFC 9110 §5.6.4: it makes the next character plain, whichever that is.
        case anyCharacter
        /// Only before a quote or another backslash: what curl writes, and what leaves `C:\new.pdf` alone.
        case quoteAndBackslash
    }

    /// Names in lower case.
    private(set) var pairs: [(name: String, value: String)] = []

    subscript(name: String) -> String? { pairs.first { $0.name == name }?.value }

    /// Nil when malformed. A value outside quotes may hold what tokens may not (`boundary=----=_Part_7`): mail
    /// libraries write such boundaries, and the end of the value is plain.
    init?(parsing text: some StringProtocol, escapes: Escapes = .anyCharacter) {
        let octets = Array(text.utf8)
        var index = 0
        func skipBlanks() { while index < octets.count && octets[index].isBlank { index += 1 } }

        while true {
            skipBlanks()
            guard index < octets.count else { return }
            guard octets[index] == ASCII.semicolon else { return nil }
            index += 1
            skipBlanks()
            if index == octets.count || octets[index] == ASCII.semicolon { continue }

            let nameStart = index
            while index < octets.count && octets[index].isToken { index += 1 }
            guard index > nameStart, index < octets.count, octets[index] == ASCII.equals else { return nil }
            let name = String(decoding: octets[nameStart..<index], as: UTF8.self).asciiLowercased
            index += 1

            var value: [UInt8] = []
            if index < octets.count, octets[index] == ASCII.quote {
                index += 1
                var isClosed = false
                while index < octets.count && !isClosed {
                    let octet = octets[index]
                    index += 1
                    switch octet {
                    case ASCII.quote: isClosed = true
                    case ASCII.backslash where index < octets.count && escapes.apply(to: octets[index]):
                        value.append(octets[index])
                        index += 1
                    default: value.append(octet)
                    }
                }
                guard isClosed else { return nil }
            } else {
                while index < octets.count, octets[index] != ASCII.semicolon, !octets[index].isBlank {
                    guard octets[index] != ASCII.quote else { return nil }
                    value.append(octets[index])
                    index += 1
                }
                guard !value.isEmpty else { return nil }
            }
            // RFC 9110 §5.6.6 leaves repeated names open; the first one counts, as with fields.
            if self[name] == nil { pairs.append((name, String(decoding: value, as: UTF8.self))) }
        }
    }

    static func == (left: FieldParameters, right: FieldParameters) -> Bool {
        left.pairs.elementsEqual(right.pairs) { $0 == $1 }
    }
}

extension FieldParameters.Escapes {
    fileprivate func apply(to octet: UInt8) -> Bool {
        self == .anyCharacter || octet == ASCII.quote || octet == ASCII.backslash
    }
}
