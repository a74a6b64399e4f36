import JSON
import Testing

@testable import Core

@Suite("A document's estimate")
struct DocumentEstimateTests {
    /// Ten finished documents of 20 µs a byte.
    static let rates = {
        var rates = StageRates(stageCount: 3)
        for _ in 0..<10 {
            let stage = RunLesson.Stage(unitMilliseconds: 20, begin: 0)
            rates.take(
                RunLesson(
                    stages: [stage, stage, stage], leadMilliseconds: 50, tailMilliseconds: 20, byteMilliseconds: 0.02,
                    misses: []))
        }
        return rates
    }()

    /// An upload of 1,000,000 bytes, a hundredth of it every 100 ms, until `fraction` has come.
    static func uploading(_ rates: StageRates?, total: Int64? = 1_000_000) throws -> (Document, Moment) {
        var document = Document.sample(bytesTotal: total)
        document.rates = rates
        _ = try document.apply(.uploadBegan(total: total, contentType: "application/pdf"), at: .start)
        var now = Moment.start
        for step in 1...50 {
            now = .start.advanced(byMilliseconds: Int64(step) * 100)
            _ = try document.apply(.uploadProgressed(received: Int64(step) * 10_000), at: now)
        }
        return (document, now)
    }

    @Test("while the bytes come it is of the rest of them and of all the work behind them")
    func upload() throws {
        let (document, _) = try Self.uploading(Self.rates)
        let estimate = try #require(document.estimate)
        // 5 s of bytes, 20 s of work.
        #expect((23...27).contains(estimate.seconds))
        #expect(estimate.lowSeconds < 25 && estimate.highSeconds > 25)
    }

    @Test("without a length, or without documents of the kind, there is none while the bytes come")
    func uploadUnknown() throws {
        #expect(try Self.uploading(nil).0.estimate == nil)
        #expect(try Self.uploading(Self.rates, total: nil).0.estimate == nil)
    }

    @Test("it ends with the upload, whole or not")
    func uploadEnds() throws {
        let ends: [DocumentChange] = [
            .uploadCompleted(bytes: 1_000_000, sha256: nil, contentType: "application/pdf"),
            .uploadPaused(written: 500_000), .uploadLost, .uploadCutBack, .cancelled,
        ]
        for end in ends {
            var (document, now) = try Self.uploading(Self.rates)
            _ = try document.apply(end, at: now)
            #expect(document.estimate == nil)
        }
    }

    @Test("a request that goes on with an upload is measured by itself")
    func uploadContinued() throws {
        var (document, now) = try Self.uploading(Self.rates)
        _ = try document.apply(.uploadPaused(written: 500_000), at: now)
        now = now.advanced(byMilliseconds: 3_600_000)
        _ = try document.apply(.uploadContinued(token: 1, length: nil), at: now)
        for step in 1...20 {
            now = now.advanced(byMilliseconds: 100)
            _ = try document.apply(.uploadProgressed(received: 500_000 + Int64(step) * 10_000), at: now)
        }
        #expect((21...25).contains(try #require(document.estimate).seconds))
    }

    static func working(from first: Int64 = 0) throws -> (Document, Moment) {
        var document = try Document.sample(in: .queued)
        document.rates = rates
        _ = try document.apply(.leased, at: .start)
        var now = Moment.start
        for step in 1...20 {
            now = .start.advanced(byMilliseconds: Int64(step) * 100)
            let done = first + Int64(step) * 5
            _ = try document.apply(.worked(.pages([done, done, done], of: 400)), at: now)
        }
        return (document, now)
    }

    @Test("news that is overdue makes another estimate of it, and at last none")
    func overdue() throws {
        var (document, now) = try Self.working()
        let told = try #require(document.estimate)
        func refresh(after milliseconds: Int64) -> Bool {
            document.refreshEstimate(at: now.advanced(byMilliseconds: milliseconds))
        }
        var isOther = refresh(after: 1000)
        #expect(!isOther)
        #expect(document.estimate == told)
        isOther = refresh(after: 6000)
        #expect(isOther)
        #expect(try #require(document.estimate).highSeconds > told.highSeconds)
        isOther = refresh(after: 60_000)
        #expect(isOther)
        #expect(document.estimate == nil)
        isOther = refresh(after: 61_000)
        #expect(!isOther)
    }

    @Test("a run that came to a good end teaches, any other does not")
    func lesson() throws {
        var (document, now) = try Self.working()
        #expect(document.lesson(at: now) == nil)
        var failed = document
        _ = try failed.apply(.failed(DocumentError(.crashed, "The worker ended.")), at: now)
        #expect(failed.lesson(at: now) == nil)
        _ = try document.apply(.completed(units: 400, chunks: 1), at: now)
        let lesson = try #require(document.lesson(at: now))
        #expect(lesson.stages.compactMap(\.unitMilliseconds).allSatisfy { abs($0 - 20) < 1 })
        #expect(lesson.stages.count == 3)
        #expect(lesson.byteMilliseconds != nil)
        #expect(document.estimate == nil)
    }

    @Test("where some pages are recognized, what others taught is forgotten, and the end teaches nothing")
    func uneven() throws {
        var (document, now) = try Self.working()
        #expect(document.estimate != nil)
        var work = WorkProgress.pages([101, 101, 101], of: 400)
        work.recognition = TextlessRecognition()
        work.recognition?.page = 102
        _ = try document.apply(.worked(work), at: now)
        #expect(document.estimate == nil)
        #expect(try #require(document.message).contains("page 102"))
        var cancelled = document
        _ = try cancelled.apply(.cancelled, at: now)
        #expect(cancelled.message == nil)
        now = now.advanced(byMilliseconds: 1000)
        work.recognition?.page = nil
        _ = try document.apply(.worked(work), at: now)
        #expect(try #require(document.message).contains("page 102"), "the end is told at the end")
        _ = try document.apply(.completed(units: 400, chunks: 1), at: now)
        #expect(document.message == TextlessRecognition().endMessage)
        #expect(document.lesson(at: now) == nil)
    }

    @Test("a run after another does not tell what the whole work costs")
    func secondRun() throws {
        var (document, now) = try Self.working()
        _ = try document.apply(.requeued, at: now)
        _ = try document.apply(.leased, at: now)
        _ = try document.apply(.completed(units: 400, chunks: 1), at: now)
        #expect(try #require(document.lesson(at: now)).byteMilliseconds == nil)
    }

    @Test("rates are kept by pipeline and type")
    func kind() throws {
        #expect(Document.sample().ratesKind == nil)
        #expect(
            try Document.sample(in: .queued).ratesKind
                == RatesKind(pipeline: "document", contentType: "application/pdf"))
    }
}
