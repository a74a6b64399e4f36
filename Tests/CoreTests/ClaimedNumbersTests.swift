import JSON
import Testing

@testable import Core

// Goal: no number that a document, a worker or a command says ends the server, and none makes its state a lie that
// cannot be written down. Method: documents live through runs whose figures are drawn from the edges of 64 bits, as far
// apart as any; whatever comes, their state and their record can be written, and the record can be read again.
@Suite("Numbers that others say")
struct ClaimedNumbersTests {
    private static let edges: [Int64] = [
        .min, .min + 1, -1, 0, 1, 2, 3, 1000, 1 << 31, 1 << 40, StageProgress.unitsMax - 1, StageProgress.unitsMax,
        StageProgress.unitsMax + 1, 1 << 62, .max - 1, .max,
    ]
    private static let own = PipelineDefinition(
        name: "own", stages: (0..<16).map { .init(name: "s\($0)", command: ["a"], weight: Double($0 + 1)) }
    ).shape

    private static func document(_ shape: PipelineShape, _ rates: StageRates?) throws -> Document {
        var document = Document(
            id: .sample, epoch: "e", name: "a.bin", contentType: "x/y", bytesTotal: 10, pipeline: shape,
            metadata: JSONObject(), awaitsContent: false, at: .start)
        document.rates = rates
        try document.apply([.uploadCompleted(bytes: 10, sha256: nil, contentType: "x/y")])
        document.percentage.ceilingRecorded(Percentage.unfinishedMax)
        return document
    }

    private static func work(_ count: Int, _ random: inout SeededRandom) -> WorkProgress {
        func edge() -> Int64 { edges.randomElement(using: &random) ?? 0 }
        return WorkProgress(
            total: random.oneIn(4) ? nil : edge(), unitsArePages: random.oneIn(2),
            stages: (0..<Int.random(in: 0...count, using: &random)).map { _ in
                .init(done: edge(), total: random.oneIn(3) ? edge() : nil, isFinished: random.oneIn(8))
            },
            ranges: (0..<Int.random(in: 0...3, using: &random)).map { _ in
                .init(
                    before: edge(), done: edge(), total: edge(), isStarted: random.oneIn(2), isFinished: random.oneIn(4)
                )
            })
    }

    /// What a watcher and the record are given; nil where either is no JSON, or says what cannot be.
    private static func told(_ document: Document, _ now: Moment) throws -> Document? {
        let state = try JSONValue.parse(document.encoded(now: now))
        guard let progress = state["progress"]?.numberValue, (0...100).contains(progress) else { return nil }
        for stage in state["stages"]?.arrayValue ?? [] {
            guard let done = stage["done"]?.integerValue, (0...StageProgress.unitsMax).contains(done) else {
                return nil
            }
            if let total = stage["total"]?.integerValue, !(0...StageProgress.unitsMax).contains(total) { return nil }
        }
        if let seconds = state["eta_high"]?.numberValue, seconds > RemainingTime.secondsMax { return nil }
        return Document(record: try JSONValue.parse(document.recorded(now: now)), ceiling: 100)
    }

    @Test("whatever a run claims, the state can be told, recorded and read again", arguments: 0..<60)
    func anyClaim(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let isOwn = random.oneIn(2)
        let shape = isOwn ? Self.own : .document
        let rates = !isOwn && random.oneIn(2) ? DocumentEstimateTests.rates : nil
        var document = try Self.document(shape, rates)
        var now = Moment.start
        for run in 0..<3 {
            _ = try document.apply(.leased, at: now)
            for _ in 0..<40 {
                now = now.advanced(byMilliseconds: .random(in: 0...3000, using: &random))
                _ = try document.apply(.worked(Self.work(shape.stages.count, &random)), at: now)
                let restored = try #require(try Self.told(document, now), "seed \(seed), run \(run)")
                #expect(restored.stages.map(\.done) == document.stages.map(\.done))
                #expect(restored.stages.map(\.total) == document.stages.map(\.total))
            }
            _ = try document.apply(.requeued, at: now)
        }
        _ = try document.apply(.leased, at: now)
        let units = Self.edges.randomElement(using: &random) ?? 0
        _ = try document.apply(.completed(units: units, chunks: 1), at: now)
        #expect(try Self.told(document, now) != nil, "seed \(seed)")
        _ = document.lesson(at: now)
    }

    @Test("a slow run of which hardly anything seems done has no estimate, rather than one of millions of years")
    func hopeless() throws {
        var document = try Self.document(.document, nil)
        _ = try document.apply(.leased, at: .start)
        var now = Moment.start
        for step in 1...40 as ClosedRange<Int64> {
            now = .start.advanced(byMilliseconds: step * 500)
            _ = try document.apply(.worked(.pages([step, step, step], of: .max)), at: now)
            #expect(try Self.told(document, now) != nil)
        }
        #expect(document.estimate == nil)
    }

    @Test("an upload of the largest length that can be said has no estimate either")
    func hopelessUpload() throws {
        let (document, now) = try DocumentEstimateTests.uploading(DocumentEstimateTests.rates, total: .max)
        #expect(document.estimate == nil)
        _ = document.encoded(now: now)
    }

    @Test("a record of a server that believed such a number is read, and the number with it is not")
    func recorded() throws {
        var document = try Self.document(.document, nil)
        try document.apply([.leased, .worked(.pages([7, 2, 1], of: 9))])
        let text = String(decoding: document.recorded(now: .start), as: UTF8.self)
        let changed = text.split(separator: "\"total\":9").joined(separator: "\"total\":\(Int64.max)")
        #expect(changed != text)
        let restored = try #require(Document(record: try JSONValue.parse(Array(changed.utf8)), ceiling: 0))
        #expect(try Self.told(restored, .start) != nil)
    }
}
