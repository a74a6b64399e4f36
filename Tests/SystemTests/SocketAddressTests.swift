import Testing

@testable import System

@Suite("Addresses as people write them")
struct SocketAddressTests {
    @Test(
        "a numeric address with a port is taken, and written back the same way",
        arguments: ["127.0.0.1:8080", "0.0.0.0:0", "[::1]:65535"])
    func roundTrip(text: String) {
        #expect(SocketAddress(parsing: text)?.description == text)
    }

    @Test("no host means every address, localhost the loopback one")
    func shorthands() {
        #expect(SocketAddress(parsing: ":80")?.host == "0.0.0.0")
        #expect(SocketAddress(parsing: "localhost:80")?.host == "127.0.0.1")
    }

    @Test(
        "what is no address is refused",
        arguments: ["", "8080", "127.0.0.1", "host.example:80", "127.0.0.1:65536", "::1:x"])
    func refused(text: String) {
        #expect(SocketAddress(parsing: text) == nil)
    }

    @Test(
        "a client is all of an IPv4 address, however it came, and the first 64 bits of an IPv6 one",
        arguments: [
            ("192.0.2.7", "192.0.2.7"), ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2::1", "2001:db8:1:2::/64"), ("::1", "0:0:0:0::/64"),
        ])
    func client(host: String, client: String) {
        #expect(SocketAddress(host: host, port: 1).client == client)
    }
}
