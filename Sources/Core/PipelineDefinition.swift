/// A pipeline of the operator's own: commands that follow each other, as the configuration names them.
///
/// The first stage's input is the document, each next one's the output directory of the one before. What the last
/// one leaves there is the document's result.
package struct PipelineDefinition: Sendable, Equatable {
    package static let stagesMax = 16
    package static let typesMax = 64
    package static let readableMax = 64
    package static let nameBytesMax = 32

    package struct Stage: Sendable, Equatable {
        package static let argumentsMax = 64
        package static let argumentBytesMax = 4096
        package static let weightMax = 1000.0

        package var name: String
        /// The program and its arguments; `{input}` and `{output}` in an argument stand for the paths.
        package var command: [String]
        /// Its share of the percentage beside the other stages'.
        package var weight: Double

        package init(name: String, command: [String], weight: Double = 1) {
            self.name = name
            self.command = command
            self.weight = weight
        }

        package func arguments(input: String, output: String) -> [String] {
            command.dropFirst().map { argument in
                Self.filled(argument, [("{input}", input), ("{output}", output)])
            }
        }

        /// Each placeholder is looked for in what the operator wrote, never in what another one stood for.
        private static func filled(_ text: String, _ values: [(String, String)]) -> String {
            var (filled, rest) = ("", text[...])
            while !rest.isEmpty {
                if let (name, value) = values.first(where: { rest.hasPrefix($0.0) }) {
                    filled += value
                    rest = rest.dropFirst(name.count)
                } else {
                    filled.append(rest.removeFirst())
                }
            }
            return filled
        }
    }

    package var name: String
    /// `image/png`, or `image/*`; empty: every type.
    package var types: [String]
    package var stages: [Stage]
    /// Files and folders that the commands may read beside the document and the programs of the machine.
    package var readable: [String]

    package init(name: String, types: [String] = [], stages: [Stage], readable: [String] = []) {
        self.name = name
        self.types = types
        self.stages = stages
        self.readable = readable
    }

    /// What watchers see: the weights are made to fill what the upload leaves of 100.
    package var shape: PipelineShape {
        let sum = stages.reduce(0) { $0 + $1.weight }
        let whole = 100 - PipelineShape.uploadWeight
        return PipelineShape(
            name: name, stages: stages.map { StageProgress(name: $0.name, weight: $0.weight * whole / sum) })
    }

    /// `type` without parameters, in lower case.
    package func takes(_ type: String) -> Bool {
        types.isEmpty
            || types.contains { $0 == type || $0.hasSuffix("/*") && type.hasPrefix($0.dropLast()) }
    }

    /// Names the commands: what was made by others is not gone on from.
    package var settings: String {
        let text = stages.map { ([$0.name] + $0.command).joined(separator: "\u{1f}") }.joined(separator: "\u{1e}")
        return String(Rollout.fnv1a(text), radix: 16)
    }

    /// Of pipelines and stages: they stand in URLs, states and the environment.
    package static func isName(_ text: String) -> Bool {
        (1...nameBytesMax).contains(text.utf8.count) && text.utf8.first.map(isLetter) == true
            && text.utf8.allSatisfy { isLetter($0) || (0x30...0x39).contains($0) || $0 == 0x2d || $0 == 0x5f }
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7a).contains(byte) }
}

/// All pipelines of a server: the built-in `document`, and those of the configuration. It does not change while the
/// server runs.
package struct PipelineCatalog: Sendable, Equatable {
    package static let pipelinesMax = 64

    package private(set) var own: [PipelineDefinition]

    package init(_ own: [PipelineDefinition] = []) { self.own = own }

    package func definition(_ name: String) -> PipelineDefinition? { own.first { $0.name == name } }

    package func shape(_ name: String) -> PipelineShape? {
        name == PipelineShape.document.name ? .document : definition(name)?.shape
    }

    package var names: [String] { [PipelineShape.document.name] + own.map(\.name) }

    /// The types that a pipeline takes; nil: every one.
    package func acceptedTypes(_ name: String) -> [String]? {
        guard let definition = definition(name) else { return DocumentType.allCases.map(\.rawValue) }
        return definition.types.isEmpty ? nil : definition.types
    }

    /// What a declared type means for an upload to a pipeline.
    package enum Declaration: Sendable, Equatable {
        /// As it is kept and shown.
        case known(String)
        case judgedByBytes
        case unsupported
    }

    /// `essence` is the type without parameters in lower case; `charset` is its parameter of that name.
    package func declared(_ essence: String?, charset: String? = nil, for pipeline: String) -> Declaration {
        let declared = DocumentType.declared(essence, charset: charset)
        guard let definition = definition(pipeline) else {
            return switch declared {
            case .known(let type): .known(type.text)
            case .judgedByBytes: .judgedByBytes
            case .unsupported: .unsupported
            }
        }
        guard declared != .judgedByBytes, let essence else { return .judgedByBytes }
        return definition.takes(essence) ? .known(essence) : .unsupported
    }

    /// The type of bytes that nothing was said of; nil where the pipeline does not take them.
    package func judge(prefix: [UInt8], name: String, for pipeline: String) -> String? {
        guard let definition = definition(pipeline) else {
            return DocumentType.judge(prefix: prefix, name: name).map { ContentType($0).text }
        }
        let type =
            MediaSignature.judge(prefix: prefix) ?? DocumentType.judge(prefix: prefix, name: name)?.rawValue
            ?? "application/octet-stream"
        return definition.takes(type) ? type : nil
    }
}
