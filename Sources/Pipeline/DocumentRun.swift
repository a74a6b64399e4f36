import Core
import Documents
import Logging
import Loop
import System
import Wire

/// One document's run: opens its files, starts its extractor, hands all to the worker, watches limits and signs of
/// life, and when everything has ended says what became of it. On the pipeline's loop.
final class DocumentRun: @unchecked Sendable {
    static let supervisionMilliseconds: Int64 = 250
    static let postponeMilliseconds: Int64 = 1000

    let lease: Lease
    private unowned let pipeline: Pipeline
    private let over: () -> Void
    private var report: RunReport
    private weak var worker: WorkerLink?
    private var extractor: ExtractorProcess?
    private var pageCounter: ExtractorProcess?
    private var pagesTotal: Int64?
    /// Of what is read without an extractor: the document's bytes, until the worker has found what there is.
    private var unitsTotal: Int64?
    private var lastProgress: (extracted: Int64, chunked: Int64, embedded: Int64, finishedStages: Int) = (0, 0, 0, 0)

    private var toldFinishedStages = 0

    private let startMilliseconds = Clock.monotonicMilliseconds
    private var lifeMilliseconds = Clock.monotonicMilliseconds
    private var lastTicks: [Int32: Int64] = [:]
    private var workerStartTicks: Int64?
    /// A disk thread makes the run's files: until it has, they cannot be cleared away.
    private var isOpening = false
    private var isGivenUp = false
    private(set) var isOver = false

    init(_ lease: Lease, pipeline: Pipeline, over: @escaping () -> Void) {
        self.lease = lease
        self.pipeline = pipeline
        self.over = over
        unitsTotal = lease.type == .pdf || lease.type == .epub ? nil : lease.bytes
        report = RunReport(limits: pipeline.configuration.policy.limits(forBytes: lease.bytes))
    }

    /// A worker that said its last word on this run and was not ended takes the next one.
    var leavesWorkerUsable: Bool {
        !isGivenUp && report.supervisedEnd == nil && report.worker == nil
            && (report.finished != nil || report.workerFailure != nil)
    }

    // MARK: Starting

    private struct OpenFiles: ~Copyable, Sendable {
        var content: OwnedDescriptor
        var result: OwnedDescriptor
        var text: OwnedDescriptor
    }

    /// Carries open descriptors from a disk thread to the loop.
    private final class OpenFilesBox: @unchecked Sendable {
        var files: OpenFiles?
        var failure: SystemError?
    }

    func start(on worker: WorkerLink) {
        self.worker = worker
        isOpening = true
        superviseLater()
        let paths = pipeline.paths
        let (id, number, contentToken) = (lease.document, lease.run, lease.contentToken)
        pipeline.disk.submit(from: pipeline.loop) {
            let box = OpenFilesBox()
            do throws(SystemError) {
                box.files = OpenFiles(
                    content: try Files.open(paths.contentPath(id, token: contentToken), .read),
                    result: try Files.open(paths.resultPath(id, run: number), .createNew),
                    text: try Files.open(paths.textPath(id, run: number), .createNew))
            } catch {
                box.failure = error
            }
            return box
        } then: { box in
            self.opened(box)
        }
    }

    private func opened(_ box: OpenFilesBox) {
        isOpening = false
        guard !isOver, !isGivenUp, report.worker == nil else { return endIfDone() }
        if let failure = box.failure { return failToStart(failure) }
        guard let files = box.files.take(), let worker else { return endIfDone() }
        do throws(SystemError) {
            workerStartTicks = ProcessUsage.of(worker.processID)?.cpuTicks
            let assignment = WorkerAssignment(
                run: lease.run, charactersMax: pipeline.configuration.chunkCharacters,
                overlapCharacters: pipeline.configuration.chunkOverlapCharacters, countsPages: lease.type.countsPages,
                format: SourceFormat(lease.type), charset: lease.charset)
            if lease.type == .pdf {
                try startReading(files, worker, assignment)
            } else {
                try worker.send(assignment, [files.content.raw, files.result.raw, files.text.raw])
            }
        } catch {
            failToStart(error)
        }
    }

    private func startReading(
        _ files: borrowing OpenFiles, _ worker: WorkerLink, _ assignment: WorkerAssignment
    ) throws(SystemError) {
        guard let command = pipeline.tools.textCommand(for: lease.type) else {
            report.workerFailure = DocumentError(
                .extractorMissing,
                "The server has no pdftotext. Install poppler-utils there, restart it, and try again.")
            return endIfDone()
        }
        let limits = ProcessLimits(
            dataBytesMax: report.limits.memoryBytesMax, cpuSecondsMax: report.limits.cpuSecondsMax,
            fileBytesMax: report.limits.outputBytesMax, openFilesMax: 64)
        let pipe = try DescriptorPair.pipe()
        extractor = try ExtractorProcess(
            program: command.program, arguments: command.arguments, input: files.content.raw, output: pipe.second.raw,
            limits: limits, loop: pipeline.loop
        ) { [weak self] ending, _, message in
            guard let self else { return }
            self.extractor = nil
            self.report.extractor = ending
            self.report.extractorMessage = message
            self.tellProgress()
            self.endIfDone()
        }
        try worker.send(assignment, [pipe.first.raw, files.result.raw, files.text.raw])
        if let counter = pipeline.tools.pageCountCommand {
            // Beside the reader, not before it: a document of one page must not wait for its number of pages.
            pageCounter = try? ExtractorProcess(
                program: counter.program, arguments: counter.arguments, input: files.content.raw, output: nil,
                limits: limits,
                loop: pipeline.loop
            ) { [weak self] _, output, _ in
                guard let self else { return }
                self.pageCounter = nil
                self.pagesTotal = ExtractorTools.pageCount(inInformation: output)
                self.tellProgress()
            }
        }
    }

    private func failToStart(_ error: SystemError) {
        // Out of descriptors is the server's trouble, not the document's: it waits again.
        if error.isNoDescriptors && extractor == nil { return postpone() }
        pipeline.logger.error(
            "a run could not be started", metadata: ["document": "\(lease.document)", "error": "\(error)"])
        report.workerFailure = DocumentError(
            error.isNoSpace ? .storageFull : .storageFailed,
            "The server could not start to work on the document (\(error)). Try again.")
        extractor?.kill()
        endIfDone()
    }

    private func postpone() {
        isOver = true
        pipeline.loop.schedule(afterMilliseconds: Self.postponeMilliseconds) { [self] in
            let (id, run) = (lease.document, lease.run)
            if !pipeline.isStopping { pipeline.documents?.perform(id) { $0.giveBack(id, run: run) } }
            over()
        }
    }

    // MARK: What happens

    func workerReported(_ message: WorkerReport) {
        lifeMilliseconds = pipeline.loop.nowMilliseconds
        switch message {
        case .ready: break
        case .progress(let run, let extracted, let chunked, let embedded, let finishedStages, let total):
            guard run == lease.run else { return }
            if lease.type != .pdf, let total { unitsTotal = total }
            lastProgress = (extracted, chunked, embedded, finishedStages)
            tellProgress()
        case .finished(let run, let units, let chunks, let visibleCharacters):
            guard run == lease.run else { return }
            report.finished = RunReport.Finished(units: units, chunks: chunks, visibleCharacters: visibleCharacters)
            endIfDone()
        case .failed(let run, let code, let detail):
            guard run == lease.run else { return }
            report.workerFailure = DocumentError(DocumentError.Code(rawValue: code) ?? .crashed, detail)
            extractor?.kill()
            endIfDone()
        }
    }

    func workerEnded(_ ending: Ending) {
        report.worker = ending
        extractor?.kill()
        endIfDone()
    }

    private func tellProgress() {
        guard !isOver, !isGivenUp else { return }
        // Text may end because the reader could not go on: until it has ended well, no stage has finished.
        let hasReadAll = lease.type != .pdf || report.extractor == .exit(0)
        // Each end of a stage is told by itself, in order.
        for finishedStages in toldFinishedStages...max(toldFinishedStages, hasReadAll ? lastProgress.finishedStages : 0)
        {
            toldFinishedStages = finishedStages
            tell(finishedStages: finishedStages)
        }
    }

    private func tell(finishedStages: Int) {
        let done = [lastProgress.extracted, lastProgress.chunked, lastProgress.embedded]
        let progress = WorkProgress(
            total: lease.type == .pdf ? pagesTotal : unitsTotal, unitsArePages: lease.type.countsPages,
            stages: done.enumerated().map { .init(done: $1, isFinished: $0 < finishedStages) })
        let (id, run) = (lease.document, lease.run)
        pipeline.documents?.perform(id) { $0.worked(id, run: run, progress) }
    }

    // MARK: Supervision

    private func superviseLater() {
        pipeline.loop.schedule(afterMilliseconds: Self.supervisionMilliseconds) { [weak self] in
            guard let self, !self.isOver, !self.isGivenUp else { return }
            self.supervise()
            self.superviseLater()
        }
    }

    private func supervise() {
        let now = pipeline.loop.nowMilliseconds
        let limits = report.limits
        for processID in [worker?.processID, extractor?.processID, pageCounter?.processID].compactMap({ $0 }) {
            guard let usage = ProcessUsage.of(processID) else { continue }
            if usage.residentBytes > limits.memoryBytesMax {
                guard processID == pageCounter?.processID else { return end(.memory) }
                // The document can be read without its number of pages.
                pageCounter?.kill()
                continue
            }
            if let before = lastTicks[processID], usage.cpuTicks > before { lifeMilliseconds = now }
            lastTicks[processID] = usage.cpuTicks
            // The extractor's CPU time is held by the kernel; a worker is older than this run.
            if processID == worker?.processID, let start = workerStartTicks,
                (usage.cpuTicks - start) / ThisProcess.clockTicksPerSecond > limits.cpuSecondsMax
            {
                return end(.cpuTime)
            }
        }
        if now - startMilliseconds > limits.wallMillisecondsMax { return end(.wallTime) }
        if now - lifeMilliseconds > limits.stallMillisecondsMax { return end(.noProgress) }
    }

    private func end(_ reason: SupervisedEnd) {
        report.supervisedEnd = reason
        extractor?.kill()
        worker?.kill()
    }

    /// Nobody wants the result any more.
    func giveUp() {
        guard !isOver else { return }
        isGivenUp = true
        extractor?.kill()
        pageCounter?.kill()
        worker?.kill()
    }

    // MARK: Ending

    /// The run is over when the worker has said its last word, or is gone, and the extractor has ended.
    private func endIfDone() {
        guard !isOver else { return }
        let workerIsDone = report.worker != nil || report.finished != nil || report.workerFailure != nil
        guard workerIsDone, extractor == nil, !isOpening else { return }
        isOver = true
        pageCounter?.kill()
        if isGivenUp {
            // A document that was cancelled has its state already, and the owner only clears away what the run had
            // made. At shutdown nothing is said: the document is on record as running, and runs again at the next
            // start.
            if !pipeline.isStopping { tell(.failed(DocumentError(.crashed, "The run was given up."))) }
            return over()
        }
        let verdict = report.verdict
        pipeline.logger.info(
            "a run is over",
            metadata: [
                "document": "\(lease.document)", "attempt": "\(lease.attempt)", "verdict": "\(Self.word(verdict))",
                "milliseconds": "\(Clock.monotonicMilliseconds - startMilliseconds)",
            ])
        guard case .complete = verdict else {
            tell(verdict)
            return over()
        }
        // The worker has synced the files; their names are durable once the directories are.
        let paths = pipeline.paths
        pipeline.disk.submit(from: pipeline.loop) {
            do throws(SystemError) {
                try Files.syncDirectory(paths.resultDirectory)
                try Files.syncDirectory(paths.textDirectory)
                return nil as SystemError?
            } catch {
                return error
            }
        } then: { failure in
            self.tell(
                failure.map {
                    .failed(DocumentError(.storageFailed, "The result could not be made durable (\($0)). Try again."))
                }
                    ?? verdict)
        }
        over()
    }

    private func tell(_ verdict: RunVerdict) {
        let (id, run) = (lease.document, lease.run)
        pipeline.documents?.perform(id) { $0.finished(id, run: run, verdict) }
    }

    private static func word(_ verdict: RunVerdict) -> String {
        switch verdict {
        case .complete(_, let chunks): "complete, \(chunks) chunks"
        case .failed(let error): error.code
        }
    }
}
