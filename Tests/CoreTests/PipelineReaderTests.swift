import Testing

@testable import Core

@Suite("Pipelines of one's own in the configuration file")
struct PipelineReaderTests {
    private func read(_ text: String) throws -> (catalog: PipelineCatalog, faults: [String]) {
        let file = try ConfigurationFile(name: "f.json", bytes: Array(text.utf8))
        var faults: [SettingFault] = []
        let catalog = PipelineCatalog(file, faults: &faults)
        return (catalog, faults.map(\.description))
    }

    @Test("a pipeline has the stages, types and weights that the file gives it")
    func whole() throws {
        let (catalog, faults) = try read(
            """
            {"pipelines": {"thumbnails": {"types": ["image/*", "application/pdf"], "readable": ["/srv/models"],
              "stages": [{"name": "reading", "command": ["read", "{input}"], "weight": 3},
                         {"name": "shrinking", "command": ["shrink", "--to={output}"]}]}}}
            """)
        #expect(faults == [])
        let definition = try #require(catalog.definition("thumbnails"))
        #expect(definition.readable == ["/srv/models"])
        #expect(definition.shape.stages.map(\.name) == ["reading", "shrinking"])
        #expect(definition.shape.stages.map(\.weight) == [60, 20])
        #expect(definition.stages[1].arguments(input: "/a", output: "/b") == ["--to=/b"])
        #expect(catalog.names == ["document", "thumbnails"])
    }

    @Test("stages without weights share what the upload leaves")
    func equalShares() {
        let stages = ["a", "b", "c", "d"].map { PipelineDefinition.Stage(name: $0, command: [$0]) }
        #expect(PipelineDefinition(name: "p", stages: stages).shape.stages.map(\.weight) == [20, 20, 20, 20])
    }

    @Test("a placeholder is looked for in the configuration, not in what stands in its place")
    func placeholders() {
        let stage = PipelineDefinition.Stage(name: "a", command: ["x", "{input}{output}{other}"])
        #expect(stage.arguments(input: "{output}", output: "/b") == ["{output}/b{other}"])
    }

    /// Of the whole file.
    private static let wrongFiles = [
        (#"{"pipelines": []}"#, "f.json:1: pipelines: give an object"),
        (#"{"pipelines": {}}"#, "f.json:1: pipelines: give an object"),
        ("{\"pipelines\": {\n\"Big\": {}}}", "f.json:2: pipelines.Big: the name of a pipeline"),
        (#"{"pipelines": {"document": {"stages": []}}}"#, "document is built in"),
    ]

    /// Of the pipeline `p`.
    private static let wrongPipelines = [
        ("1", "pipelines.p: give an object with types"),
        ("{}", "pipelines.p: give stages"),
        (#"{"stages": []}"#, "pipelines.p.stages: give stages"),
        (#"{"types": ["Image/PNG"]}"#, "types[0]: give"),
        (#"{"types": ["*/*"]}"#, "types[0]: give"),
        (#"{"types": []}"#, "types: give a list"),
        (#"{"readable": ["/"]}"#, "readable[0]: give"),
        (#"{"readable": ["here"]}"#, "readable[0]: give"),
        (#"{"reads": []}"#, "reads: there is no such member"),
    ]

    /// Of its stages.
    private static let wrongStages = [
        (#""extracting""#, "stages[0]: extracting is a stage of the built-in"),
        (#""other""#, "stages[0]: give an object with name and command"),
        (#"{"name": "a"}"#, "stages[0]: give command"),
        (#"{"name": "a", "command": "b"}"#, "command: give command, a list"),
        (#"{"name": "a", "command": ["b", 1]}"#, "command: give command, a list"),
        (#"{"name": "a", "command": [""]}"#, "command: give command, a list"),
        (#"{"name": "queued", "command": ["b"]}"#, "queued is what a document"),
        (#"{"name": "a", "command": ["b"], "weight": 0}"#, "weight: give a number"),
        (#"{"name": "a", "command": ["b"], "weight": 1001}"#, "weight: give a number"),
        (#"{"name": "a", "command": ["b"], "wait": 0}"#, "wait: there is no such"),
        (#"{"name": "a", "command": ["b"]}, {"name": "a", "command": ["c"]}"#, "stages[1]: a is there twice"),
    ]

    @Test(
        "every fault is told with its line and its place",
        arguments: wrongFiles + wrongPipelines.map { (#"{"pipelines": {"p": \#($0.0)}}"#, $0.1) }
            + wrongStages.map { (#"{"pipelines": {"p": {"stages": [\#($0.0)]}}}"#, $0.1) })
    func faults(text: String, words: String) throws {
        let (catalog, faults) = try read(text)
        #expect(catalog.own.isEmpty)
        #expect(faults.contains { $0.contains(words) }, "\(faults)")
    }

    @Test("there is a bound to pipelines and to stages")
    func bounds() throws {
        let stage = { (number: Int) in #"{"name": "s\#(number)", "command": ["a"]}"# }
        let stages = (0...PipelineDefinition.stagesMax).map(stage).joined(separator: ",")
        #expect(try read(#"{"pipelines": {"p": {"stages": [\#(stages)]}}}"#).faults.count == 1)
        let one = #"{"stages": [\#(stage(0))]}"#
        let pipelines = (0...PipelineCatalog.pipelinesMax).map { #""p\#($0)": \#(one)"# }.joined(separator: ",")
        #expect(try read(#"{"pipelines": {\#(pipelines)}}"#).faults.count == 1)
    }

    @Test("a type is taken as it is declared, or judged by the bytes")
    func types() {
        let catalog = PipelineCatalog([
            PipelineDefinition(name: "images", types: ["image/*"], stages: [.init(name: "a", command: ["a"])]),
            PipelineDefinition(name: "any", stages: [.init(name: "a", command: ["a"])]),
        ])
        #expect(catalog.declared("image/svg+xml", for: "images") == .known("image/svg+xml"))
        #expect(catalog.declared("text/plain", for: "images") == .unsupported)
        #expect(catalog.declared("image", for: "images") == .unsupported)
        #expect(catalog.declared("application/octet-stream", for: "images") == .judgedByBytes)
        #expect(catalog.declared("x/y", for: "any") == .known("x/y"))
        let text = catalog.declared("text/plain", charset: "koi8-r", for: "document")
        #expect(text == .known("text/plain; charset=koi8-r"))
        #expect(catalog.declared("image/png", for: "document") == .unsupported)
        #expect(catalog.judge(prefix: [0xff, 0xd8, 0xff, 0xe0], name: "a", for: "images") == "image/jpeg")
        #expect(catalog.judge(prefix: Array("text".utf8), name: "a", for: "images") == nil)
        #expect(catalog.judge(prefix: [0, 1, 2], name: "a", for: "any") == "application/octet-stream")
    }
}
