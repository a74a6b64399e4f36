import Core
import Testing
import Wire

@testable import Worker

/// The dispatch with a clock that tests set.
@Suite("Calls to the embedding service are made and answered")
final class EmbeddingDispatchTests {
    private var dispatch = EmbeddingDispatch(concurrency: 2, dimensions: nil)
    private var now: Int64 = 1000

    private static let passing = EmbeddingFault.passing(detail: "it answers 503")

    private func submit(_ texts: [String], _ batch: UInt32 = 1, from peer: Int = 1) {
        let isTaken = dispatch.submit(texts, batch: batch, from: peer, nowMilliseconds: now)
        #expect(isTaken)
    }

    private func nextCall() -> EmbeddingDispatch.Call? { dispatch.nextCall(nowMilliseconds: now) }

    private func succeed(_ call: EmbeddingDispatch.Call, dimensions: Int = 1) {
        let numbers = call.texts.flatMap { text in (0..<dimensions).map { _ in Float(text) ?? 0 } }
        let vectors = EmbeddingVectors(dimensions: dimensions, numbers: numbers)
        dispatch.succeeded(call.id, vectors, nowMilliseconds: now)
    }

    private func fail(_ call: EmbeddingDispatch.Call, _ fault: EmbeddingFault = passing) {
        dispatch.failed(call.id, fault, randomness: 0, nowMilliseconds: now)
    }

    /// The kind of failure that comes next as an answer.
    private func nextFailure() -> EmbeddingFailure? {
        guard case .failure(_, let failure)? = dispatch.nextAnswer()?.frame else { return nil }
        return failure
    }

    /// Calls until the breaker is open or the batch has ended; how often it called.
    private func failUntilAnswered() throws -> Int {
        var count = 0
        while true {
            if let call = nextCall() {
                count += 1
                fail(call)
            } else {
                guard let wake = dispatch.wakeMilliseconds(nowMilliseconds: now) else { return count }
                now = max(now, wake)
            }
            if count > 100 { return count }
        }
    }

    @Test("a batch is one call, and its vectors its answer")
    func simple() throws {
        submit(["1", "2"], 7, from: 3)
        let call = try #require(nextCall())
        #expect(call.texts == ["1", "2"])
        #expect(nextCall() == nil)
        succeed(call)
        let vectors = EmbeddingVectors(dimensions: 1, numbers: [1, 2])
        #expect(dispatch.nextAnswer() == .init(peer: 3, frame: .vectors(batch: 7, vectors)))
        #expect(dispatch.nextAnswer() == nil)
    }

    @Test("no more calls are under way than may be, and workers take turns")
    func turns() throws {
        for batch in 1...3 { submit(["1\(batch)"], UInt32(batch), from: 1) }
        submit(["21"], 1, from: 2)
        let (first, second) = (try #require(nextCall()), try #require(nextCall()))
        #expect([first.texts, second.texts] == [["11"], ["21"]])
        #expect(nextCall() == nil)
        #expect(dispatch.wakeMilliseconds(nowMilliseconds: now) == nil)
        succeed(first)
        #expect(nextCall()?.texts == ["12"])
    }

    @Test("what passes is tried again after its wait, and then answered as if nothing had been")
    func retry() throws {
        submit(["5"])
        fail(try #require(nextCall()))
        #expect(nextCall() == nil)
        #expect(dispatch.wakeMilliseconds(nowMilliseconds: now) == now + 250)
        now += 249
        #expect(nextCall() == nil)
        now += 1
        succeed(try #require(nextCall()))
        #expect(dispatch.nextAnswer()?.frame == .vectors(batch: 1, EmbeddingVectors(dimensions: 1, numbers: [5])))
    }

    @Test("Retry-After is honoured by all calls, not only by the one that was told")
    func retryAfter() throws {
        submit(["1"], 1)
        submit(["2"], 2)
        let first = try #require(nextCall())
        fail(first, .passing(detail: "it answers 429", retryAfterMilliseconds: 3000))
        #expect(nextCall() == nil)
        #expect(dispatch.wakeMilliseconds(nowMilliseconds: now) == now + 3000)
        now += 3000
        #expect(nextCall() != nil)
        #expect(nextCall() != nil)
    }

    @Test("a service that asks for longer than 15 s opens the breaker for that time: nobody waits with a call in hand")
    func longRetryAfter() throws {
        submit(["1"])
        fail(try #require(nextCall()), .passing(detail: "it answers 429", retryAfterMilliseconds: 40_000))
        #expect(nextFailure() == EmbeddingFailure(.waits, "it answers 429", retryMilliseconds: 40_000))
        submit(["2"], 2)
        #expect(nextFailure()?.kind == .waits)
    }

    @Test("five failures open the breaker: what is under way waits, with the reason and the time of the next try")
    func opens() throws {
        submit(["1"])
        #expect(try failUntilAnswered() == 5)
        #expect(nextFailure() == EmbeddingFailure(.waits, "it answers 503", retryMilliseconds: 15_000))
        #expect(dispatch.breaker.reading(nowMilliseconds: now).state == .open)
        now += 5000
        submit(["2"], 2, from: 2)
        #expect(nextFailure() == EmbeddingFailure(.waits, "it answers 503", retryMilliseconds: 10_000))
        #expect(nextCall() == nil)
    }

    @Test("when the breaker is half open one call tries; the others wait for it and go on with it")
    func trial() throws {
        submit(["1"])
        _ = try failUntilAnswered()
        _ = nextFailure()
        now += 15_000
        submit(["2"], 2)
        submit(["3"], 3)
        let trial = try #require(nextCall())
        #expect(nextCall() == nil)
        #expect(dispatch.wakeMilliseconds(nowMilliseconds: now) == nil)
        succeed(trial)
        #expect(nextCall()?.texts == ["3"])
    }

    @Test("a trial that fails sends all that waits away again")
    func trialFails() throws {
        submit(["1"])
        _ = try failUntilAnswered()
        _ = nextFailure()
        now += 15_000
        submit(["2"], 2)
        submit(["3"], 3)
        fail(try #require(nextCall()))
        #expect(nextFailure()?.kind == .waits)
        #expect(nextFailure()?.kind == .waits)
        #expect(dispatch.breaker.reading(nowMilliseconds: now).nextTryMilliseconds == now + 15_000)
    }

    @Test("a trial whose worker goes away leaves its turn to the next call")
    func trialAbandoned() throws {
        submit(["1"])
        _ = try failUntilAnswered()
        _ = nextFailure()
        now += 15_000
        submit(["2"], 2, from: 2)
        submit(["3"], 3, from: 3)
        let trial = try #require(nextCall())
        #expect(dispatch.leave(2, nowMilliseconds: now) == [trial.id])
        dispatch.cancelled(trial.id, nowMilliseconds: now)
        #expect(nextCall()?.texts == ["3"])
    }

    @Test("a batch that fails every time while others are served is at fault itself, and the breaker stays closed")
    func poison() throws {
        submit(["0"], 1, from: 1)
        for round in 1...5 {
            submit(["1"], UInt32(round), from: 2)
            let calls = [try #require(nextCall()), try #require(nextCall())]
            for call in calls where call.texts == ["1"] { succeed(call) }
            for call in calls where call.texts == ["0"] { fail(call) }
            now += 10_000
        }
        var failures: [EmbeddingFailure] = []
        while let answer = dispatch.nextAnswer() {
            if case .failure(_, let failure) = answer.frame { failures.append(failure) }
        }
        #expect(failures.map(\.kind) == [.failed])
        #expect(dispatch.breaker.reading(nowMilliseconds: now).state == .closed)
    }

    @Test("calls that take so long that five do not fall into 30 s open the breaker too, once they were tried enough")
    func slowFailures() throws {
        submit(["1"])
        for _ in 0..<5 {
            let call = try #require(nextCall())
            now += 60_000
            fail(call, .passing(detail: "it did not answer within 60 s"))
            now = max(now, dispatch.wakeMilliseconds(nowMilliseconds: now) ?? now)
        }
        #expect(nextFailure()?.kind == .waits)
        #expect(dispatch.breaker.reading(nowMilliseconds: now).state == .open)
    }

    @Test("what is refused ends its document's other batches too: no more calls are paid for")
    func refusedTogether() throws {
        submit(["1"], 1)
        submit(["2"], 2)
        submit(["3"], 3)
        fail(try #require(nextCall()), .refused(detail: "Check the key."))
        for _ in 1...3 { #expect(nextFailure()?.kind == .refused) }
        // One that was on its way when the answer was.
        submit(["4"], 4)
        #expect(nextFailure()?.kind == .refused)
        #expect(nextCall() == nil)
    }

    @Test("what is refused or unusable ends its batch at once, and says nothing against the service")
    func refused() throws {
        submit(["1"], 1)
        submit(["2"], 2, from: 2)
        fail(try #require(nextCall()), .refused(detail: "Check the key."))
        #expect(nextFailure() == EmbeddingFailure(.refused, "Check the key."))
        fail(try #require(nextCall()), .unusable(detail: "its answer has an empty vector"))
        let second = try #require(nextFailure())
        #expect(second.kind == .unusable && second.detail.contains("its answer has an empty vector"))
        #expect(nextCall() == nil)
        #expect(dispatch.breaker.reading(nowMilliseconds: now) == BreakerReading(state: .closed))
    }

    @Test("a batch that is too large is halved until it fits, and answered whole and in order")
    func halves() throws {
        submit((1...5).map(String.init))
        var sizes: [Int] = []
        while let call = nextCall() {
            sizes.append(call.texts.count)
            if call.texts.count > 2 { fail(call, .tooLarge) } else { succeed(call) }
        }
        #expect(sizes == [5, 2, 3, 1, 2])
        let vectors = EmbeddingVectors(dimensions: 1, numbers: [1, 2, 3, 4, 5])
        #expect(dispatch.nextAnswer()?.frame == .vectors(batch: 1, vectors))
    }

    @Test("a single text that is too large is refused with what to change")
    func tooLarge() throws {
        submit(["1"])
        fail(try #require(nextCall()), .tooLarge)
        let failure = try #require(nextFailure())
        #expect(failure.kind == .refused && failure.detail.contains("--chunk-characters"))
    }

    @Test("a service that changes the length of its vectors midway is unusable")
    func dimensions() throws {
        submit(["1"], 1)
        submit(["2"], 2)
        let calls = [try #require(nextCall()), try #require(nextCall())]
        succeed(calls[0], dimensions: 3)
        #expect(dispatch.dimensions == 3)
        succeed(calls[1], dimensions: 4)
        _ = dispatch.nextAnswer()
        #expect(nextFailure()?.kind == .unusable)
    }

    @Test("a worker that is gone is answered no more, and its calls are given up")
    func leaves() throws {
        submit(["1"], 1, from: 1)
        submit(["2"], 2, from: 1)
        submit(["3"], 3, from: 1)
        let calls = [try #require(nextCall()), try #require(nextCall())]
        succeed(calls[0])
        #expect(dispatch.leave(1, nowMilliseconds: now) == [calls[1].id])
        dispatch.cancelled(calls[1].id, nowMilliseconds: now)
        #expect(dispatch.nextAnswer() == nil)
        #expect(nextCall() == nil)
    }

    @Test("a worker that has more batches under way than may be is turned away")
    func bound() {
        for batch in 0..<EmbeddingDispatch.batchesPerPeerMax { submit(["1"], UInt32(batch)) }
        let isTaken = dispatch.submit(["1"], batch: 99, from: 1, nowMilliseconds: now)
        #expect(!isTaken)
        submit(["1"], 1, from: 2)
    }

    // Goal: every batch is answered exactly once, whatever the service does. Method: seeded random faults over many
    // batches of several workers; every text that was embedded is in one answer.
    @Test("every batch gets one answer, with vectors in order or a reason", arguments: 0..<50)
    func random(seed: UInt64) throws {
        var state = seed &* 0x9e37_79b9_7f4a_7c15 | 1
        func next(_ bound: Int) -> Int {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Int(state % UInt64(bound))
        }
        var open: [EmbeddingDispatch.Call] = []
        var expected: [String: Int] = [:]
        for round in 0..<400 {
            if round < 200, next(3) == 0 {
                let (peer, texts) = (next(3), (0...next(4)).map { "\(round * 10 + $0)" })
                submit(texts, UInt32(round), from: peer)
                expected["\(peer)/\(round)"] = texts.count
            }
            while let call = nextCall() { open.append(call) }
            if !open.isEmpty, next(2) == 0 {
                let call = open.remove(at: next(open.count))
                switch next(6) {
                case 0: fail(call)
                case 1: fail(call, .passing(detail: "it answers 429", retryAfterMilliseconds: Int64(next(20_000))))
                case 2: fail(call, .tooLarge)
                case 3 where round < 200: fail(call, .refused(detail: "no"))
                default: succeed(call)
                }
            }
            now += Int64(next(2000))
            while let answer = dispatch.nextAnswer() {
                switch answer.frame {
                case .vectors(let batch, let vectors):
                    let first = Float(batch) * 10
                    #expect(vectors.numbers == (0..<vectors.count).map { first + Float($0) })
                    #expect(expected.removeValue(forKey: "\(answer.peer)/\(batch)") == vectors.count)
                case .failure(let batch, _):
                    #expect(expected.removeValue(forKey: "\(answer.peer)/\(batch)") != nil)
                case .texts: Issue.record("a dispatch answers with no texts")
                }
            }
        }
        for call in open { succeed(call) }
        var turns = 0
        while !expected.isEmpty, turns < 1000 {
            turns += 1
            while let call = nextCall() { succeed(call) }
            now = max(now, dispatch.wakeMilliseconds(nowMilliseconds: now) ?? now)
            while let answer = dispatch.nextAnswer() {
                switch answer.frame {
                case .vectors(let batch, _), .failure(let batch, _):
                    #expect(expected.removeValue(forKey: "\(answer.peer)/\(batch)") != nil)
                case .texts: break
                }
            }
        }
        #expect(expected.isEmpty, "seed \(seed)")
    }
}
