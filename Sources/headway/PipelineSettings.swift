import Core
import System

/// Pipelines of the operator's own, as `--check-config` looks at and shows them.
extension ServeConfiguration {
    /// Programs that are not there. A server that starts tells it in the documents that need one.
    var missingPrograms: [SettingFault] {
        pipelines.own.flatMap { pipeline in
            pipeline.stages.enumerated().compactMap { index, stage in
                guard ThisProcess.findProgram(stage.command[0]) == nil else { return nil }
                return SettingFault(
                    "\(PipelineCatalog.key).\(pipeline.name).stages[\(index)].command",
                    "there is no program \(stage.command[0]) that can be run; install it, or give its whole path")
            }
        }
    }

    var pipelineLines: [String] {
        pipelines.own.flatMap { pipeline in
            let types = pipeline.types.isEmpty ? "every type" : pipeline.types.joined(separator: ", ")
            let shape = pipeline.shape
            return ["pipeline \(pipeline.name): takes \(types)"]
                + zip(pipeline.stages, shape.stages).map { stage, shown in
                    let share = Double((shown.weight * 10).rounded() / 10)
                    let command = stage.command.joined(separator: " ")
                    return "pipeline \(pipeline.name): \(stage.name), \(share) %: \(command)"
                }
        }
    }
}
