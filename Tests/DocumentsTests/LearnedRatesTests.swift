import Core
import JSON
import Loop
import LoopTesting
import Synchronization
import Testing

@testable import Documents

/// Facts in memory, which can fail.
private final class MemoryFacts: Facts {
    struct State {
        var values: [String: [UInt8]] = [:]
        var writes = 0
        var refuses = false
    }

    let state = Mutex(State())

    func remember(
        _ key: String, _ value: [UInt8], then completion: @escaping @Sendable (Result<Void, RecordFailure>) -> Void
    ) {
        let result: Result<Void, RecordFailure> = state.withLock {
            $0.writes += 1
            guard !$0.refuses else { return .failure(.storageFull) }
            $0.values[key] = value
            return .success(())
        }
        completion(result)
    }

    func recall(_ key: String, then completion: @escaping @Sendable (Result<[UInt8]?, RecordFailure>) -> Void) {
        let value = state.withLock { $0.values[key] }
        completion(.success(value))
    }

    var writes: Int { state.withLock { $0.writes } }
}

@Suite("Rates over a restart")
struct LearnedRatesTests {
    /// A finished document and the moment of its end.
    static func finished() throws -> (Document, Moment) {
        let start = Moment(monotonicMilliseconds: 1000, unixMilliseconds: 1000)
        var document = Document(
            id: DocumentID(unixMilliseconds: 1, random: (1, 1)), epoch: "now", name: "a.pdf", contentType: nil,
            bytesTotal: 10, pipeline: .document, metadata: JSONObject(), awaitsContent: false, at: start)
        let changes: [DocumentChange] = [
            .uploadCompleted(bytes: 10, sha256: nil, contentType: "application/pdf"), .leased,
            .completed(units: 1, chunks: 1),
        ]
        var now = start
        for change in changes {
            now = now.advanced(byMilliseconds: 1000)
            _ = try document.apply(change, at: now)
        }
        return (document, now)
    }

    fileprivate static func recollection(_ learned: LearnedRates, _ facts: MemoryFacts) throws
        -> LearnedRates.Recollection
    {
        let found = Mutex<LearnedRates.Recollection?>(nil)
        learned.recall(from: facts) { recollection in found.withLock { $0 = recollection } }
        return try #require(found.withLock { $0 })
    }

    @Test("the next process goes on with what this one has learned")
    func goesOn() throws {
        let facts = MemoryFacts()
        let (document, now) = try Self.finished()
        let learned = LearnedRates()
        #expect(learned.rates(of: document) == nil)
        learned.take(from: document, at: now)
        let rates = try #require(learned.rates(of: document))
        learned.save(in: facts)

        let next = LearnedRates()
        #expect(try Self.recollection(next, facts) == .loaded)
        #expect(next.rates(of: document)?.byteCost.count == rates.byteCost.count)
    }

    @Test("only what is new is put on record, and what the disk refused is put there with the next")
    func saves() throws {
        let facts = MemoryFacts()
        let (document, now) = try Self.finished()
        let learned = LearnedRates()
        learned.save(in: facts)
        #expect(facts.writes == 0)
        learned.take(from: document, at: now)
        facts.state.withLock { $0.refuses = true }
        learned.save(in: facts)
        facts.state.withLock { $0.refuses = false }
        learned.save(in: facts)
        learned.save(in: facts)
        #expect(facts.writes == 2)
        #expect(try Self.recollection(LearnedRates(), facts) == .loaded)
    }

    @Test("a record that is lost or damaged only means learning anew")
    func damaged() throws {
        let facts = MemoryFacts()
        let learned = LearnedRates()
        #expect(try Self.recollection(learned, facts) == .nothing)
        facts.state.withLock { $0.values[LearnedRates.factKey] = [0xff] }
        #expect(try Self.recollection(learned, facts) == .unreadable("it is damaged"))
        let (document, now) = try Self.finished()
        learned.take(from: document, at: now)
        #expect(learned.rates(of: document) != nil)
    }
}
