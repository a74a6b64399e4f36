/// The value of Host and the authority of a target: `uri-host [ ":" port ]` (RFC 9110 §7.2, RFC 3986 §3.2).
enum HostName {
    /// An empty name is valid: it says that the target has no authority.
    static func isValid(_ text: some StringProtocol) -> Bool {
        let octets = Array(text.utf8)
        var index = 0
        if octets.first == 0x5B {
            // An IP literal: digits, colons and dots in brackets, or the versioned form nobody has ever used.
            guard let end = octets.firstIndex(of: 0x5D), end > 1 else { return false }
            let inside = octets[1..<end]
            guard inside.allSatisfy({ $0.isUnreserved || $0.isSubDelimiter || $0 == ASCII.colon }) else { return false }
            index = end + 1
        } else {
            while index < octets.count && octets[index] != ASCII.colon {
                let octet = octets[index]
                if octet == ASCII.percent {
                    guard index + 2 < octets.count, octets[index + 1].hexadecimalValue != nil,
                        octets[index + 2].hexadecimalValue != nil
                    else { return false }
                } else if !octet.isUnreserved && !octet.isSubDelimiter {
                    return false
                }
                index += 1
            }
        }
        guard index < octets.count else { return true }
        guard octets[index] == ASCII.colon else { return false }
        let port = octets[(index + 1)...]
        guard port.count <= 5, port.allSatisfy(\.isDigit) else { return false }
        return port.reduce(0) { $0 * 10 + Int($1 - 0x30) } <= 65535
    }
}
