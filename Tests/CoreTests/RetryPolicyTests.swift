import JSON
import Testing

@testable import Core

@Suite("Trying again")
struct RetryPolicyTests {
    static let crash = DocumentError(.crashed, "The reader was ended by signal 11.")

    static func checkpoint(_ units: Int64, chunks: Int64 = 0) -> Checkpoint {
        Checkpoint(
            run: 1, units: units, textBytes: units * 100, resultBytes: chunks * 50, chunks: chunks, settings: "a")
    }

    @Test(
        "what would fail the same way ends at once; an accident is tried again", arguments: DocumentError.Code.allCases)
    func transience(code: DocumentError.Code) {
        var failed = FailedRuns()
        let error = DocumentError(code, "It did not work.")
        let decision = RetryPolicy().decide(error, pages: nil, checkpoint: nil, failed: &failed, jitter: 0)
        switch code {
        case .crashed, .storageFull, .storageFailed, .embeddingFailed:
            #expect(decision == .again(afterMilliseconds: 1000))
        default: #expect(decision == .giveUp(error))
        }
    }

    @Test("after so many attempts it is given up, and the error says how many there were")
    func attempts() {
        var failed = FailedRuns()
        let policy = RetryPolicy(attemptsMax: 3, waitMilliseconds: 100)
        for run in 1...2 {
            #expect(
                policy.decide(Self.crash, pages: Int64(run), checkpoint: nil, failed: &failed, jitter: 1)
                    == .again(afterMilliseconds: run == 1 ? 100 : 200))
        }
        guard case .giveUp(let error) = policy.decide(Self.crash, pages: 7, checkpoint: nil, failed: &failed, jitter: 1)
        else { return #expect(Bool(false), "the third is the last") }
        #expect(error.code == "crashed")
        #expect(error.detail == "The reader was ended by signal 11. It was tried 3 times.")
    }

    @Test("a run that got further on record does not count, however many there are")
    func progress() {
        var failed = FailedRuns()
        for run in Int64(1)...50 {
            let decision = RetryPolicy().decide(
                Self.crash, pages: run * 10 + 5, checkpoint: Self.checkpoint(run * 10), failed: &failed, jitter: 0)
            guard case .again(let wait) = decision else { return #expect(Bool(false), "run \(run)") }
            #expect(wait <= RetryPolicy.waitMillisecondsMax)
        }
        // Chunks that got their vectors are progress as well.
        #expect(failed.count == 1)
        _ = RetryPolicy().decide(
            Self.crash, pages: 900, checkpoint: Self.checkpoint(500, chunks: 1), failed: &failed, jitter: 0)
        #expect(failed.count == 1)
    }

    @Test("two deaths at the same page are poison, and the page is told")
    func poison() {
        var failed = FailedRuns()
        let policy = RetryPolicy(attemptsMax: 100)
        let pages: [Int64] = [56, 57]
        for page in pages {
            guard case .again = policy.decide(Self.crash, pages: page, checkpoint: nil, failed: &failed, jitter: 0)
            else {
                return #expect(Bool(false), "another page")
            }
        }
        guard
            case .giveUp(let error) = policy.decide(
                Self.crash, pages: 57, checkpoint: Self.checkpoint(40), failed: &failed, jitter: 0)
        else { return #expect(Bool(false), "the same page twice") }
        #expect(error.code == "crashed")
        #expect(error.detail.contains("twice at page 58"))
    }

    @Test("a disk that refuses at the same page is no poison")
    func disk() {
        var failed = FailedRuns()
        let full = DocumentError(.storageFull, "The disk is full.")
        for _ in 1...2 {
            guard case .again = RetryPolicy().decide(full, pages: 9, checkpoint: nil, failed: &failed, jitter: 0) else {
                return #expect(Bool(false))
            }
        }
    }

    @Test("waits double up to their bound, and the upper half of each is drawn", arguments: [0, 0.5, 1])
    func waits(jitter: Double) {
        let policy = RetryPolicy(waitMilliseconds: 2000)
        let waits = (1...40).map { policy.wait(beforeRun: $0, jitter: jitter) }
        #expect(waits.first == Int64(1000 + 1000 * jitter))
        #expect(waits[1] == 2 * waits[0])
        #expect(waits.max() == RetryPolicy.waitMillisecondsMax / 2 + Int64(jitter * 150_000))
        #expect(waits == waits.sorted())
    }

    @Test("what failed is read as it was recorded")
    func record() throws {
        var failed = FailedRuns()
        _ = RetryPolicy().decide(Self.crash, pages: 3, checkpoint: Self.checkpoint(2), failed: &failed, jitter: 0)
        var writer = JSONWriter()
        failed.encode(into: &writer)
        #expect(FailedRuns(try JSONValue.parse(writer.bytes)) == failed)
        #expect(FailedRuns(nil) == FailedRuns())
    }

    @Test("a document that meets the server's death again and again waits longer, and is set aside at the bound")
    func serverDeaths() {
        let policy = RetryPolicy(waitMilliseconds: 2000)
        let decisions = (1...RetryPolicy.serverDeathsMax).map { policy.afterServerDeath($0, jitter: 1) }
        #expect(decisions.dropLast() == [0, 2000, 4000, 8000].map { .again(afterMilliseconds: $0) })
        guard case .giveUp(let error)? = decisions.last else { return #expect(Bool(false), "the fifth is the last") }
        #expect(error.code == "crashed" && error.isRetryable)
        #expect(error.detail.contains("5 times in a row"))
    }

    @Test("deaths of the server count in a row, over restarts, until anything new is on record")
    func serverDeathsInARow() throws {
        var document = try Document.sample(in: .processing)
        let died = DocumentChange.serverDied(notBeforeMilliseconds: nil)
        try document.apply([.checkpointed(Self.checkpoint(3)), died, .leased, .checkpointed(Self.checkpoint(3)), died])
        #expect(document.serverDeaths == 2 && document.attempt == 1)
        #expect(try document.restored().serverDeaths == 2)
        for change in [
            .checkpointed(Self.checkpoint(4)), .fellBack(Self.crash, to: .second),
            .setBack(message: "It waits.", notBeforeMilliseconds: 5, isAttempt: true),
        ] as [DocumentChange] {
            var other = document
            try other.apply([.leased, change])
            #expect(other.serverDeaths == 0, "\(change)")
        }
        try document.apply([.requeued, .leased, .failed(Self.crash), .retried])
        #expect(document.serverDeaths == 0)
    }
}
