import Testing

@testable import Core

@Suite("Progress of one stage")
struct StageProgressTests {
    static func stage(_ done: Int64, of total: Int64?, isFinished: Bool = false) -> StageProgress {
        var stage = StageProgress(name: "extracting", weight: 50)
        stage.done = done
        stage.total = total
        stage.isFinished = isFinished
        return stage
    }

    @Test("the fraction is done over total")
    func plain() {
        #expect(Self.stage(0, of: 10).fraction == 0)
        #expect(Self.stage(5, of: 10).fraction == 0.5)
    }

    @Test("a total that is unknown, zero or negative counts nothing", arguments: [nil, 0, -3] as [Int64?])
    func unknown(total: Int64?) {
        #expect(Self.stage(700, of: total).fraction == 0)
    }

    @Test("a stage is at its end only when it says so", arguments: [10, 11, 5000, Int64.max])
    func lying(done: Int64) {
        #expect(Self.stage(done, of: 10).fraction == StageProgress.unfinishedFractionMax)
        #expect(Self.stage(done, of: 10, isFinished: true).fraction == 1)
    }

    @Test("a finished stage is whole, whatever its figures say", arguments: [nil, 0, 1000] as [Int64?])
    func finished(total: Int64?) {
        #expect(Self.stage(3, of: total, isFinished: true).fraction == 1)
    }

    @Test("the weights of a pipeline and of the upload make 100")
    func weights() {
        #expect(PipelineShape.document.stages.reduce(PipelineShape.uploadWeight) { $0 + $1.weight } == 100)
        #expect(PipelineShape.document.stages.map(\.name) == ["extracting", "chunking", "embedding"])
    }

    @Test("a pipeline is found by its name, and no other")
    func named() {
        let catalog = PipelineCatalog([
            PipelineDefinition(name: "own", stages: [.init(name: "a", command: ["a"])])
        ])
        #expect(catalog.shape("document") == .document)
        #expect(catalog.shape("own")?.stages.map(\.name) == ["a"])
        #expect(catalog.shape("Document") == nil)
        #expect(catalog.shape("") == nil)
    }

    @Test("a record brings its own stages, whether its pipeline is configured or not")
    func recorded() {
        #expect(PipelineShape(recorded: "document", stages: ["x"], weights: [1]) == .document)
        let gone = PipelineShape(recorded: "gone", stages: ["a", "b"], weights: [70, 10])
        #expect(gone?.stages.map(\.name) == ["a", "b"] && gone?.stages.map(\.weight) == [70, 10])
        #expect(PipelineShape(recorded: "gone", stages: ["a", "b"], weights: [])?.stages.map(\.weight) == [40, 40])
        #expect(PipelineShape(recorded: "gone", stages: [], weights: []) == nil)
        #expect(PipelineShape(recorded: "?", stages: ["a"], weights: []) == nil)
    }
}
