import System

/// Where a server is, as the command line names it: `ws://127.0.0.1:8080/path?query` or `http://…`.
package struct ServerURL: Equatable {
    package enum Scheme: String, CaseIterable { case http, ws }

    package var scheme: Scheme
    package var address: SocketAddress
    /// Path and query, as they go into the request line.
    package var target: String

    /// Nil for anything but an address of digits (or `localhost`) behind `http://` or `ws://`: a measurement resolves
    /// no names and speaks no TLS.
    package init?(parsing text: String) {
        guard let scheme = Scheme.allCases.first(where: { text.hasPrefix("\($0.rawValue)://") }) else { return nil }
        let rest = text.dropFirst(scheme.rawValue.count + 3)
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        let authority = String(rest[..<slash])
        // The colons of an IPv6 address are within its brackets.
        let hasPort = authority.split(separator: "]").last?.contains(":") == true && !authority.hasSuffix("]")
        guard !authority.isEmpty, let address = SocketAddress(parsing: hasPort ? authority : authority + ":80") else {
            return nil
        }
        self.scheme = scheme
        self.address = address
        target = slash == rest.endIndex ? "/" : String(rest[slash...])
    }
}
