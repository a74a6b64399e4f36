import System
import Text
import Wire

/// A chunk with its vector, in the order of the document.
struct EmbeddedChunk {
    var chunk: TextChunk
    var vector: [Float]
}

/// Gives each chunk its vector: by the vectoriser at once, or by an embedding service in batches.
///
/// `add` chunks in order; `take` those that have their vectors, in the same order. At the end, or where everything so
/// far is to be written, `finishBatch`, and take until `isEmpty`. What is held is bounded: `add` may be called as long
/// as `hasRoom`.
final class ChunkEmbedder {
    /// A batch's texts, at most, but for a single one that is longer.
    static let batchBytesMax = 1 << 20

    private enum Source {
        case vectorizer(HashedNGramVectorizer)
        case service(EmbeddingClient, batchMax: Int)
    }

    private let source: Source
    /// Those that wait to be sent.
    private var unsent: [TextChunk] = []
    private var unsentBytes = 0
    /// Batches under way or done, in the document's order.
    private var batches: [(number: UInt32, chunks: [TextChunk], vectors: EmbeddingVectors?)] = []
    private var takenOfFirst = 0
    private var embedded: [EmbeddedChunk] = []

    /// By the local vectoriser.
    init(_ vectorizer: HashedNGramVectorizer) { source = .vectorizer(vectorizer) }

    /// By the service, `batchMax` texts a call.
    init(_ client: EmbeddingClient, batchMax: Int) { source = .service(client, batchMax: batchMax) }

    /// Nothing waits and nothing is left to be taken.
    var isEmpty: Bool { unsent.isEmpty && batches.isEmpty && embedded.isEmpty }

    /// Whether another chunk is taken; when not, `take` what is done first.
    var hasRoom: Bool {
        switch source {
        case .vectorizer: embedded.isEmpty
        case .service(let client, let batchMax):
            batches.count < client.batchesInFlightMax || !isFull(batchMax)
        }
    }

    func add(_ chunk: TextChunk) throws(EmbeddingFailure) {
        precondition(hasRoom, "chunks that are done are taken before others are added")
        switch source {
        case .vectorizer(let vectorizer):
            embedded.append(EmbeddedChunk(chunk: chunk, vector: vectorizer.embed(chunk.text)))
        case .service(_, let batchMax):
            unsent.append(chunk)
            unsentBytes += chunk.text.utf8.count
            if isFull(batchMax) { try finishBatch() }
        }
    }

    private func isFull(_ batchMax: Int) -> Bool { unsent.count >= batchMax || unsentBytes >= Self.batchBytesMax }

    /// Sends what waits, though no batch is full, if there is room for it.
    func finishBatch() throws(EmbeddingFailure) {
        guard case .service(let client, _) = source, !unsent.isEmpty, batches.count < client.batchesInFlightMax else {
            return
        }
        let number = try client.submit(unsent.map(\.text))
        batches.append((number, unsent, nil))
        unsent = []
        unsentBytes = 0
    }

    /// The next chunk in order; nil when it has no vector yet, not even after `waitingMilliseconds`.
    func take(waitingMilliseconds: Int64 = 0) throws(EmbeddingFailure) -> EmbeddedChunk? {
        switch source {
        case .vectorizer: return embedded.popLast()
        case .service(let client, let batchMax):
            guard let first = batches.first else { return nil }
            if first.vectors == nil {
                guard let done = try client.receive(waitingMilliseconds: waitingMilliseconds),
                    let index = batches.firstIndex(where: { $0.number == done.batch })
                else { return nil }
                batches[index].vectors = done.vectors
                if index != 0 { return try take() }
            }
            guard let vectors = batches[0].vectors else { return nil }
            let chunk = EmbeddedChunk(chunk: batches[0].chunks[takenOfFirst], vector: vectors.vector(takenOfFirst))
            takenOfFirst += 1
            if takenOfFirst == batches[0].chunks.count {
                batches.removeFirst()
                takenOfFirst = 0
                if isFull(batchMax) { try finishBatch() }
            }
            return chunk
        }
    }
}
