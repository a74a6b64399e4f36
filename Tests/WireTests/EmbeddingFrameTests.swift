import Testing

@testable import Wire

@Suite("Frames between a worker and the embedding process")
struct EmbeddingFrameTests {
    static let frames: [EmbeddingFrame] = [
        .texts(batch: 1, ["one", "", "zwei é\0"]),
        .vectors(batch: .max, EmbeddingVectors(dimensions: 2, numbers: [0.1, -2, .greatestFiniteMagnitude, 0])),
        .failure(batch: 0, EmbeddingFailure(.waits, "it answers 503", retryMilliseconds: 15_000)),
        .failure(batch: 3, EmbeddingFailure(.refused, "Check the key.")),
    ]

    static func decode(_ bytes: [UInt8], piece: Int, max: Int = 1000) -> [EmbeddingFrame]? {
        var decoder = EmbeddingFrameDecoder(payloadBytesMax: max)
        var found: [EmbeddingFrame] = []
        for start in stride(from: 0, to: bytes.count, by: piece) {
            bytes[start..<min(start + piece, bytes.count)].withUnsafeBytes { decoder.receive($0) }
            do {
                while let frame = try decoder.nextFrame() { found.append(frame) }
            } catch {
                return nil
            }
        }
        return found
    }

    @Test("what is written is read, however the stream is cut", arguments: [1, 2, 11, 13, 1000])
    func roundTrip(piece: Int) {
        #expect(Self.decode(Self.frames.flatMap(\.encoded), piece: piece) == Self.frames)
    }

    @Test("a frame that has not all come is waited for")
    func partial() {
        let bytes = Self.frames[0].encoded
        for count in 0..<bytes.count { #expect(Self.decode(Array(bytes[..<count]), piece: 5) == []) }
    }

    @Test("a length beyond the bound ends the stream before its payload has come")
    func bound() {
        let frame = EmbeddingFrame.texts(batch: 1, [String(repeating: "a", count: 997)])
        #expect(Self.decode(frame.encoded, piece: 12, max: 1001) == [frame])
        #expect(Self.decode(Array(frame.encoded[..<12]), piece: 12, max: 1000) == nil)
    }

    @Test(
        "what is no frame ends the stream",
        arguments: [
            ("no such kind", [4, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1]),
            ("no text", [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]),
            ("a text longer than the frame", [5, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 65]),
            ("half a length", [2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0]),
            ("text that is not UTF-8", [5, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0xff]),
            ("no dimensions", [4, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            ("half a vector", [8, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]),
            ("no failure", [2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 123, 125]),
        ] as [(String, [UInt8])])
    func malformed(name: String, bytes: [UInt8]) {
        #expect(Self.decode(bytes, piece: 100) == nil)
    }

    @Test("the supervisor's orders and the reports are read as they were written")
    func messages() {
        let configuration = EmbedConfiguration(
            url: "https://a.example/v1/embeddings", model: "m", key: "k\"", dimensions: 256, asksForDimensions: true,
            concurrency: 4, timeoutMilliseconds: 60_000)
        var bare = configuration
        (bare.key, bare.dimensions, bare.asksForDimensions) = (nil, nil, false)
        for order in [EmbedOrder.configure(configuration), .configure(bare), .serve] {
            #expect(EmbedOrder(decoding: order.encoded) == order)
        }
        for report in [
            EmbedReport.ready, .broken(detail: "d"), .breaker(state: "open", detail: "d", nextTryMilliseconds: 5),
            .breaker(state: "closed", detail: "", nextTryMilliseconds: nil),
            .counted(calls: 1, failures: 2, texts: 3, dimensions: 4),
            .counted(calls: 1, failures: 0, texts: 0, dimensions: nil),
        ] { #expect(EmbedReport(decoding: report.encoded) == report) }
        for bytes in ["", "{}", #"{"order":"configure"}"#, #"{"report":"counted","calls":-1}"#] {
            #expect(EmbedOrder(decoding: Array(bytes.utf8)) == nil)
            #expect(EmbedReport(decoding: Array(bytes.utf8)) == nil)
        }
    }
}
