import Testing
import Wire

/// Requests that are understood. Each goes whole, byte by byte, cut once everywhere, and with another request behind
/// it.
@Suite struct HTTPRequestTests {
    private static let follower = "DELETE /next HTTP/1.1\r\nHost: h\r\n\r\n".octets

    /// The one head of a request, after checking that no cut and no follower changes it.
    private func decode(_ text: String, limits: HTTPLimits = .default) throws -> (head: RequestHead, body: [UInt8]) {
        let bytes = text.octets
        let whole = HTTPTranscript([bytes], limits: limits)
        #expect(whole.failure == nil, "\(text)")
        #expect(whole.isBetweenRequests)
        for pieces in Pieces.everyWay(bytes) { #expect(HTTPTranscript(pieces, limits: limits) == whole) }
        let followed = HTTPTranscript([bytes + Self.follower], limits: limits)
        #expect(Array(followed.steps.prefix(whole.steps.count)) == whole.steps)
        #expect(followed.heads.last?.path == "/next" && followed.failure == nil)
        #expect(whole.heads.count == 1 && whole.requestCount == 1)
        return (try #require(whole.heads.first), whole.body)
    }

    @Test("a plain GET has no content, keeps the connection and shows path and query apart")
    func plainGet() throws {
        let (head, body) = try decode(
            "GET /v1/a%20b?x=1&y=?2 HTTP/1.1\r\nHost: h:8080\r\nAccept:  */* \t\r\nX-A:\r\n\r\n")
        #expect(head.method == "GET" && head.target == "/v1/a%20b?x=1&y=?2")
        #expect(head.path == "/v1/a%20b" && head.query == "x=1&y=?2")
        #expect(head.fields == ["Host": "h:8080", "Accept": "*/*", "X-A": ""])
        #expect(head.framing == .none && head.keepAlive && !head.expectsContinue && head.minorVersion == 1)
        #expect(body.isEmpty)
    }

    @Test("Content-Length delimits content exactly, zero included")
    func contentLength() throws {
        let five = try decode("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello")
        #expect(five.head.framing == .length(5) && five.body == "hello".octets)
        let none = try decode("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
        #expect(none.head.framing == .length(0) && none.body.isEmpty)
        #expect(try decode("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0003\r\n\r\nabc").body == "abc".octets)
        #expect(try decode("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n\r\n\r").body == "\r\n\r".octets)
    }

    @Test(
        "chunks are joined; extensions and trailers are read and dropped",
        arguments: [
            ("5\r\nhello\r\n0\r\n\r\n", "hello"),
            ("0\r\n\r\n", ""),
            ("000\r\n\r\n", ""),
            ("1\r\nh\r\n00000004\r\nello\r\n0\r\n\r\n", "hello"),
            ("A\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
            ("2;name=\"v;\u{80}\";flag\r\n\r\n\r\n0\r\n\r\n", "\r\n"),
            ("1 \t; x\r\na\r\n0;last\r\n\r\n", "a"),
            ("1\r\na\r\n0\r\nX-T: 1\r\nContent-Length: 50\r\nTransfer-Encoding: gzip\r\n\r\n", "a"),
        ])
    func chunked(wire: String, content: String) throws {
        let (head, body) = try decode("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + wire)
        #expect(head.framing == .chunked && body == content.octets)
    }

    @Test("of the trailers the checksum is kept, for its own request alone")
    func trailers() throws {
        let head = "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        let wire =
            head + "1\r\na\r\n0\r\nX-T: 1\r\nupload-CHECKSUM:  sha1 x \r\nContent-Length: 50\r\n\r\n"
            + head + "0\r\n\r\n" + head + "0\r\nUpload-Checksum: a\r\nUpload-Checksum: b\r\n\r\n"
        for pieces in Pieces.everyWay(wire.octets) {
            let kept = HTTPTranscript(pieces).steps.filter { if case .trailer = $0 { true } else { $0 == .end } }
            #expect(
                kept == [
                    .trailer("Upload-Checksum=sha1 x"), .end, .end, .trailer("Upload-Checksum=a"),
                    .trailer("Upload-Checksum=b"), .end,
                ])
        }
    }

    @Test("names of fields and codings are compared without case")
    func caseInsensitive() throws {
        let (head, body) = try decode(
            "PUT / HTTP/1.1\r\nhOST: h\r\ntRANSFER-eNCODING: ChUnKeD\r\n\r\n1\r\nx\r\n0\r\n\r\n")
        #expect(head.framing == .chunked && body == ["x"].flatMap(\.utf8) && head.fields["HOST"] == "h")
    }

    @Test(
        "the four forms of a target",
        arguments: [
            ("GET", "/", "/", "", "h"),
            ("GET", "//a/../b", "//a/../b", "", "h"),
            ("GET", "/?", "/", "", "h"),
            ("GET", "/a?{\"b\":[1|2]}", "/a", "{\"b\":[1|2]}", "h"),
            ("GET", "http://other:81/x?y", "/x", "y", "other:81"),
            ("GET", "HTTPS://other?y=/z", "/", "y=/z", "other"),
            ("OPTIONS", "http://other", "/", "", "other"),
            ("OPTIONS", "*", "*", "", "h"),
            ("CONNECT", "other:443", "", "", "other:443"),
            ("CONNECT", "[::1]:443", "", "", "[::1]:443"),
        ])
    func targets(method: String, target: String, path: String, query: String, host: String) throws {
        let (head, _) = try decode("\(method) \(target) HTTP/1.1\r\nHost: h\r\n\r\n")
        #expect(head.target == target && head.path == path && head.query == query)
        #expect(head.fields.values("Host") == [host])
    }

    @Test("raw UTF-8 in a target is let through, as curl sends it")
    func rawUTF8Target() throws {
        let (head, _) = try decode("PUT /drop/r\u{C3}\u{A9}sum\u{C3}\u{A9}.pdf HTTP/1.1\r\nHost: h\r\n\r\n")
        #expect(head.path == "/drop/résumé.pdf")
    }

    @Test("a field's octets are UTF-8 where they are valid, else ISO-8859-1")
    func fieldOctets() throws {
        let (head, _) = try decode("GET / HTTP/1.1\r\nHost: h\r\nA: \u{C3}\u{A9}\r\nB: \u{E9}\u{FF}\r\n\r\n")
        #expect(head.fields["a"] == "é" && head.fields["b"] == "éÿ")
    }

    @Test(
        "whether the connection goes on",
        arguments: [
            ("HTTP/1.1", "X: y", true), ("HTTP/1.1", "Connection: close", false),
            ("HTTP/1.1", "Connection: foo, CLOSE ,bar", false), ("HTTP/1.1", "Connection: keep-alive, close", false),
            ("HTTP/1.1", "Connection: closed", true), ("HTTP/1.2", "X: y", true),
            ("HTTP/1.0", "X: y", false), ("HTTP/1.0", "Connection: Keep-Alive", true),
            ("HTTP/1.0", "Connection: keep-alive\r\nConnection: close", false),
        ])
    func keepAlive(version: String, field: String, expected: Bool) throws {
        #expect(try decode("GET / \(version)\r\nHost: h\r\n\(field)\r\n\r\n").head.keepAlive == expected)
    }

    @Test("HTTP/1.0 needs no Host and knows no Expect")
    func http10() throws {
        let (head, body) = try decode("POST / HTTP/1.0\r\nExpect: the-moon\r\nContent-Length: 2\r\n\r\nab")
        #expect(head.minorVersion == 0 && !head.expectsContinue && !head.keepAlive && body == "ab".octets)
    }

    @Test(
        "100-continue is reported where there is content to wait with",
        arguments: [
            ("Expect: 100-Continue\r\nContent-Length: 1\r\n\r\nx", true),
            ("Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", true),
            ("Expect: 100-continue\r\nContent-Length: 0\r\n\r\n", false),
            ("Expect: 100-continue\r\n\r\n", false),
        ])
    func expectContinue(rest: String, expected: Bool) throws {
        #expect(try decode("POST / HTTP/1.1\r\nHost: h\r\n" + rest).head.expectsContinue == expected)
    }

    @Test(
        "valid hosts", arguments: ["", "h", "a.b-c_d~e:80", "127.0.0.1:65535", "h:", "[::1]", "[fe80::1]:8080", "%41b"])
    func hosts(host: String) throws {
        #expect(try decode("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n").head.fields["host"] == host)
    }

    @Test("empty lines before a request are ignored and leave the decoder between requests")
    func leadingEmptyLines() throws {
        _ = try decode("\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n")
        #expect(HTTPTranscript(["\r\n\r".octets]).isBetweenRequests)
        #expect(!HTTPTranscript(["\r\nG".octets]).isBetweenRequests)
        #expect(!HTTPTranscript(["GET / HTTP/1.1\r\n".octets]).isBetweenRequests)
        #expect(!HTTPTranscript(["POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nx".octets]).isBetweenRequests)
    }

    @Test("pipelined requests come out in order, a thousand as well as two")
    func pipelined() {
        let one = "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc".octets
        let two = "PUT /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n".octets
        let stream = one + two + one
        for pieces in Pieces.everyWay(stream) {
            let transcript = HTTPTranscript(pieces)
            #expect(transcript.heads.map(\.path) == ["/a", "/b", "/a"] && transcript.requestCount == 3)
            #expect(transcript.failure == nil)
        }
        let many = Array(repeatElement(one, count: 1000).joined())
        #expect(HTTPTranscript([many]).requestCount == 1000)
    }

    @Test("bytes after an upgrade request stay unconsumed for the next protocol")
    func bytesBehindTheEnd() throws {
        let input = "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n".octets
        var decoder = HTTPRequestDecoder()
        var position = 0
        let stream = input + [0x81, 0x80]
        guard case .head = try decoder.next(stream.span, at: &position) else { return #expect(Bool(false)) }
        guard case .end = try decoder.next(stream.span, at: &position) else { return #expect(Bool(false)) }
        #expect(position == input.count)
    }

    @Test("content is reported in place, without a copy, and a length of many gigabytes needs none of them")
    func bodyRanges() throws {
        var decoder = HTTPRequestDecoder()
        let head = "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 9223372036854775807\r\n\r\n".octets
        var position = 0
        guard case .head(let parsed) = try decoder.next(head.span, at: &position) else { return #expect(Bool(false)) }
        #expect(parsed.framing == .length(.max))
        let piece = [UInt8](repeating: 7, count: 100_000)
        position = 10
        guard case .body(let range) = try decoder.next(piece.span, at: &position) else { return #expect(Bool(false)) }
        #expect(range == 10..<100_000 && position == 100_000)
    }
}
