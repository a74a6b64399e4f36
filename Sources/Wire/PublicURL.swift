/// The address under which clients reach the server, where it is not the one that it listens on:
/// `https://docs.example/headway`.
package struct PublicURL: Sendable, Equatable {
    /// Without a slash at its end: a path of the server goes right behind it.
    package let text: String

    /// Nil when it is no http or https URL with a host, or has a query, a fragment or a name and password.
    package init?(parsing given: String) {
        guard let scheme = ["http://", "https://"].first(where: given.hasPrefix) else { return nil }
        let rest = given.dropFirst(scheme.count)
        let host = rest.utf8.prefix { $0 != ASCII.slash }
        let path = rest.utf8.dropFirst(host.count)
        guard let first = host.first, first != ASCII.colon, HostName.isValid(Substring(host)),
            path.allSatisfy({ $0.isUnreserved || $0.isSubDelimiter || [0x25, 0x2F, 0x3A, 0x40].contains($0) })
        else { return nil }
        var text = given[...]
        while text.hasSuffix("/") { text = text.dropLast() }
        self.text = String(text)
    }
}
