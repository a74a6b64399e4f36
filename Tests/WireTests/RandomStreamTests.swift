import Testing
import Wire

/// Any octets in any cut: the decoders accept or name an error, never trap, and tell the same story whole and in
/// pieces. Streams are made by breaking good ones, since noise alone never gets past the first line.
@Suite struct RandomStreamTests {
    private static let requests = [
        "GET /a?b=c HTTP/1.1\r\nHost: h\r\nAccept: */*\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\nhello world",
        "PUT /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nT: v\r\n\r\n",
        "OPTIONS * HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "GET http://h/ HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n",
    ].map(\.octets)
    private static let marks = "\r\n: \t,;-/?#*\u{0}\u{7F}\u{FF}0aF".octets

    /// Replaces, removes, doubles and inserts octets in a few places.
    private func broken(_ bytes: [UInt8], using random: inout SeededRandom) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 0...3, using: &random) where !bytes.isEmpty {
            let index = Int.random(in: 0..<bytes.count, using: &random)
            let mark = Self.marks.randomElement(using: &random)!
            switch Int.random(in: 0..<5, using: &random) {
            case 0: bytes[index] = mark
            case 1: bytes.remove(at: index)
            case 2: bytes.insert(bytes[index], at: index)
            case 3: bytes.insert(mark, at: index)
            default: bytes[index] = UInt8.random(in: 0...255, using: &random)
            }
        }
        return bytes
    }

    @Test("HTTP", arguments: 0..<300 as Range<UInt64>)
    func http(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var stream: [UInt8] = []
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            stream += broken(Self.requests.randomElement(using: &random)!, using: &random)
        }
        let limits = HTTPLimits(
            headBytesMax: Int.random(in: 20...200, using: &random), fieldsMax: 3, leadingEmptyLinesMax: 1,
            chunkLineBytesMax: Int.random(in: 3...20, using: &random), chunkExtensionBytesMax: 6, trailerBytesMax: 10)
        for limits in [limits, .default] {
            let whole = HTTPTranscript([stream], limits: limits)
            for _ in 0..<10 {
                let pieces = Pieces.atRandom(stream, using: &random)
                #expect(HTTPTranscript(pieces, limits: limits) == whole, "seed \(seed)")
            }
        }
    }

    @Test("multipart", arguments: 0..<300 as Range<UInt64>)
    func multipart(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let part =
            "--b\r\nContent-Disposition: form-data; name=\"a\"; filename=\"x\"\r\nContent-Type: a/b\r\n\r\ndata\r\n"
        let body = broken("pre\r\n\(part)\(part)--b--\r\nepilogue".octets, using: &random)
        let limits = MultipartLimits(
            partsMax: 2, partHeadBytesMax: Int.random(in: 50...100, using: &random), preambleBytesMax: 4,
            epilogueBytesMax: 10)
        let whole = MultipartTranscript([body], boundary: "b", limits: limits)
        for _ in 0..<10 {
            let pieces = Pieces.atRandom(body, using: &random)
            #expect(MultipartTranscript(pieces, boundary: "b", limits: limits) == whole, "seed \(seed)")
            let lent = MultipartTranscript(pieces, boundary: "b", limits: limits, isLending: true)
            #expect(lent == whole, "lent, seed \(seed)")
        }
    }

    @Test("WebSocket", arguments: 0..<300 as Range<UInt64>)
    func webSocket(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var stream: [UInt8] = []
        for _ in 0..<Int.random(in: 1...8, using: &random) {
            let payload = (0..<Int.random(in: 0...200, using: &random)).map { _ in
                UInt8.random(in: 0...0x9F, using: &random) & 0x7F
            }
            let opcode = [0, 1, 1, 2, 8, 9, 10].randomElement(using: &random)! as UInt8
            let frame = TestFrame(
                opcode: opcode, payload: opcode >= 8 ? Array(payload.prefix(125)) : payload,
                isFinal: opcode >= 8 || Bool.random(using: &random))
            stream += Int.random(in: 0..<3, using: &random) == 0 ? broken(frame.bytes, using: &random) : frame.bytes
        }
        let limits = WebSocketLimits(
            messageBytesMax: Int.random(in: 0...400, using: &random), pongBacklogBytesMax: 100_000)
        let whole = WebSocketTranscript([stream], limits: limits)
        for _ in 0..<10 {
            let pieces = Pieces.atRandom(stream, using: &random)
            #expect(WebSocketTranscript(pieces, limits: limits) == whole, "seed \(seed)")
        }
    }
}
