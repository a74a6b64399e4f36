import Core
import Wire

// Theory of operation
//
// Batches come from several workers; calls go to one service. The dispatch decides which call is made when: a value
// without socket or clock, which `EmbedProcess` asks for the next call, the next answer, and when to look again.
//
// A batch is one piece at first; a service that finds it too large gets halves. A piece is called, and called again
// with growing waits when what went wrong may pass. When the breaker is open nobody waits here: every batch is answered
// with "waits", its document goes back to the line, and the worker is free for others. A piece that failed as often as
// it may while the service served others is at fault itself; while it served nobody, the service is, and the breaker
// opens.

/// Which calls are made to the embedding service, in which order, and what each batch is answered.
struct EmbeddingDispatch {
    typealias Peer = Int

    /// One call to be made: texts of one batch.
    struct Call: Equatable {
        let id: Int
        let texts: [String]
    }

    struct Answer: Equatable {
        let peer: Peer
        let frame: EmbeddingFrame
    }

    /// Batches that a worker may have under way. A worker of our own build keeps to it; another one is hung up on.
    static let batchesPerPeerMax = 64

    private struct Batch {
        let peer: Peer
        let number: UInt32
        let texts: [String]
        /// By the first text of each piece that has its vectors.
        var vectors: [Int: EmbeddingVectors] = [:]
        var embedded = 0
    }

    private struct Piece {
        let id: Int
        let batch: Int
        let range: Range<Int>
        var attempt = 0
        var firstCallMilliseconds: Int64 = 0
        var dueMilliseconds: Int64 = 0
    }

    private let concurrency: Int
    private let retries: CallRetries
    private(set) var breaker: CircuitBreaker
    /// What the first vectors had, or what was configured.
    private(set) var dimensions: Int?

    private var nextID = 0
    private var batches: [Int: Batch] = [:]
    /// Pieces that wait for their call, those of each peer in their order; peers take turns.
    private var waiting: [Peer: [Piece]] = [:]
    private var turns: [Peer] = []
    private var delayed: [Piece] = []
    private var calling: [Int: Piece] = [:]
    private var trial: Int?
    private var answers: [Answer] = []
    /// Workers whose document has ended by an error, until they hang up: more of its batches may be on their way.
    private var ended: [Peer: EmbeddingFailure] = [:]
    private var lastSuccessMilliseconds = Int64.min
    /// Asked for by the service: nobody calls before.
    private var quietUntilMilliseconds = Int64.min

    init(concurrency: Int, dimensions: Int?, retries: CallRetries = CallRetries(), breaker: CircuitBreaker = .init()) {
        self.concurrency = concurrency
        self.dimensions = dimensions
        self.retries = retries
        self.breaker = breaker
    }

    // MARK: Workers

    /// A worker's batch. False: it has too many under way, and is no worker of ours.
    mutating func submit(_ texts: [String], batch number: UInt32, from peer: Peer, nowMilliseconds now: Int64) -> Bool {
        guard batches.values.count(where: { $0.peer == peer }) < Self.batchesPerPeerMax else { return false }
        if let failure = ended[peer] {
            answers.append(Answer(peer: peer, frame: .failure(batch: number, failure)))
            return true
        }
        let id = takeID()
        batches[id] = Batch(peer: peer, number: number, texts: texts)
        if breaker.reading(nowMilliseconds: now).state == .open {
            answerWaiting(id, now)
        } else {
            wait(Piece(id: takeID(), batch: id, range: texts.indices))
        }
        return true
    }

    /// A worker is gone. Returns the calls that nobody waits for any more.
    mutating func leave(_ peer: Peer, nowMilliseconds now: Int64) -> [Int] {
        let gone = Set(batches.filter { $0.value.peer == peer }.keys)
        answers.removeAll { $0.peer == peer }
        ended[peer] = nil
        return drop(gone, now)
    }

    // MARK: What to do

    /// The next call to be made now, as long as there is one.
    mutating func nextCall(nowMilliseconds now: Int64) -> Call? {
        guard calling.count < concurrency, now >= quietUntilMilliseconds else { return nil }
        while let index = delayed.firstIndex(where: { $0.dueMilliseconds <= now }) {
            wait(delayed.remove(at: index), isFirst: true)
        }
        guard let peer = turns.first else { return nil }
        let permission = breaker.ask(nowMilliseconds: now)
        switch permission {
        case .wait(nil): return nil
        case .wait(.some):
            answerAllWaiting(now)
            return nil
        case .trial, .call:
            var piece = takeFirst(of: peer)
            if permission == .trial { trial = piece.id }
            piece.attempt += 1
            if piece.attempt == 1 { piece.firstCallMilliseconds = now }
            calling[piece.id] = piece
            let texts = batches[piece.batch]?.texts ?? []
            return Call(id: piece.id, texts: Array(texts[piece.range]))
        }
    }

    private mutating func takeFirst(of peer: Peer) -> Piece {
        guard var pieces = waiting[peer] else { preconditionFailure("a peer whose turn it is has pieces that wait") }
        let piece = pieces.removeFirst()
        turns.removeFirst()
        waiting[peer] = pieces.isEmpty ? nil : pieces
        if !pieces.isEmpty { turns.append(peer) }
        return piece
    }

    mutating func nextAnswer() -> Answer? { answers.isEmpty ? nil : answers.removeFirst() }

    /// When to look again though nothing happens; nil: there is no need to.
    func wakeMilliseconds(nowMilliseconds now: Int64) -> Int64? {
        guard calling.count < concurrency else { return nil }
        var next = delayed.map(\.dueMilliseconds).min()
        if !turns.isEmpty {
            let reading = breaker.reading(nowMilliseconds: now)
            let isTrialUnderWay = reading.state == .halfOpen && reading.nextTryMilliseconds == nil
            if !isTrialUnderWay { next = min(next ?? .max, max(now, reading.nextTryMilliseconds ?? now)) }
        }
        return next.map { max($0, quietUntilMilliseconds) }
    }

    // MARK: Calls that ended

    mutating func succeeded(_ id: Int, _ vectors: EmbeddingVectors, nowMilliseconds now: Int64) {
        guard let piece = calling.removeValue(forKey: id) else { return }
        if trial == id { trial = nil }
        breaker.succeeded()
        lastSuccessMilliseconds = now
        if let dimensions, vectors.dimensions != dimensions {
            // Calls that were under way together when nobody knew yet.
            return end(
                piece.batch,
                EmbeddingFailure(
                    .unusable,
                    "The embedding service answers with vectors of \(vectors.dimensions) dimensions after "
                        + "some of \(dimensions). Check --embedding-model."), now)
        }
        dimensions = vectors.dimensions
        guard var batch = batches[piece.batch] else { return }
        batch.vectors[piece.range.lowerBound] = vectors
        batch.embedded += piece.range.count
        batches[piece.batch] = batch
        guard batch.embedded == batch.texts.count else { return }
        batches[piece.batch] = nil
        let pieces = batch.vectors.sorted { $0.key < $1.key }.map(\.value)
        let numbers = pieces.count == 1 ? pieces[0].numbers : pieces.flatMap(\.numbers)
        let all = EmbeddingVectors(dimensions: vectors.dimensions, numbers: numbers)
        answers.append(Answer(peer: batch.peer, frame: .vectors(batch: batch.number, all)))
    }

    mutating func failed(_ id: Int, _ fault: EmbeddingFault, randomness: Double, nowMilliseconds now: Int64) {
        guard let piece = calling.removeValue(forKey: id) else { return }
        let wasTrial = trial == id
        if wasTrial { trial = nil }
        switch fault {
        case .refused(let detail):
            // It answers, so it is there.
            breaker.succeeded()
            end(piece.batch, EmbeddingFailure(.refused, detail), now)
        case .unusable(let detail):
            breaker.succeeded()
            end(
                piece.batch,
                EmbeddingFailure(
                    .unusable,
                    "The embedding service cannot be used: \(detail). Check --embedding-url, "
                        + "--embedding-model and --embedding-dimensions."), now)
        case .tooLarge:
            breaker.succeeded()
            halve(piece, now)
        case .passing(let detail, let retryAfter):
            pass(piece, detail, retryAfter, wasTrial: wasTrial, randomness, now)
        }
    }

    private mutating func halve(_ piece: Piece, _ now: Int64) {
        guard piece.range.count > 1 else {
            return end(
                piece.batch,
                EmbeddingFailure(
                    .refused,
                    "The embedding service finds a single chunk too large (413). Make --chunk-characters "
                        + "smaller."), now)
        }
        let middle = piece.range.lowerBound + piece.range.count / 2
        wait(Piece(id: takeID(), batch: piece.batch, range: middle..<piece.range.upperBound), isFirst: true)
        wait(Piece(id: takeID(), batch: piece.batch, range: piece.range.lowerBound..<middle), isFirst: true)
    }

    private mutating func pass(
        _ piece: Piece, _ detail: String, _ retryAfter: Int64?, wasTrial: Bool, _ randomness: Double, _ now: Int64
    ) {
        breaker.failed(nowMilliseconds: now, detail: detail, retryAfterMilliseconds: retryAfter)
        if breaker.reading(nowMilliseconds: now).state == .open { return answerAllWaiting(now, also: piece.batch) }
        let wait = retries.waitMilliseconds(
            afterAttempt: piece.attempt, retryAfterMilliseconds: retryAfter, randomness: randomness)
        if let wait {
            var again = piece
            again.dueMilliseconds = now + wait
            delayed.append(again)
            if let retryAfter { quietUntilMilliseconds = max(quietUntilMilliseconds, now + retryAfter) }
            return
        }
        let hasServedOthers = lastSuccessMilliseconds >= piece.firstCallMilliseconds
        if hasServedOthers && piece.attempt >= retries.attemptsMax {
            return end(
                piece.batch,
                EmbeddingFailure(
                    .failed,
                    "The embedding service fails at a part of this document (\(detail)), and served others "
                        + "meanwhile. Try again."), now)
        }
        breaker.trip(nowMilliseconds: now, detail: detail, retryAfterMilliseconds: retryAfter)
        answerAllWaiting(now, also: piece.batch)
    }

    // MARK: Ends of batches

    private mutating func answerAllWaiting(_ now: Int64, also failed: Int? = nil) {
        let called = Set(calling.values.map(\.batch))
        let all = batches.keys.filter { $0 == failed || !called.contains($0) }
        for id in all.sorted() { answerWaiting(id, now) }
    }

    private mutating func answerWaiting(_ id: Int, _ now: Int64) {
        let reading = breaker.reading(nowMilliseconds: now)
        let retry = max(0, (reading.nextTryMilliseconds ?? now) - now)
        end(id, EmbeddingFailure(.waits, reading.detail, retryMilliseconds: retry), now)
    }

    private mutating func end(_ id: Int, _ failure: EmbeddingFailure, _ now: Int64) {
        guard let peer = batches[id]?.peer else { return }
        // What is an error for one batch ends its document: nothing more of it is called for.
        if failure.kind != .waits { ended[peer] = failure }
        let all = failure.kind == .waits ? [id] : batches.filter { $0.value.peer == peer }.keys.sorted()
        for id in all {
            guard let batch = batches[id] else { continue }
            answers.append(Answer(peer: peer, frame: .failure(batch: batch.number, failure)))
        }
        _ = drop(Set(all), now)
    }

    private mutating func drop(_ gone: Set<Int>, _ now: Int64) -> [Int] {
        for id in gone { batches[id] = nil }
        delayed.removeAll { gone.contains($0.batch) }
        for (peer, pieces) in waiting {
            let kept = pieces.filter { !gone.contains($0.batch) }
            waiting[peer] = kept.isEmpty ? nil : kept
            if kept.isEmpty { turns.removeAll { $0 == peer } }
        }
        // What such a call answers is still counted for the breaker, unless it is cancelled.
        return calling.values.filter { gone.contains($0.batch) }.map(\.id).sorted()
    }

    /// A call was cancelled after `leave`.
    mutating func cancelled(_ id: Int, nowMilliseconds now: Int64) {
        guard calling.removeValue(forKey: id) != nil else { return }
        if trial == id {
            trial = nil
            breaker.abandonTrial(nowMilliseconds: now)
        }
    }

    private mutating func wait(_ piece: Piece, isFirst: Bool = false) {
        guard let peer = batches[piece.batch]?.peer else { return }
        if waiting[peer] == nil { turns.append(peer) }
        if isFirst { waiting[peer, default: []].insert(piece, at: 0) } else { waiting[peer, default: []].append(piece) }
    }

    private mutating func takeID() -> Int {
        nextID += 1
        return nextID
    }
}
