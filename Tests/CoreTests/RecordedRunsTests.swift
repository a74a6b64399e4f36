import JSON
import Testing

@testable import Core

// Goal: the remaining time is worth reading on real documents. Method: recorded runs are played to `Document`, in an
// order of chance, from an empty book of rates that learns of each as a server would; what it tells is held against
// what the record says came true.

@Suite("The remaining time of recorded runs")
struct RecordedRunsTests {
    /// From when on it is held: 25 of the 100 that are shown, of which the upload is 20 already, or a quarter of the
    /// work behind that.
    enum From: CaseIterable {
        case shownQuarter, workQuarter

        var percent: Double { self == .shownQuarter ? 25 : 40 }
    }

    /// Plays a run and answers what was told from then on.
    static func play(
        _ run: RecordedRun, from percent: Double, _ book: inout RatesBook
    ) throws -> [(estimate: RemainingTime.Estimate?, truth: Double)] {
        var document = Document(
            id: .sample, epoch: "9f3c", name: run.name, contentType: run.contentType, bytesTotal: run.bytes,
            pipeline: .document, metadata: JSONObject(), awaitsContent: false, at: .start)
        document.percentage.ceilingRecorded(Percentage.unfinishedMax)
        try document.apply([.uploadCompleted(bytes: run.bytes, sha256: nil, contentType: run.contentType)])
        document.rates = book.rates(of: try #require(document.ratesKind))
        _ = try document.apply(.leased, at: .start)
        var told: [(estimate: RemainingTime.Estimate?, truth: Double)] = []
        for state in run.states.dropLast() {
            _ = try document.apply(.worked(state.work), at: .start.advanced(byMilliseconds: state.milliseconds))
            guard document.percentage.published >= percent else { continue }
            told.append((document.estimate, Double(run.milliseconds - state.milliseconds) / 1000))
        }
        let end = Moment.start.advanced(byMilliseconds: run.milliseconds)
        _ = try document.apply(.completed(units: 1, chunks: 1), at: end)
        book.take(try #require(document.lesson(at: end)), of: try #require(document.ratesKind))
        return told
    }

    /// Of five orders together: in each the server has learned of other documents before it meets the next.
    static func score(_ runs: [RecordedRun], from: From) throws -> EstimateScore {
        var score = EstimateScore()
        for seed in UInt64(1)...5 {
            var random = SeededRandom(seed: seed)
            var book = RatesBook()
            for run in runs.shuffled(using: &random) { score.take(try play(run, from: from.percent, &book), of: run) }
        }
        return score
    }

    @Test("once a quarter is done, the truth is within the range, and the error is small", arguments: From.allCases)
    func worthReading(from: From) throws {
        let score = try Self.score(try RecordedRun.all(), from: from)
        #expect(score.coverage >= 0.85)
        #expect(score.medianError <= 0.25)
        // What is told nothing of is short or the first of its kind.
        #expect(score.answeredShare >= 0.85)
    }

    @Test("a server that has learned tells more, and sooner, than one that has not")
    func learned() throws {
        let runs = try RecordedRun.all().filter { $0.contentType == "text/plain" && $0.milliseconds > 1000 }
        var book = RatesBook()
        var (fresh, taught) = (EstimateScore(), EstimateScore())
        for run in runs {
            var nothing = RatesBook()
            fresh.take(try Self.play(run, from: 20, &nothing), of: run)
            taught.take(try Self.play(run, from: 20, &book), of: run)
        }
        #expect(runs.count > 3)
        #expect(taught.answeredShare > fresh.answeredShare)
    }
}
