import Testing

@testable import Client

@Suite struct ServerAddressTests {
    @Test(
        "a server is a URL, or a host with a port",
        arguments: [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/v1"), ("127.0.0.1:8080", "http://127.0.0.1:8080/v1"),
            ("HTTPS://docs.example/", "https://docs.example/v1"), ("http://h/base//", "http://h/base/v1"),
            ("http://[::1]:8080", "http://[::1]:8080/v1"),
        ])
    func reads(text: String, url: String) {
        #expect(ServerAddress(text)?.url(["v1"]) == url)
    }

    @Test(
        "what is no server is refused",
        arguments: [
            "", "http://", "ftp://h", "file:///etc/passwd", "http://h?x", "http://h#x", "http://h\n", "http://h h",
            "http://ü", "http://:8080", "http://user@",
        ])
    func refuses(text: String) {
        #expect(ServerAddress(text) == nil)
    }

    @Test("ids and names are data: whatever they hold, they stay one segment or value")
    func encodes() throws {
        let address = try #require(ServerAddress("http://h"))
        #expect(address.url(["v1", "../a b?#ü"]) == "http://h/v1/..%2Fa%20b%3F%23%C3%BC")
        #expect(address.url(["drop", ".."]) == "http://h/drop/%2E%2E")
        #expect(
            address.url(["v1"], query: [("name", "a&b=c.pdf"), ("limit", "5")])
                == "http://h/v1?name=a%26b%3Dc.pdf&limit=5")
    }

    @Test("a password does not show in messages")
    func hidesPassword() throws {
        let address = try #require(ServerAddress("http://user:secret@h:1/base"))
        #expect(address.shown == "http://h:1/base")
        #expect(address.url([]) == "http://user:secret@h:1/base")
    }

    @Test("a link is a path on the server or an http URL, and nothing else")
    func resolves() throws {
        let address = try #require(ServerAddress("http://h:1/base"))
        #expect(address.resolve(link: "/v1/documents/1/content") == "http://h:1/v1/documents/1/content")
        #expect(address.resolve(link: "https://store/x?sig=1") == "https://store/x?sig=1")
        for link in ["//other/x", "file:///x", "x", "", "/a\r\nb", "javascript:1"] {
            #expect(address.resolve(link: link) == nil)
        }
    }

    @Test(
        "the media type follows the ending",
        arguments: [
            ("a.pdf", "application/pdf"), ("A.PDF", "application/pdf"), ("a.b.md", "text/markdown"),
            ("a.txt", "text/plain"), ("pdf", MediaType.unknown), ("a.", MediaType.unknown),
            ("a.xyz", MediaType.unknown), ("a.epub", "application/epub+zip"), ("a.csv", "text/csv"),
        ])
    func mediaType(name: String, type: String) {
        #expect(MediaType.of(fileName: name) == type)
    }
}
