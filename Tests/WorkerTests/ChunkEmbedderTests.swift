import System
import Testing
import Text
import Wire

@testable import Worker

/// The other end of a worker's socket, answering by hand.
private final class Service {
    let socket: OwnedDescriptor
    private var decoder = EmbeddingFrameDecoder(payloadBytesMax: EmbeddingFrame.textsBytesMax)

    init(_ socket: consuming OwnedDescriptor) { self.socket = socket }

    func batch() throws -> (number: UInt32, texts: [String]) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 8)
        defer { buffer.deallocate() }
        while true {
            if case .texts(let number, let texts)? = try decoder.nextFrame() { return (number, texts) }
            guard case .bytes(let count) = try DescriptorIO.read(socket.raw, into: buffer) else {
                throw SystemError("read", 0)
            }
            decoder.receive(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }

    func answer(_ batch: (number: UInt32, texts: [String])) throws {
        let numbers = batch.texts.map { Float($0) ?? -1 }
        let frame = EmbeddingFrame.vectors(
            batch: batch.number, EmbeddingVectors(dimensions: 1, numbers: numbers))
        try DescriptorIO.writeAll(socket.raw, frame.encoded)
    }
}

@Suite("Chunks get their vectors")
struct ChunkEmbedderTests {
    private static func chunk(_ index: Int) -> TextChunk {
        TextChunk(index: index, pageStart: 1, pageEnd: 1, text: "\(index)")
    }

    private static func connected(batchMax: Int, inFlight: Int) throws -> (ChunkEmbedder, Service) {
        var pair = Optional(try DescriptorPair.streamSocket())
        let raw = (try pair!.first.duplicate().release(), try pair!.second.duplicate().release())
        pair = nil
        let client = EmbeddingClient(OwnedDescriptor(owning: raw.0), batchesInFlightMax: inFlight)
        return (ChunkEmbedder(client, batchMax: batchMax), Service(OwnedDescriptor(owning: raw.1)))
    }

    @Test("by the vectoriser, one after the other, at once")
    func local() throws {
        let embedder = ChunkEmbedder(HashedNGramVectorizer(dimensions: 8))
        for index in 0..<3 {
            try embedder.add(Self.chunk(index))
            #expect(!embedder.hasRoom)
            #expect(try embedder.take()?.chunk.index == index)
            #expect(embedder.isEmpty && embedder.hasRoom)
        }
    }

    @Test("by a service in full batches; the last one is sent when it is told to be")
    func batches() throws {
        let (embedder, service) = try Self.connected(batchMax: 2, inFlight: 4)
        for index in 0..<3 { try embedder.add(Self.chunk(index)) }
        let first = try service.batch()
        #expect(first.texts == ["0", "1"])
        try embedder.finishBatch()
        let second = try service.batch()
        #expect(second.texts == ["2"])
        try service.answer(first)
        try service.answer(second)
        for index in 0..<3 {
            let embedded = try #require(try embedder.take(waitingMilliseconds: 1000))
            #expect(embedded.chunk.index == index && embedded.vector == [Float(index)])
        }
        #expect(embedder.isEmpty)
    }

    @Test("answers in any order are taken in the document's")
    func order() throws {
        let (embedder, service) = try Self.connected(batchMax: 1, inFlight: 3)
        for index in 0..<3 { try embedder.add(Self.chunk(index)) }
        let batches = [try service.batch(), try service.batch(), try service.batch()]
        try service.answer(batches[2])
        #expect(try embedder.take(waitingMilliseconds: 50) == nil)
        try service.answer(batches[0])
        try service.answer(batches[1])
        var taken: [Int] = []
        while taken.count < 3 {
            if let embedded = try embedder.take(waitingMilliseconds: 1000) { taken.append(embedded.chunk.index) }
        }
        #expect(taken == [0, 1, 2])
    }

    @Test("no more is held than batches under way and one that is full")
    func bound() throws {
        let (embedder, service) = try Self.connected(batchMax: 2, inFlight: 2)
        var added = 0
        while embedder.hasRoom, added < 100 {
            try embedder.add(Self.chunk(added))
            added += 1
        }
        #expect(added == 6)
        for _ in 0..<2 { try service.answer(try service.batch()) }
        #expect(try embedder.take(waitingMilliseconds: 1000) != nil)
        #expect(!embedder.hasRoom)
        #expect(try embedder.take(waitingMilliseconds: 1000) != nil)
        // The full one went out when the first was taken whole.
        #expect(embedder.hasRoom)
        #expect(try service.batch().texts == ["4", "5"])
    }

    @Test("a failure is told, and so is the process that ended")
    func failures() throws {
        let (embedder, service) = try Self.connected(batchMax: 1, inFlight: 2)
        try embedder.add(Self.chunk(0))
        let failure = EmbeddingFailure(.waits, "it answers 503", retryMilliseconds: 5)
        let frame = EmbeddingFrame.failure(batch: try service.batch().number, failure)
        try DescriptorIO.writeAll(service.socket.raw, frame.encoded)
        #expect(throws: failure) { try embedder.take(waitingMilliseconds: 1000) }

        let (orphan, _) = try Self.connected(batchMax: 1, inFlight: 2)
        SignalSource.ignoreBrokenPipes()
        var found: EmbeddingFailure?
        do {
            try orphan.add(Self.chunk(0))
            _ = try orphan.take(waitingMilliseconds: 1000)
        } catch let error as EmbeddingFailure {
            found = error
        }
        #expect(found?.kind == .failed)
    }

    @Test("vectors that are not as many as the texts are no answer")
    func wrongCount() throws {
        let (embedder, service) = try Self.connected(batchMax: 2, inFlight: 2)
        for index in 0..<2 { try embedder.add(Self.chunk(index)) }
        try service.answer((try service.batch().number, ["0"]))
        #expect(throws: EmbeddingFailure.self) { try embedder.take(waitingMilliseconds: 1000) }
    }
}
