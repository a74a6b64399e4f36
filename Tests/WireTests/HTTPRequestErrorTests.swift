import Testing
import Wire

/// Requests that are refused: the error is the same for every cut and whatever follows, and it stays.
@Suite struct HTTPRequestErrorTests {
    private func expect(
        _ text: String, _ error: HTTPRequestError, limits: HTTPLimits = .default,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let bytes = text.octets
        let whole = HTTPTranscript([bytes], limits: limits)
        #expect(whole.failure == error, "\(text.prefix(200).debugDescription)", sourceLocation: sourceLocation)
        for pieces in Pieces.everyWay(bytes) {
            #expect(HTTPTranscript(pieces, limits: limits) == whole, sourceLocation: sourceLocation)
        }
        let followed = bytes + "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n".octets
        #expect(HTTPTranscript([followed], limits: limits) == whole, sourceLocation: sourceLocation)
        #expect(!whole.isBetweenRequests)
    }

    @Test(
        "request lines",
        arguments: [
            ("GET /\r\n", .requestLineMalformed), ("GET\r\n", .requestLineMalformed),
            ("GET \r\n", .requestLineMalformed),
            ("GET  HTTP/1.1\r\n", .requestLineMalformed), ("GET  / HTTP/1.1\r\n", .requestLineMalformed),
            ("GET / HTTP/1.1 x\r\n", .versionMalformed), ("GET /a b HTTP/1.1\r\n", .versionMalformed),
            ("GET / HTTP/1.1 \r\n", .versionMalformed), ("GET / \r\n", .versionMalformed),
            ("GET / http/1.1\r\n", .versionMalformed), ("GET / HTTP/1.10\r\n", .versionMalformed),
            ("GET / HTTP/01.1\r\n", .versionMalformed), ("GET / HTTP/1,1\r\n", .versionMalformed),
            ("GET / HTTP/x.1\r\n", .versionMalformed), ("GET / HTTP/2.0\r\n", .versionUnsupported),
            ("PRI * HTTP/2.0\r\n", .versionUnsupported), ("GET / HTTP/0.9\r\n", .versionUnsupported),
            (" GET / HTTP/1.1\r\n", .methodInvalid), ("G\u{1}T / HTTP/1.1\r\n", .methodInvalid),
            ("GET\t/\tHTTP/1.1\r\n", .methodInvalid), ("G(T / HTTP/1.1\r\n", .methodInvalid),
            ("\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}", .methodInvalid), ("\u{0}", .methodInvalid),
            ("\r\rGET / HTTP/1.1\r\n", .methodInvalid),
            ("GET /\rX HTTP/1.1\r\n", .targetInvalid), ("GET /\u{0} HTTP/1.1\r\n", .targetInvalid),
            ("GET /\t HTTP/1.1\r\n", .targetInvalid), ("GET /\u{7F} HTTP/1.1\r\n", .targetInvalid),
            ("GET /#f HTTP/1.1\r\n", .targetInvalid), ("GET /\u{FF}\u{FE} HTTP/1.1\r\n", .targetInvalid),
            ("GET /\u{C0}\u{AE} HTTP/1.1\r\n", .targetInvalid), ("GET /..\\.. HTTP/1.1\r\n", .targetInvalid),
            ("GET h:80 HTTP/1.1\r\n", .targetInvalid), ("GET a/b HTTP/1.1\r\n", .targetInvalid),
            ("GET * HTTP/1.1\r\n", .targetInvalid), ("OPTIONS ** HTTP/1.1\r\n", .targetInvalid),
            ("GET ftp://h/ HTTP/1.1\r\n", .targetInvalid), ("GET http:///a HTTP/1.1\r\n", .targetInvalid),
            ("GET http://u@h/ HTTP/1.1\r\n", .targetInvalid), ("GET http://h:1x/ HTTP/1.1\r\n", .targetInvalid),
            ("CONNECT /a HTTP/1.1\r\n", .targetInvalid), ("CONNECT h HTTP/1.1\r\n", .targetInvalid),
            ("GET / HTTP/1.1\n", .bareLineFeed), ("\nGET / HTTP/1.1\r\n", .bareLineFeed),
        ] as [(String, HTTPRequestError)])
    func requestLines(text: String, error: HTTPRequestError) {
        expect(text, error)
    }

    @Test(
        "field lines",
        arguments: [
            ("X-A : b\r\n", .fieldNameInvalid), (": b\r\n", .fieldNameInvalid), ("X\u{0}A: b\r\n", .fieldNameInvalid),
            ("X A: b\r\n", .fieldNameInvalid), ("X\u{E9}: b\r\n", .fieldNameInvalid),
            ("X\rA: b\r\n", .fieldNameInvalid),
            ("no-colon\r\n", .fieldLineMalformed), ("X-A: a\r\n b\r\n", .fieldFolded), ("\tX-A: a\r\n", .fieldFolded),
            ("X-A: a\u{0}b\r\n", .fieldValueInvalid(name: "X-A")), ("X-A: a\rb\r\n", .fieldValueInvalid(name: "X-A")),
            ("X-A: \u{B}a\r\n", .fieldValueInvalid(name: "X-A")), ("X-A: \u{7F}\r\n", .fieldValueInvalid(name: "X-A")),
            ("X-A: b\r\r\n", .fieldValueInvalid(name: "X-A")), ("X-A: b\n", .bareLineFeed), ("\n", .bareLineFeed),
        ] as [(String, HTTPRequestError)])
    func fieldLines(text: String, error: HTTPRequestError) {
        expect("GET / HTTP/1.1\r\nHost: h\r\n" + text, error)
    }

    @Test(
        "Host: one, and valid",
        arguments: [
            ("", .hostMissing), ("Host: a\r\nHost: a\r\n", .hostRepeated), ("Host: a b\r\n", .hostInvalid),
            ("Host: h:99999\r\n", .hostInvalid), ("Host: h:8x\r\n", .hostInvalid), ("Host: h/x\r\n", .hostInvalid),
            ("Host: u@h\r\n", .hostInvalid), ("Host: a,b@\r\n", .hostInvalid), ("Host: [::1\r\n", .hostInvalid),
            ("Host: []\r\n", .hostInvalid), ("Host: [::1]x\r\n", .hostInvalid), ("Host: %4\r\n", .hostInvalid),
            ("Host: %zz\r\n", .hostInvalid), ("Host: h:1:2\r\n", .hostInvalid), ("Host: \u{E9}\r\n", .hostInvalid),
        ] as [(String, HTTPRequestError)])
    func hosts(fields: String, error: HTTPRequestError) {
        expect("GET / HTTP/1.1\r\n\(fields)\r\n", error)
    }

    @Test("a repeated Host is refused in HTTP/1.0 too")
    func hostRepeatedInHTTP10() {
        expect("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", .hostRepeated)
    }

    @Test(
        "framing that two readers could take differently",
        arguments: [
            ("Transfer-Encoding: chunked\r\nContent-Length: 4", .framingAmbiguous),
            ("Content-Length: 4\r\nTransfer-Encoding: gzip", .framingAmbiguous),
            ("Content-Length: 5\r\nContent-Length: 6", .contentLengthRepeated),
            ("Content-Length: 5\r\nContent-Length: 5", .contentLengthRepeated),
            ("Content-Length: 5, 5", .contentLengthRepeated), ("Content-Length: +5", .contentLengthInvalid),
            ("Content-Length: -5", .contentLengthInvalid), ("Content-Length: 5.0", .contentLengthInvalid),
            ("Content-Length: ", .contentLengthInvalid), ("Content-Length: 1 0", .contentLengthInvalid),
            ("Content-Length: 1_0", .contentLengthInvalid), ("Content-Length: 0x5", .contentLengthInvalid),
            ("Content-Length: 5;", .contentLengthInvalid), ("Content-Length: \u{B2}", .contentLengthInvalid),
            ("Content-Length: 9223372036854775808", .contentLengthTooLarge),
            ("Content-Length: 18446744073709551621", .contentLengthTooLarge),
            ("Transfer-Encoding: ", .transferCodingMalformed), ("Transfer-Encoding: ,", .transferCodingMalformed),
            ("Transfer-Encoding: chunked,", .transferCodingMalformed),
            ("Transfer-Encoding: chunked, chunked", .transferCodingMalformed),
            ("Transfer-Encoding: chunked, gzip", .transferCodingMalformed),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", .transferCodingMalformed),
            ("Transfer-Encoding: chunked;q=1", .transferCodingMalformed),
            ("Transfer-Encoding: \"chunked\"", .transferCodingMalformed),
            ("Transfer-Encoding: chun ked", .transferCodingMalformed),
            ("Transfer-Encoding: gzip", .transferCodingUnknown),
            ("Transfer-Encoding: gzip, chunked", .transferCodingUnknown),
            ("Transfer-Encoding: gzip;level=1, chunked", .transferCodingUnknown),
            ("Transfer-Encoding: xchunked", .transferCodingUnknown),
            ("Transfer-Encoding: identity", .transferCodingUnknown),
            ("Expect: the-moon\r\nContent-Length: 0", .expectationUnknown),
            ("Expect: 100-continue, more\r\nContent-Length: 5", .expectationUnknown),
        ] as [(String, HTTPRequestError)])
    func framing(fields: String, error: HTTPRequestError) {
        expect("POST / HTTP/1.1\r\nHost: h\r\n\(fields)\r\n\r\n", error)
    }

    @Test("HTTP/1.0 cannot send chunks")
    func chunkedInHTTP10() {
        expect("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", .transferCodingBeforeHTTP11)
    }

    @Test(
        "chunks",
        arguments: [
            ("-5\r\n", .chunkSizeInvalid), ("+5\r\n", .chunkSizeInvalid), ("\r\n", .chunkSizeInvalid),
            ("5g\r\n", .chunkSizeInvalid), ("0x5\r\n", .chunkSizeInvalid), (" 5\r\n", .chunkSizeInvalid),
            (";a\r\n", .chunkSizeInvalid), ("10000000000000005\r\n", .chunkSizeInvalid),
            ("00000000000000005\r\n", .chunkSizeInvalid), ("ffffffffffffffff\r\n", .chunkSizeInvalid),
            ("8000000000000000\r\n", .chunkSizeInvalid), ("5\rhello\r\n", .chunkSizeInvalid),
            ("5 \r\n", .chunkExtensionInvalid), ("5 a\r\n", .chunkExtensionInvalid),
            ("5;a\rb\r\n", .chunkExtensionInvalid), ("5;a\u{0}\r\n", .chunkExtensionInvalid),
            ("5\nhello", .bareLineFeed), ("5;a\nb\r\n", .bareLineFeed), ("5\r\nhello\n", .chunkDataUnterminated),
            ("5\r\nhello!", .chunkDataUnterminated), ("5\r\nhello\r!", .chunkDataUnterminated),
            ("0\r\nno colon\r\n", .fieldNameInvalid), ("0\r\nnocolon\r\n", .fieldLineMalformed),
            ("0\r\nA: b\r\n c\r\n", .fieldFolded), ("0\r\nA: \u{0}\r\n", .fieldValueInvalid(name: "A")),
            ("0\r\n\n", .bareLineFeed),
        ] as [(String, HTTPRequestError)])
    func chunks(text: String, error: HTTPRequestError) {
        expect("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + text, error)
    }

    @Test("after an error every further call throws the same one")
    func staysFailed() {
        var decoder = HTTPRequestDecoder()
        let bad = "GET /\u{0} HTTP/1.1\r\n".octets
        let good = "GET / HTTP/1.1\r\nHost: h\r\n\r\n".octets
        var position = 0
        #expect(throws: HTTPRequestError.targetInvalid) { _ = try decoder.next(bad.span, at: &position) }
        position = 0
        for _ in 0..<3 {
            #expect(throws: HTTPRequestError.targetInvalid) { _ = try decoder.next(good.span, at: &position) }
        }
        #expect(position == 0)
    }

    @Test("every bound of a head is met exactly")
    func headBounds() {
        let line = "GET /\(String(repeating: "a", count: 79)) HTTP/1.1\r\n"  // 95 bytes
        let limits = HTTPLimits(headBytesMax: 110, fieldsMax: 3, leadingEmptyLinesMax: 2)
        let head = line + "Host: h\r\n"  // 104 bytes
        #expect(HTTPTranscript([(head + "A:b\r\n\r\n").octets], limits: limits).failure == .headTooLarge(bytesMax: 110))
        #expect(HTTPTranscript([(head + "A\r\n").octets], limits: limits).failure == .fieldLineMalformed)
        #expect(HTTPTranscript([(head + "\r\n").octets], limits: limits).requestCount == 1)
        expect(head + "A: bcde", .headTooLarge(bytesMax: 110), limits: limits)
        expect(String(repeating: "G", count: 110), .requestLineTooLong(bytesMax: 110), limits: limits)
        #expect(HTTPTranscript([String(repeating: "G", count: 109).octets], limits: limits).failure == nil)

        let three = "GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 2\r\n"
        #expect(HTTPTranscript([(three + "\r\n").octets], limits: limits).requestCount == 1)
        expect(three + "C: 3\r\n", .tooManyFields(max: 3), limits: limits)

        #expect(HTTPTranscript(["\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n".octets], limits: limits).requestCount == 1)
        expect("\r\n\r\n\r\n", .tooManyEmptyLines(max: 2), limits: limits)
    }

    @Test("every bound of chunk lines and trailers is met exactly")
    func chunkBounds() {
        let limits = HTTPLimits(fieldsMax: 2, chunkLineBytesMax: 20, chunkExtensionBytesMax: 40, trailerBytesMax: 30)
        func body(_ text: String) -> HTTPRequestError? {
            let bytes = ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + text).octets
            let whole = HTTPTranscript([bytes], limits: limits)
            for pieces in Pieces.everyWay(bytes) { #expect(HTTPTranscript(pieces, limits: limits) == whole) }
            return whole.failure
        }
        let longest = "1;\(String(repeating: "e", count: 16))\r\na\r\n"
        #expect(body(longest) == nil)
        #expect(body("1;\(String(repeating: "e", count: 17))\r\na\r\n") == .chunkLineTooLong(bytesMax: 20))
        #expect(body(longest + longest) == nil)
        #expect(body(longest + longest + longest) == .chunkExtensionsTooLong(bytesMax: 40))
        #expect(body("0\r\nA: \(String(repeating: "t", count: 23))\r\n\r\n") == nil)
        #expect(body("0\r\nA: \(String(repeating: "t", count: 24))\r\n\r\n") == .trailersTooLarge(bytesMax: 30))
        #expect(body("0\r\nA: 1\r\nB: 2\r\n\r\n") == nil)
        #expect(body("0\r\nA: 1\r\nB: 2\r\nC: 3\r\n") == .tooManyFields(max: 2))
    }

    @Test("hostile bulk is refused without being kept: a megabyte of target, field, extension, and 100,000 fields")
    func bulk() {
        let megabyte = String(repeating: "a", count: 1 << 20)
        expect("GET /\(megabyte)", .requestLineTooLong(bytesMax: 16384))
        expect("GET / HTTP/1.1\r\nX: \(megabyte)", .headTooLarge(bytesMax: 16384))
        expect("GET / HTTP/1.1\r\n" + String(repeating: "a: b\r\n", count: 100_000), .tooManyFields(max: 100))
        let chunked = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        expect(chunked + "5;\(megabyte)", .chunkLineTooLong(bytesMax: 4096))
        expect(
            chunked + String(repeating: "1;x=yyyyyyyyyyyyyyyy\r\nz\r\n", count: 20_000),
            .chunkExtensionsTooLong(bytesMax: 16384))
    }

    @Test(
        "the fields before the mistake are handed out: the answer goes by them",
        arguments: [
            "bad line\r\n", "X: \u{1}\r\n", "Content-Length: x\r\n\r\n", "Expect: the-moon\r\n\r\n",
            "X: " + String(repeating: "a", count: 20_000),
        ])
    func fieldsSoFar(mistake: String) {
        let start = "GET / HTTP/1.1\r\nHost: h\r\nOrigin: http://o\r\nX-Request-Id: 7\r\n"
        let transcript = HTTPTranscript([(start + mistake).octets])
        #expect(transcript.failure != nil)
        #expect(transcript.fieldsSoFar["Origin"] == "http://o")
        #expect(transcript.fieldsSoFar["X-Request-Id"] == "7")
    }

    @Test("fields of one request are never those of the next")
    func fieldsOfTheNext() {
        let first = "GET / HTTP/1.1\r\nHost: h\r\nOrigin: http://o\r\n\r\n"
        #expect(HTTPTranscript([(first + "nonsense\r\n").octets]).fieldsSoFar["Origin"] == nil)
    }

    @Test("each error has a status, a stable code and a sentence")
    func answers() {
        let errors: [(HTTPRequestError, Int, String)] = [
            (.requestLineTooLong(bytesMax: 1), 414, "request_line_too_long"),
            (.headTooLarge(bytesMax: 1), 431, "head_too_large"), (.tooManyFields(max: 1), 431, "too_many_fields"),
            (.trailersTooLarge(bytesMax: 1), 431, "trailers_too_large"),
            (.transferCodingUnknown, 501, "transfer_coding_unknown"),
            (.versionUnsupported, 505, "http_version_not_supported"), (.expectationUnknown, 417, "expectation_unknown"),
            (.contentLengthTooLarge, 413, "content_too_large"), (.framingAmbiguous, 400, "ambiguous_framing"),
            (.bareLineFeed, 400, "bare_line_feed"), (.hostMissing, 400, "host_missing"),
        ]
        for (error, status, code) in errors {
            #expect(error.status == status && error.code == code && error.detail.hasSuffix("."))
        }
    }
}
