import Testing
import Wire

@Suite("The address by which a proxy was called")
struct ForwardedAddressTests {
    private func origin(_ fields: [(String, String)]) -> String? {
        var all = HTTPFields()
        for (name, value) in fields { all.add(name, value) }
        return ForwardedAddress.origin(all)
    }

    @Test(
        "a scheme and a host make an address",
        arguments: [
            ("https", "docs.example"), ("http", "docs.example:8080"), ("HTTPS", "10.0.0.1"),
            ("https", "[2001:db8::1]:443"),
        ])
    func addresses(scheme: String, host: String) {
        let said = origin([("X-Forwarded-Proto", scheme), ("X-Forwarded-Host", host)])
        #expect(said == "\(scheme.lowercased())://\(host)")
    }

    @Test(
        "what is no scheme or no host makes none",
        arguments: [
            ("ftp", "docs.example"), ("", "docs.example"), ("https", ""), ("https", "a/b"), ("https", "a?b"),
            ("https", "a@b"), ("https", "a b"), ("https", "a,b"), ("https", "a%2e"), ("https", ":443"),
            ("https", "a:b"),
            ("https", "a:99999"), ("https", "a\u{E9}"), ("https", "[::1"), ("https,http", "a"), ("https", "a\"b"),
            ("https", String(repeating: "a", count: 300)),
        ])
    func none(scheme: String, host: String) {
        #expect(origin([("X-Forwarded-Proto", scheme), ("X-Forwarded-Host", host)]) == nil)
    }

    @Test("half of it, and two of one, make none")
    func halves() {
        #expect(origin([("X-Forwarded-Proto", "https")]) == nil)
        #expect(origin([("X-Forwarded-Host", "a")]) == nil)
        let (scheme, host) = (("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "a"))
        #expect(origin([scheme, host]) == "https://a")
        #expect(origin([scheme, host, host]) == nil && origin([scheme, scheme, host]) == nil)
    }
}
