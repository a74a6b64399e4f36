import JSON
import Testing

@testable import Core

@Suite("A document of a pipeline of one's own")
struct CommandDocumentTests {
    private let shape = PipelineDefinition(
        name: "own",
        stages: [.init(name: "first", command: ["a"], weight: 3), .init(name: "second", command: ["b"])]
    ).shape

    private func document() throws -> Document {
        var document = Document(
            id: DocumentID(unixMilliseconds: 1, random: (1, 2)), epoch: "e", name: "a.bin", contentType: "x/y",
            bytesTotal: 10, pipeline: shape, metadata: JSONObject(), awaitsContent: false, at: .start)
        _ = try document.apply(.uploadCompleted(bytes: 10, sha256: nil, contentType: "x/y"), at: .start)
        _ = try document.apply(.leased, at: .start)
        return document
    }

    private func work(_ first: WorkProgress.Stage, _ second: WorkProgress.Stage? = nil) -> DocumentChange {
        .worked(WorkProgress(total: nil, unitsArePages: false, stages: [first] + (second.map { [$0] } ?? [])))
    }

    @Test("stages count each its own units, and weigh what the configuration says")
    func units() throws {
        var document = try document()
        _ = try document.apply(work(.init(done: 10, total: 20, isFinished: false)), at: .start)
        _ = try document.apply(.ceilingRecorded(100), at: .start)
        #expect(document.percentage.published == 50)
        _ = try document.apply(
            work(.init(done: 20, total: 20, isFinished: true), .init(done: 500, total: 1000, isFinished: false)),
            at: .start)
        #expect(document.percentage.published == 90)
        #expect(document.shownStage == "second" && document.stagePercentage == 50)
        _ = try document.apply(.completed(units: 0, chunks: 2), at: .start)
        #expect(document.stages.map(\.done) == [20, 500])
        #expect(document.percentage.published == 100)
    }

    @Test("a run that goes on has its finished stages finished from the start")
    func goesOn() throws {
        var document = try document()
        _ = try document.apply(.ceilingRecorded(100), at: .start)
        _ = try document.apply(
            work(.init(done: 20, total: 20, isFinished: true), .init(done: 5, total: 1000, isFinished: false)),
            at: .start)
        let point = Checkpoint(run: 1, units: 1, textBytes: 0, resultBytes: 0, chunks: 0, settings: "s")
        _ = try document.apply(.checkpointed(point), at: .start)
        _ = try document.apply(.requeued, at: .start)
        _ = try document.apply(.leased, at: .start)
        #expect(document.resumedFrom == 1)
        #expect(document.stages.map(\.isFinished) == [true, false])
        #expect(document.stages.map(\.done) == [20, 0])
        #expect(document.shownStage == "second")
    }

    @Test("a run whose checkpoint's files are gone goes on from nothing, and says so")
    func beginsAgain() throws {
        var document = try document()
        let point = Checkpoint(run: 1, units: 1, textBytes: 0, resultBytes: 0, chunks: 0, settings: "s")
        _ = try document.apply(.checkpointed(point), at: .start)
        _ = try document.apply(.requeued, at: .start)
        _ = try document.apply(.leased, at: .start)
        #expect(try document.apply(.checkpointed(nil), at: .start) != .none)
        #expect(document.resumedFrom == nil && document.checkpoint == nil)
        #expect(try document.apply(.checkpointed(nil), at: .start) == .none)
    }

    @Test("its record is read without its pipeline")
    func record() throws {
        var document = try document()
        _ = try document.apply(work(.init(done: 10, total: 20, isFinished: false)), at: .start)
        let value = try JSONValue.parse(document.recorded(now: .start))
        let restored = try #require(Document(record: value, ceiling: 50))
        #expect(restored.stages == document.stages)
        #expect(restored.pipeline == "own" && !restored.isReadByWorkers)
    }
}
