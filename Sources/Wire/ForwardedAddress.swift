/// The address under which a client reached a proxy, as the proxy says it (X-Forwarded-Proto, X-Forwarded-Host).
///
/// Whether the proxy is one to believe is the caller's to know.
package enum ForwardedAddress {
    /// `https://docs.example:8443`; nil unless both are said, each once, and are the scheme and host of an http or
    /// https URL. Of a list nobody could tell which one the client used, and half an address leads nowhere.
    package static func origin(_ fields: HTTPFields) -> String? {
        let (schemes, hosts) = (fields.values("X-Forwarded-Proto"), fields.values("X-Forwarded-Host"))
        guard schemes.count == 1, hosts.count == 1,
            let scheme = ["http", "https"].first(where: schemes[0].equalsIgnoringASCIICase),
            !hosts[0].isEmpty, hosts[0].utf8.count <= hostBytesMax, hosts[0].utf8.allSatisfy(isOfHost)
        else { return nil }
        return PublicURL(parsing: "\(scheme)://\(hosts[0])")?.text
    }

    /// RFC 1035 §2.3.4, and a port.
    static let hostBytesMax = 255 + 6

    /// Of a name, an address, or a port behind one: much less than RFC 3986 lets a host be made of.
    private static func isOfHost(_ octet: UInt8) -> Bool {
        octet.isDigit || octet.isLetter || [0x2D, 0x2E, 0x3A, 0x5B, 0x5D].contains(octet)
    }
}
