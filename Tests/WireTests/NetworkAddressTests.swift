import Testing

@testable import Wire

@Suite("Addresses, ranges and who stands behind a proxy")
struct NetworkAddressTests {
    @Test(
        "an address is read, and written in one way (RFC 5952)",
        arguments: [
            ("127.0.0.1", "127.0.0.1"), ("255.255.255.255", "255.255.255.255"), ("::", "::"), ("::1", "::1"),
            ("1::", "1::"), ("2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("2001:db8::0001", "2001:db8::1"),
            ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"), ("1:2:3::5:6:7:8", "1:2:3:0:5:6:7:8"),
            ("::ffff:10.1.2.3", "10.1.2.3"), ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"), ("fe80::1%eth0", "fe80::1"),
        ])
    func addresses(text: String, written: String) {
        #expect(NetworkAddress(parsing: text)?.description == written)
    }

    @Test(
        "what is no address is none",
        arguments: [
            "", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.", "a.b.c.d", ":", ":::", "1:2", ":1::2",
            "1::2:", "1::2::3", "12345::", "g::", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::8", "1.2.3.4::", "::1.2.3",
            "1:2:3:4:5:6:7", "unknown", "_hidden", "+1.2.3.4",
        ])
    func refused(text: String) {
        #expect(NetworkAddress(parsing: text) == nil)
    }

    @Test("IPv6 addresses of one network of 64 bits are one site, IPv4 addresses each one of their own")
    func sites() throws {
        let site = { (text: String) in NetworkAddress(parsing: text)?.site }
        #expect(site("2001:db8:1:2:3:4:5:6") == "2001:db8:1:2::/64")
        #expect(site("2001:db8:1:2::9") == "2001:db8:1:2::/64")
        #expect(site("192.0.2.1") == "192.0.2.1")
    }

    @Test(
        "a range holds the addresses that begin as it does",
        arguments: [
            ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.0", false), ("0.0.0.0/0", "1.2.3.4", true),
            ("192.0.2.128/25", "192.0.2.127", false), ("192.0.2.128/25", "192.0.2.129", true),
            ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false), ("::/0", "::1", true),
            ("::/0", "1.2.3.4", false), ("2001:db8::/33", "2001:db8:7fff::1", true),
            ("2001:db8::/33", "2001:db8:8000::1", false), ("127.0.0.0/8", "::ffff:127.0.0.1", true),
        ])
    func ranges(range: String, address: String, isInside: Bool) throws {
        let parsed = try #require(NetworkRange(parsing: range))
        #expect(parsed.contains(try #require(NetworkAddress(parsing: address))) == isInside)
    }

    @Test(
        "a range that says more than its length, or less, is refused",
        arguments: ["10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8/8", "::1/64", "::/129", "x/8"])
    func refusedRanges(text: String) {
        #expect(NetworkRange(parsing: text) == nil)
    }

    @Test(
        "the client is the last hop that no trusted proxy is",
        arguments: [
            ("203.0.113.9", ["1.1.1.1"], "203.0.113.9"), ("10.0.0.1", [], "10.0.0.1"),
            ("10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", ["6.6.6.6, 198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", ["6.6.6.6", "198.51.100.7 ,10.0.0.2"], "198.51.100.7"),
            ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"), ("10.0.0.1", ["198.51.100.7:4711"], "198.51.100.7"),
            ("10.0.0.1", ["[2001:db8::1]:4711"], "2001:db8::1"), ("10.0.0.1", ["2001:db8::1"], "2001:db8::1"),
            ("10.0.0.1", ["6.6.6.6, unknown, 10.0.0.2"], "10.0.0.2"), ("10.0.0.1", [""], "10.0.0.1"),
            ("10.0.0.1", ["[::1"], "10.0.0.1"), ("::ffff:10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ])
    func forwarded(peer: String, values: [String], client: String) throws {
        let trusted = try [#require(NetworkRange(parsing: "10.0.0.0/8"))]
        let found = ForwardedFor.client(
            peer: try #require(NetworkAddress(parsing: peer)), values: values, trusted: trusted)
        #expect(found.description == client)
    }
}

@Suite("The secret of a request")
struct BearerTokenTests {
    func head(_ method: String = "GET", query: String = "", authorization: String? = nil) -> RequestHead {
        var fields = HTTPFields()
        if let authorization { fields.set("Authorization", authorization) }
        return RequestHead(method: method, target: "/?\(query)", path: "/", query: query, fields: fields)
    }

    @Test(
        "it is read from the field, whatever the case of the scheme",
        arguments: [
            ("Bearer abc", "abc"), ("bearer  abc", "abc"), ("Bearer", nil), ("Bearer ", nil), ("Basic YTpi", nil),
            ("Bearerabc", nil), ("", nil),
        ])
    func field(value: String, secret: String?) {
        #expect(BearerToken.secret(head(authorization: value)) == secret)
    }

    @Test("a query may carry it where something is only read, and the field wins")
    func query() {
        #expect(BearerToken.secret(head(query: "access_token=a%2Bb")) == "a+b")
        #expect(BearerToken.secret(head("POST", query: "access_token=abc")) == nil)
        #expect(BearerToken.secret(head(query: "access_token=")) == nil)
        #expect(BearerToken.secret(head(query: "access_token=abc", authorization: "Bearer xyz")) == "xyz")
    }
}

@Suite("The server's public address")
struct PublicURLTests {
    @Test(
        "it is http or https with a host, perhaps a port and a path; a slash at its end is left out",
        arguments: [
            ("https://docs.example", "https://docs.example"), ("http://[::1]:8080/", "http://[::1]:8080"),
            ("https://docs.example:8443/a/b//", "https://docs.example:8443/a/b"),
        ])
    func taken(given: String, text: String) {
        #expect(PublicURL(parsing: given)?.text == text)
    }

    @Test(
        "anything else is none",
        arguments: [
            "", "docs.example", "ftp://docs.example", "https://", "https:///a", "https://:80", "https://a b",
            "https://docs.example?x", "https://docs.example/#x", "https://me:secret@docs.example", "https://a:99999",
        ])
    func refused(given: String) {
        #expect(PublicURL(parsing: given) == nil)
    }
}
