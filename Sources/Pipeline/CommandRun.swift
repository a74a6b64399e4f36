import Core
import Documents
import Logging
import Loop
import System
import Wire

/// One document's run through a pipeline of the operator's own: one command after the other, each in a sandbox and a
/// folder of its own. What a command has finished is on record before the next one begins. On the pipeline's loop.
///
/// It has the place of a worker, which rests meanwhile: so commands and workers share the machine's cores.
final class CommandRun: WorkRun, @unchecked Sendable {
    let lease: Lease
    private unowned let pipeline: Pipeline
    private let over: () -> Void
    private let definition: PipelineDefinition?
    private let limits: WorkLimits
    private var folders: StageFolders?
    private var process: StageProcess?
    private var index = 0
    /// Of the stages that have come to an end in this run.
    private var finished: [CommandProgress] = []
    private let startMilliseconds = Clock.monotonicMilliseconds
    /// A disk thread is at work for this run: until it has ended, nothing can be cleared away.
    private var isAtDisk = false
    private var isGivenUp = false
    private var isOver = false

    init(_ lease: Lease, pipeline: Pipeline, over: @escaping () -> Void) {
        self.lease = lease
        self.pipeline = pipeline
        self.over = over
        let found = pipeline.configuration.pipelines.definition(lease.pipeline)
        definition = found?.stages.map(\.name) == lease.stageNames ? found : nil
        limits = pipeline.configuration.policy.limits(forBytes: lease.bytes)
    }

    // The worker of this place has nothing to do with it, alive or not.
    var leavesWorkerUsable: Bool { true }
    func workerReported(_ message: WorkerReport) {}
    func workerEnded(_ ending: Ending) {}

    // MARK: Starting

    func start(on worker: WorkerLink) {
        guard let definition else {
            return end(
                .failed(
                    DocumentError(
                        .pipelineMissing,
                        "The server has no pipeline \(lease.pipeline) with the stages "
                            + "\(lease.stageNames.joined(separator: ", ")) any more. Configure it again and retry.")))
        }
        renewLater()
        atDisk { [lease, paths = pipeline.paths] () throws(SystemError) in
            try StageFolders(lease, paths)
        } then: { [self] folders in
            self.folders = folders
            index = folders.finishedCount
            finished = (0..<index).map { _ in CommandProgress().finished }
            let (id, run) = (lease.document, lease.run)
            if index > 0 {
                pipeline.documents?.perform(id) { [point = checkpoint(definition)] in $0.checkpointed(id, point) }
            } else if lease.checkpoint != nil {
                pipeline.documents?.perform(id) { $0.checkpointFailed(id, run: run) }
            }
            beginStage(definition)
        }
    }

    private func checkpoint(_ definition: PipelineDefinition) -> Checkpoint {
        Checkpoint(
            run: lease.run, units: Int64(index), textBytes: 0, resultBytes: 0, chunks: 0, settings: definition.settings)
    }

    /// What a disk thread has made ready for a stage.
    private final class Opened: @unchecked Sendable {
        let input: OwnedDescriptor
        let reading: ReadingPosition

        init(_ input: consuming OwnedDescriptor, _ reading: ReadingPosition) {
            self.input = input
            self.reading = reading
        }
    }

    private func beginStage(_ definition: PipelineDefinition) {
        guard let folders else { preconditionFailure("a stage begins in a folder") }
        let content = pipeline.paths.contentPath(lease.document, token: lease.contentToken)
        let before = index > 0 ? folders.output(index - 1) : nil
        atDisk { [index] () throws(SystemError) in
            try folders.make(index)
            let input = try Files.open(before ?? content, .read)
            let files: [FileTree.File]
            if let before { files = try FileTree.files(in: before) } else { files = [try FileTree.File(input.raw)] }
            return (Opened(input, ReadingPosition(of: files)), before ?? Files.wholePath(content) ?? content)
        } then: { [self] ready in
            let (opened, input) = ready
            do throws(SystemError) {
                try run(definition, folders, opened, input)
            } catch {
                cannotStart(definition.stages[index], error)
            }
        }
    }

    private func run(
        _ definition: PipelineDefinition, _ folders: StageFolders, _ opened: Opened, _ input: String
    ) throws(SystemError) {
        let stage = definition.stages[index]
        let output = folders.output(index)
        guard let path = ThisProcess.findProgram(stage.command[0]).flatMap(Files.wholePath) else {
            throw SystemError("exec(\(stage.command[0]))", 2)
        }
        var program = Program(path: path)
        program.environment += [
            "HOME=\(folders.temporary)", "TMPDIR=\(folders.temporary)", "HEADWAY_INPUT=\(input)",
            "HEADWAY_OUTPUT=\(output)", "HEADWAY_DOCUMENT_ID=\(lease.document)", "HEADWAY_STAGE=\(stage.name)",
        ]
        // A script among the arguments is meant to be read.
        let scripts = stage.command.dropFirst().filter { $0.hasPrefix("/") && $0.contains { $0 != "/" } }
        process = try StageProcess(
            StageProcess.Command(
                stage: stage.name, program: program, arguments: stage.arguments(input: input, output: output),
                outputDirectory: output, temporaryDirectory: folders.temporary,
                readable: definition.readable + scripts + (index > 0 ? [input] : [])),
            input: opened.input.raw, reading: opened.reading, limits: limits, loop: pipeline.loop, disk: pipeline.disk
        ) { [weak self] in
            self?.tellProgress()
        } ended: { [weak self] report in
            self?.stageEnded(definition, report)
        }
        tellProgress()
    }

    private func cannotStart(_ stage: PipelineDefinition.Stage, _ error: SystemError) {
        // ENOENT, EACCES, ENOEXEC: the command is not what was configured.
        guard [2, 13, 8].contains(error.number) else { return troubled(error) }
        end(
            .failed(
                DocumentError(
                    .extractorMissing,
                    "The command \(stage.command[0]) of the stage \(stage.name) cannot be run (\(error)). Install it "
                        + "on the server, and try again.")))
    }

    // MARK: What happens

    private func tellProgress() {
        guard !isOver, !isGivenUp else { return }
        let current = process?.progress ?? CommandProgress()
        var stages = finished.map { WorkProgress.Stage(done: $0.done, total: $0.total, isFinished: true) }
        if stages.count < lease.stageNames.count {
            stages.append(WorkProgress.Stage(done: current.done, total: current.total, isFinished: false))
        }
        let first = finished.first ?? current
        let progress = WorkProgress(
            total: nil, unitsArePages: first.unit == .pages, stages: stages, message: current.message)
        let (id, run) = (lease.document, lease.run)
        pipeline.documents?.perform(id) { $0.worked(id, run: run, progress) }
    }

    private func stageEnded(_ definition: PipelineDefinition, _ report: StageReport) {
        guard let process, let folders else { return }
        if isGivenUp || report.failure != nil {
            self.process = nil
            return end(report.failure.map(RunVerdict.failed) ?? .failed(DocumentError(.crashed, "")))
        }
        let progress = process.progress.finished
        self.process = nil
        let isLast = index == definition.stages.count - 1
        let list = pipeline.paths.resultPath(lease.document, run: lease.run)
        atDisk { [index, lease, paths = pipeline.paths] () throws(SystemError) in
            try folders.keep(index)
            guard isLast else { return nil as RunVerdict? }
            let verdict = try folders.finish(last: index, list: list, id: lease.document)
            try Files.syncDirectory(paths.resultDirectory)
            return verdict
        } then: { [self] verdict in
            if let verdict, case .failed = verdict { return end(verdict) }
            finished.append(progress)
            tellProgress()
            if let verdict { return end(verdict) }
            index += 1
            let (id, point) = (lease.document, checkpoint(definition))
            pipeline.documents?.perform(id) { $0.checkpointed(id, point) }
            beginStage(definition)
        }
    }

    /// The lease is renewed as long as this process supervises the run.
    private func renewLater() {
        pipeline.loop.schedule(afterMilliseconds: DocumentRun.renewalMilliseconds) { [self] in
            guard !isOver, !isGivenUp else { return }
            let (id, run, home) = (lease.document, lease.run, pipeline.loop)
            pipeline.documents?.perform(id) { owner in
                if !owner.renew(id, run: run) { home.perform { self.giveUp() } }
            }
            renewLater()
        }
    }

    /// Runs `work` on a disk thread. What comes back too late, or as an error, ends the run.
    private func atDisk<Outcome: Sendable>(
        _ work: @escaping @Sendable () throws(SystemError) -> Outcome,
        then completion: @escaping @Sendable (Outcome) -> Void
    ) {
        isAtDisk = true
        pipeline.disk.submit(from: pipeline.loop) {
            Result { () throws(SystemError) in try work() }
        } then: { [self] result in
            isAtDisk = false
            guard !isGivenUp else { return endGivenUp() }
            switch result {
            case .success(let outcome): completion(outcome)
            case .failure(let error): troubled(error)
            }
        }
    }

    private func troubled(_ error: SystemError) {
        pipeline.logger.error(
            "a run met trouble with the machine", metadata: ["document": "\(lease.document)", "error": "\(error)"])
        end(
            .failed(
                DocumentError(
                    error.isNoSpace ? .storageFull : .storageFailed,
                    "The server could not work on the document (\(error)). Try again.")))
    }

    func giveUp() {
        guard !isOver else { return }
        isGivenUp = true
        process?.kill()
        endGivenUp()
    }

    // MARK: Ending

    private func endGivenUp() {
        // Its files are cleared away when nobody can write them any more.
        guard !isOver, !isAtDisk, process == nil else { return }
        isOver = true
        // At shutdown nothing is said: the document is on record as running, and runs again at the next start.
        if !pipeline.isStopping { tell(.failed(DocumentError(.crashed, "The run was given up."))) }
        over()
    }

    private func end(_ verdict: RunVerdict) {
        process = nil
        if isGivenUp { return endGivenUp() }
        guard !isOver else { return }
        isOver = true
        pipeline.logger.info(
            "a run is over",
            metadata: [
                "document": "\(lease.document)", "attempt": "\(lease.attempt)", "pipeline": "\(lease.pipeline)",
                "verdict": "\(verdict.words(made: "files"))",
                "milliseconds": "\(Clock.monotonicMilliseconds - startMilliseconds)",
            ])
        if case .failed = verdict, let folders {
            // The stages that have finished stay for another run.
            pipeline.disk.submit(from: pipeline.loop) { [index] in
                try? folders.discard(index)
            } then: { _ in
                self.tell(verdict)
            }
        } else {
            tell(verdict)
        }
        over()
    }

    private func tell(_ verdict: RunVerdict) {
        let (id, run) = (lease.document, lease.run)
        pipeline.documents?.perform(id) { $0.finished(id, run: run, verdict) }
    }
}
