import Testing
import Wire

/// Bodies as browsers and curl send them, and as nobody should. Each goes whole, byte by byte and cut once
/// everywhere, so that a delimiter is split at every octet, and with its data read beside the decoder.
@Suite struct MultipartDecoderTests {
    private static let field = "Content-Disposition: form-data; name=\"file\"\r\n\r\n"

    @discardableResult
    private func decode(
        _ text: String, boundary: String = "b", limits: MultipartLimits = .default,
        sourceLocation: SourceLocation = #_sourceLocation
    ) -> MultipartTranscript {
        let bytes = text.octets
        let whole = MultipartTranscript([bytes], boundary: boundary, limits: limits)
        for pieces in Pieces.everyWay(bytes) {
            let cut = MultipartTranscript(pieces, boundary: boundary, limits: limits)
            #expect(cut == whole, "\(pieces.first?.count ?? 0)", sourceLocation: sourceLocation)
            let lent = MultipartTranscript(pieces, boundary: boundary, limits: limits, isLending: true)
            #expect(lent == whole, "lent, \(pieces.first?.count ?? 0)", sourceLocation: sourceLocation)
        }
        return whole
    }

    @Test("a form of a browser: fields and a file, each with its name")
    func browserForm() throws {
        let boundary = "----WebKitFormBoundary7MA4YWxkTrZu0gW"
        let transcript = decode(
            """
            --\(boundary)\r
            Content-Disposition: form-data; name="metadata"\r
            \r
            {"a":1}\r
            --\(boundary)\r
            Content-Disposition: form-data; name="file"; filename="r\u{C3}\u{A9}sum\u{C3}\u{A9} %22x%22.pdf"\r
            Content-Type: application/pdf\r
            \r
            %PDF-1.7\r
            \n\r\u{0}\u{FF}\r
            --\(boundary)--\r\n
            """, boundary: boundary)
        #expect(transcript.failure == nil && transcript.isFinished && transcript.parts.count == 2)
        let metadata = try #require(transcript.parts.first)
        #expect(metadata.head.name == "metadata" && metadata.head.filename == nil && metadata.head.contentType == nil)
        #expect(metadata.data == "{\"a\":1}".octets && metadata.isEnded)
        let file = try #require(transcript.parts.last)
        #expect(file.head.name == "file" && file.head.filename == "résumé \"x\".pdf")
        #expect(file.head.contentType == "application/pdf" && file.head.fields.pairs.count == 2)
        #expect(file.data == "%PDF-1.7\r\n\n\r\u{0}\u{FF}".octets)
    }

    @Test(
        "data that looks like a delimiter stays data",
        arguments: [
            "", "a", "\r", "\n", "\r\n", "\r\n-", "\r\n--", "\r\n--x", "\r\n--bx", "\r\n--b-", "\r\n--b-x", "\r\n--b x",
            "\r\n--b \t\r", "\r\n--b\r", "\r\n--b\r\r", "\r\n--b\rx", "\r\n--B", "--b", "--b--", "-", "--bc\r\n",
            "\r\r\n--",
            "\r\n\r\n--", "\r\n--b\n", "\n--b\r\n", "\r--b\r\n", "\r\n--\r\n--\r\n", "x\r\n--b", "\r\n--b\r\r\n--bb",
            "\r\n--b" + String(repeating: " ", count: 65) + "\r\n",
        ])
    func falseDelimiters(data: String) throws {
        for (before, after) in [("", ""), ("x", "y"), ("\r\n", "\r\n"), ("x\r\n", "z")] {
            let content = (before + data + after).octets
            // Some of these, in some company, do make a delimiter.
            guard Self.firstPartData(content + "\r\n--b--".octets, boundary: "b") == content else { continue }
            let transcript = decode("--b\r\n\(Self.field)\(before + data + after)\r\n--b--")
            #expect(transcript.failure == nil && transcript.isFinished, "\(content)")
            #expect(transcript.parts.map(\.data) == [content], "\(content)")
        }
    }

    @Test("a delimiter may follow the empty line at once, be padded with blanks, and close without a line end")
    func delimiterForms() {
        let empty = decode("--b\r\n\(Self.field)--b--")
        #expect(empty.isFinished && empty.parts.map(\.data) == [[]])
        let padded = decode("--b \t \r\n\(Self.field)x\r\n--b\t\r\n\(Self.field)y\r\n--b--")
        #expect(padded.isFinished && padded.parts.map(\.data) == ["x".octets, "y".octets])
        let longest = decode("--b\(String(repeating: " ", count: 64))\r\n\(Self.field)x\r\n--b--")
        #expect(longest.isFinished && longest.parts.count == 1)
        #expect(decode("--b--").isFinished && decode("--b--").parts.isEmpty)
    }

    @Test("preamble and epilogue are dropped")
    func preambleAndEpilogue() {
        let transcript = decode(
            "This is a message.\r\n--bogus\r\n--b\r\n\(Self.field)x\r\n--b--\r\nThe end.\r\n--b\r\n\(Self.field)")
        #expect(transcript.failure == nil && transcript.isFinished && transcript.parts.map(\.data) == ["x".octets])
        #expect(decode("\r\n--b\r\n\(Self.field)x\r\n--b--\r\n").parts.map(\.data) == ["x".octets])
    }

    @Test(
        "a body without its closing delimiter is truncated, wherever it ends",
        arguments: [
            "", "--", "--b", "--b-", "--b\r\n", "--b\r\nContent-Disp", "--b\r\n\(Self.field)",
            "--b\r\n\(Self.field)data",
            "--b\r\n\(Self.field)data\r\n--b", "--b\r\n\(Self.field)data\r\n--b-", "--b\r\n\(Self.field)data\n--b--",
            "--b\r\n\(Self.field)data--b--", "preamble",
        ])
    func truncated(body: String) {
        let transcript = decode(body)
        #expect(transcript.failure == .truncated && !transcript.isFinished)
    }

    @Test(
        "parts with a malformed head are refused",
        arguments: [
            ("\r\n\r\nx", .partNameMissing), ("Content-Type: text/plain\r\n\r\n", .partNameMissing),
            ("Content-Disposition: attachment; name=a\r\n\r\n", .partNameMissing),
            ("Content-Disposition: form-data\r\n\r\n", .partNameMissing),
            ("Content-Disposition: form-data; name=\"a\r\n\r\n", .partNameMissing),
            ("Content-Disposition: form-data; name=\"a\"\n\n", .partHeadMalformed),
            ("no colon\r\n", .partHeadMalformed),
            ("A : b\r\n", .partHeadMalformed), ("A: b\r\n c\r\n", .partHeadMalformed),
            ("A: \u{0}\r\n", .partHeadMalformed), ("\n", .partHeadMalformed),
            (
                "Content-Transfer-Encoding: base64\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n",
                .transferEncodingUnsupported
            ),
        ] as [(String, MultipartError)])
    func badHeads(head: String, error: MultipartError) {
        #expect(decode("--b\r\n" + head).failure == error)
        #expect(decode("--b\r\n\(Self.field)x\r\n--b\r\n\(head)\r\n--b--").failure == error)
    }

    @Test("a transfer encoding that changes nothing is let through")
    func binaryTransferEncoding() {
        let head = "Content-Transfer-Encoding: Binary\r\n" + Self.field
        #expect(decode("--b\r\n\(head)x\r\n--b--").parts.map(\.data) == ["x".octets])
    }

    @Test("boundaries have 1 to 70 printable characters")
    func boundaries() {
        let longest = String(repeating: "-", count: 70)
        #expect(decode("--\(longest)\r\n\(Self.field)x\r\n--\(longest)--", boundary: longest).isFinished)
        for boundary in ["", String(repeating: "a", count: 71), "a\r", "a\u{0}", "ü"] {
            #expect(decode("x", boundary: boundary).failure == .boundaryInvalid)
        }
    }

    @Test("every bound is met exactly, and the next octet or part is refused")
    func bounds() {
        let limits = MultipartLimits(partsMax: 2, partHeadBytesMax: 60, preambleBytesMax: 10, epilogueBytesMax: 4)
        func failure(_ body: String) -> MultipartError? { decode(body, limits: limits).failure }
        let part = "\r\n\(Self.field)x\r\n--b"
        #expect(failure("--b\(part)\(part)--") == nil)
        #expect(failure("--b\(part)\(part)\(part)--") == .tooManyParts(max: 2))

        // The field takes 45 octets with its line end and the empty line two.
        #expect(failure("--b\r\nA: \(String(repeating: "h", count: 8))\r\n\(Self.field)x\r\n--b--") == nil)
        #expect(
            failure("--b\r\nA: \(String(repeating: "h", count: 9))\r\n\(Self.field)x\r\n--b--")
                == .partHeadTooLarge(bytesMax: 60))
        #expect(failure("--b\r\nA: \(String(repeating: "h", count: 100))") == .partHeadTooLarge(bytesMax: 60))

        #expect(failure("0123456789\r\n--b--") == nil)
        #expect(failure("0123456789a\r\n--b--") == .preambleTooLong(bytesMax: 10))
        #expect(failure("--b--\r\n\r\n") == nil)
        #expect(failure("--b--\r\n\r\n ") == .epilogueTooLong(bytesMax: 4))
    }

    @Test("a failed decoder stays failed")
    func staysFailed() {
        var decoder = MultipartDecoder(boundary: "b")
        let bad = "--b\r\n\n".octets
        var position = 0
        #expect(throws: MultipartError.partHeadMalformed) { _ = try decoder.next(bad.span, at: &position) }
        position = 0
        let good = "--b--".octets
        #expect(throws: MultipartError.partHeadMalformed) { _ = try decoder.next(good.span, at: &position) }
        #expect(throws: MultipartError.partHeadMalformed) { try decoder.finish() }
    }

    @Test("data is reported in place, and only a possible delimiter at the end is held back")
    func inPlace() throws {
        var decoder = MultipartDecoder(boundary: "b")
        let head = "--b\r\n\(Self.field)".octets
        var position = 0
        guard case .partBegan = try decoder.next(head.span, at: &position) else { return #expect(Bool(false)) }
        let data = "0123456789\r\n--".octets
        position = 0
        #expect(try decoder.next(data.span, at: &position) == .data(0..<10))
        #expect(try decoder.next(data.span, at: &position) == .needMore)
        let rest = "x".octets
        position = 0
        #expect(try decoder.next(rest.span, at: &position) == .heldData("\r\n--".octets))
        #expect(try decoder.next(rest.span, at: &position) == .data(0..<1))
    }

    @Test("any data between any delimiters comes out as it went in, cut anywhere", arguments: 0..<200 as Range<UInt64>)
    func randomBodies(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let alphabet = "\r\n-b \tx".octets
        let boundary = String(
            (0..<Int.random(in: 1...4, using: &random)).map { _ in "b-".randomElement(using: &random)! })
        let content = (0..<Int.random(in: 0...60, using: &random)).map { _ in alphabet.randomElement(using: &random)! }
        let head = "--\(boundary)\r\n\(Self.field)".octets
        var rest = content
        if Bool.random(using: &random) { rest += "\r\n".octets + head + content.reversed() }
        rest += "\r\n--\(boundary)--\r\n".octets
        let body = head + rest
        let whole = MultipartTranscript([body], boundary: boundary)
        for _ in 0..<20 {
            let pieces = Pieces.atRandom(body, using: &random)
            #expect(MultipartTranscript(pieces, boundary: boundary) == whole, "seed \(seed)")
            #expect(MultipartTranscript(pieces, boundary: boundary, isLending: true) == whole, "lent, seed \(seed)")
        }
        #expect(whole.parts.first?.data == Self.firstPartData(rest, boundary: boundary), "seed \(seed)")
    }

    /// The rule, naively: data ends before the first line end, hyphens and boundary that blanks and a line end, or two
    /// hyphens, follow. A line has just ended where it begins.
    private static func firstPartData(_ body: [UInt8], boundary: String) -> [UInt8]? {
        let body = "\r\n".octets + body
        let delimiter = "\r\n--\(boundary)".octets
        for index in body.indices where body[index...].starts(with: delimiter) {
            let tail = body[(index + delimiter.count)...]
            let line = tail.drop { $0 == 0x20 || $0 == 0x09 }
            guard tail.starts(with: "--".octets) || line.starts(with: "\r\n".octets) else { continue }
            if tail.count - line.count <= 64 { return index == 0 ? [] : Array(body[2..<index]) }
        }
        return nil
    }
}
