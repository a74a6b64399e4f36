/// Splits a field value at a mark that is not inside a quoted string (RFC 9110 §5.6.1, §5.6.4), blanks trimmed, empty
/// elements left out.
enum ListElements {
    static func split(_ value: some StringProtocol, at mark: UInt8) -> [Substring] {
        let text = Substring(value)
        var elements: [Substring] = []
        var (start, isQuoted, isEscaped) = (text.startIndex, false, false)
        for index in text.utf8.indices {
            let octet = text.utf8[index]
            if isEscaped {
                isEscaped = false
            } else if isQuoted && octet == ASCII.backslash {
                isEscaped = true
            } else if octet == ASCII.quote {
                isQuoted.toggle()
            } else if octet == mark && !isQuoted {
                elements.append(text[start..<index].trimmingBlanks)
                start = text.utf8.index(after: index)
            }
        }
        elements.append(text[start...].trimmingBlanks)
        return elements.filter { !$0.isEmpty }
    }
}
