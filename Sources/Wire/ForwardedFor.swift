/// Whom a proxy speaks for (X-Forwarded-For). Each proxy adds the address that it was called from at the end, so only
/// what trusted proxies have added can be believed, and that stands at the end.
package enum ForwardedFor {
    /// The client's address: that of the peer, or, where the peer is a trusted proxy, the last address of the list that
    /// is not one. What cannot be read ends the way back at the proxy that said it.
    package static func client(
        peer: NetworkAddress, values: [String], trusted: [NetworkRange]
    ) -> NetworkAddress {
        let isTrusted = { (address: NetworkAddress) in trusted.contains { $0.contains(address) } }
        var client = peer
        for hop in values.flatMap({ $0.pieces(between: ASCII.comma) }).reversed() {
            guard isTrusted(client), let address = address(hop) else { return client }
            client = address
        }
        return client
    }

    /// Some proxies add the port: `10.0.0.1:4711`, `[2001:db8::1]:4711`.
    private static func address(_ hop: some StringProtocol) -> NetworkAddress? {
        let octets = Array(hop.trimmingBlanks.utf8)
        let end: Int
        if octets.first == 0x5B {
            guard let bracket = octets.firstIndex(of: 0x5D) else { return nil }
            return NetworkAddress(parsing: String(decoding: octets[1..<bracket], as: UTF8.self))
        } else if octets.count(where: { $0 == ASCII.colon }) == 1, let colon = octets.firstIndex(of: ASCII.colon) {
            end = colon
        } else {
            end = octets.count
        }
        return NetworkAddress(parsing: String(decoding: octets[..<end], as: UTF8.self))
    }
}
