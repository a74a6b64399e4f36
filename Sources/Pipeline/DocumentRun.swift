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
    static let spoolCountMilliseconds: Int64 = 100
    static let postponeMilliseconds: Int64 = 1000
    static let renewalMilliseconds: Int64 = 5000
    /// A document of this size may have enough pages for several extractors: their number is asked for first.
    static let countedBytesMin: Int64 = 1 << 20
    /// How long the first page waits for that number.
    static let countMillisecondsMax: Int64 = 2000

    let lease: Lease
    private unowned let pipeline: Pipeline
    private let over: () -> Void
    /// As it was when the run began.
    private let policy: WorkLimits.Policy
    private var report: RunReport
    private weak var worker: WorkerLink?
    private var extraction: (any PageReading)?
    /// Where pages without text are recognized beside it.
    private var textless: TextlessPages?
    private var pageCounter: ExtractorProcess?
    private var attachments: AttachmentListing?
    private var pagesTotal: Int64?
    /// Of what is read without an extractor: the document's bytes, until the worker has found what there is.
    private var unitsTotal: Int64?
    private var lastProgress: (extracted: Int64, chunked: Int64, embedded: Int64, finishedStages: Int) = (0, 0, 0, 0)

    private var toldFinishedStages = 0
    /// Pages that the worker has behind it, also when it could tell them no more.
    private var pageMark: SharedNumber?
    /// What the run's files hold, by the worker's last word on it.
    private var checkpoint: Checkpoint?
    /// Called when the number of pages is known, or will not be.
    private var whenCounted: (() -> Void)?

    private var vitals = RunVitals()
    /// A disk thread makes the run's files: until it has, they cannot be cleared away.
    private var isOpening = false
    private var isGivenUp = false
    private var isAssigned = false
    /// The worker's.
    private var hasLastWord = false
    private(set) var isOver = false

    init(_ lease: Lease, pipeline: Pipeline, over: @escaping () -> Void) {
        self.lease = lease
        self.pipeline = pipeline
        self.over = over
        unitsTotal = lease.type.countsPages ? nil : lease.bytes
        policy = pipeline.configuration.policy
        report = RunReport(limits: policy.limits(forBytes: lease.bytes))
        report.hasPassword = lease.password != nil
        report.hasLongPassword = lease.password?.utf8.count ?? 0 > RunReport.passwordBytesMax
        report.firstFailure = lease.firstFailure
        report.hasSecondReader = lease.type == .pdf && pipeline.tools.hasSecondReader
        report.isRecognition = lease.reader == .recognizer
        if lease.type == .pdf { report.recognition = pipeline.tools.standing }
    }

    /// A worker that said its last word on this run, or has never heard of it, and was not ended takes the next one.
    /// Where the run ended for the server's own reasons it may still be at work.
    var leavesWorkerUsable: Bool {
        !isGivenUp && report.supervisedEnd == nil && report.worker == nil && (hasLastWord || !isAssigned)
    }

    // MARK: Starting

    func start(on worker: WorkerLink) {
        self.worker = worker
        if let wait = pipeline.embedding?.wait(nowMilliseconds: pipeline.loop.nowMilliseconds) {
            report.waits = RunReport.Waits(wait, nowMilliseconds: pipeline.loop.nowMilliseconds)
            return endIfDone()
        }
        isOpening = true
        superviseLater()
        renewLater()
        pipeline.disk.submit(from: pipeline.loop) { [lease, paths = pipeline.paths] in
            RunFilesBox(lease, paths)
        } then: { box in
            self.opened(box)
        }
    }

    private func opened(_ box: RunFilesBox) {
        isOpening = false
        guard !isOver, !isGivenUp, report.worker == nil else { return endIfDone() }
        if let failure = box.failure { return failToStart(failure) }
        guard let files = box.files.take(), let worker else { return endIfDone() }
        let id = lease.document
        if let point = files.checkpoint {
            checkpoint = point
            pipeline.documents?.perform(id) { $0.checkpointed(id, point) }
        } else if lease.checkpoint != nil {
            pipeline.documents?.perform(id) { [run = lease.run] in $0.checkpointFailed(id, run: run) }
        }
        do throws(SystemError) {
            pageMark = try SharedNumber()
            vitals.begin(worker: worker.processID)
            worker.limitFiles(toBytes: report.limits.outputBytesMax)
            if lease.type == .pdf {
                try startCounting(files.content.raw)
                try startListing(files.content)
                let box = RunFilesBox(consume files)
                if lease.reader == .recognizer {
                    whenCounted = { [unowned self] in
                        startIfWanted { () throws(SystemError) in try startRecognizing(box) }
                    }
                    if pageCounter == nil { counted() }
                } else if lease.bytes < Self.countedBytesMin || pageCounter == nil {
                    try startReading(box)
                } else {
                    readWhenCounted(box)
                }
            } else {
                try assign(
                    worker, assignment(sourceCount: 1, files), [files.content.raw, files.result.raw, files.text.raw])
            }
        } catch {
            failToStart(error)
        }
    }

    private func assignment(sourceCount: Int, _ files: borrowing RunFiles) -> WorkerAssignment {
        WorkerAssignment(
            run: lease.run, charactersMax: pipeline.configuration.chunkCharacters,
            overlapCharacters: pipeline.configuration.chunkOverlapCharacters, countsPages: lease.type.countsPages,
            format: SourceFormat(lease.type, readBy: lease.reader),
            charset: lease.charset, sourceCount: sourceCount,
            resume: files.checkpoint.map {
                WorkerAssignment.Resume(
                    pages: $0.textBytes > 0 ? $0.units : 0, textBytes: $0.textBytes, chunks: $0.chunks,
                    resultBytes: $0.resultBytes)
            }, textlessMax: textless == nil ? 0 : TextlessPages.waitingMax)
    }

    /// With the files a number, by which the worker tells the page in hand at no cost.
    ///
    /// Where a service makes the vectors, the worker gets the run's own socket to it as well.
    private func assign(
        _ worker: WorkerLink, _ assignment: WorkerAssignment, _ descriptors: [Int32]
    ) throws(SystemError) {
        let descriptors = descriptors + [pageMark?.raw].compactMap(\.self)
        guard let service = pipeline.embedding else {
            try worker.send(assignment, descriptors)
            return isAssigned = true
        }
        let socket = try service.connect()
        var assignment = assignment
        assignment.embedding = WorkerAssignment.Embedding(
            batchMax: service.configuration.batchMax,
            batchesInFlightMax: service.configuration.batchesInFlightMax)
        try worker.send(assignment, descriptors + [socket.raw])
        isAssigned = true
    }

    /// A short document does not wait for its number of pages: it is counted beside the reader.
    private func startCounting(_ content: Int32) throws(SystemError) {
        guard let counter = pipeline.tools.pageCountCommand(password: lease.password) else { return }
        pageCounter = try? ExtractorProcess(
            program: counter.program, arguments: counter.arguments, input: content, output: nil, keepsEnd: true,
            limits: report.limits.ofReader, loop: pipeline.loop
        ) { [weak self] ending, output, _ in
            guard let self else { return }
            self.pageCounter = nil
            // One that did not come to its end may have printed the document's own words alone.
            self.pagesTotal = ending == .exit(0) ? PDFInformation.pageCount(in: output) : nil
            self.counted()
            self.tellProgress()
        }
    }

    /// Another reader would find the same files: they are listed in the first one's run.
    private func startListing(_ content: borrowing OwnedDescriptor) throws(SystemError) {
        guard lease.firstFailure == nil, let command = pipeline.tools.attachmentsCommand(password: lease.password)
        else { return }
        attachments = AttachmentListing(
            try content.duplicate(), bytes: lease.bytes, command: command, limits: report.limits.ofReader,
            loop: pipeline.loop, disk: pipeline.disk
        ) { [weak self] names in
            guard let self, !self.isOver, !self.isGivenUp else { return }
            let (id, run) = (self.lease.document, self.lease.run)
            if let names { self.pipeline.documents?.perform(id) { $0.attachmentsListed(id, run: run, names) } }
            self.endIfDone()
        }
    }

    private func readWhenCounted(_ box: RunFilesBox) {
        whenCounted = { [unowned self] in startIfWanted { () throws(SystemError) in try startReading(box) } }
        pipeline.loop.schedule(afterMilliseconds: Self.countMillisecondsMax) { [weak self] in self?.counted() }
    }

    private func startIfWanted(_ start: () throws(SystemError) -> Void) {
        guard !isOver, !isGivenUp, report.worker == nil else { return endIfDone() }
        do throws(SystemError) { try start() } catch { failToStart(error) }
    }

    private func counted() {
        let next = whenCounted
        whenCounted = nil
        next?()
    }

    private func startReading(_ box: RunFilesBox) throws(SystemError) {
        guard let files = box.files.take(), let worker else { return endIfDone() }
        guard textCommand(PageRange(first: 1, last: nil), byLine: true) != nil else {
            report.workerFailure = DocumentError(
                .extractorMissing,
                lease.firstFailure == nil
                    ? "The server has no pdftotext. Install poppler-utils there, restart it, and try again."
                    : "The server has no mutool any more. Install mupdf-tools there, restart it, and try again.")
            return endIfDone()
        }
        let done = files.checkpoint?.units ?? 0
        // A damaged document's number of pages says little: the second reader alone finds where it ends.
        let ranges = PageRange.plan(
            total: lease.firstFailure == nil ? pagesTotal : nil, bytes: lease.bytes,
            done: lease.reader == .second ? max(0, done - 1) : done,
            // One after the other it reads what failed before: each page is told as it comes, and none goes by a file.
            cores: lease.attempt > 1 ? 1 : pipeline.configuration.workers)
        let pipe = try DescriptorPair.pipe()
        let (id, run, paths) = (lease.document, lease.run, pipeline.paths)
        try startRecognizingTextless(files.content, on: worker)
        let assignment = assignment(sourceCount: ranges.count, files)
        let result = try files.result.duplicate()
        let text = try files.text.duplicate()
        let extraction = TextExtraction(
            ranges, command: textCommand(_:byLine:), content: files.takeContent(), limits: report.limits.ofReader,
            loop: pipeline.loop, disk: pipeline.disk, run: run, worker: worker,
            pagesTotal: pagesTotal, spoolPath: { paths.spoolPath(id, run: run, index: $0) },
            processesMax: { [unowned pipeline] in pipeline.coresForOneRun },
            failed: { [weak self] in self?.extractionFailed($0) }
        ) { [weak self] ending, message in self?.readingEnded(ending, message) }
        self.extraction = extraction
        try assign(worker, assignment, [pipe.first.raw, result.raw, text.raw])
        try extraction.startFirst(output: pipe.second.raw)
        if ranges.count > 1 { countSpooledLater(extraction) }
    }

    /// Pages that have no text, in a document that has, are recognized while the others are read.
    private func startRecognizingTextless(
        _ content: borrowing OwnedDescriptor, on worker: WorkerLink
    ) throws(SystemError) {
        guard let tools = pipeline.tools.recognition, lease.reader == .first else { return }
        textless = TextlessPages(
            tools: tools, password: lease.password, content: try content.duplicate(),
            limits: report.limits.ofPageReader,
            loop: pipeline.loop, run: lease.run,
            lastPage: Recognition.pages(total: .max, bytes: lease.bytes, done: 0).upperBound - 1, worker: worker,
            processesMax: { [weak self] in self?.coresLeft ?? 1 },
            advanced: { [weak self] in self?.pagesAdvanced() }, failed: { [weak self] in self?.failToStart($0) },
            ended: { [weak self] in self?.endIfDone() })
    }

    /// That no extractor of this run is at work on.
    private var coresLeft: Int { pipeline.coresForOneRun - (extraction?.processIDs.count ?? 0) }

    /// Page by page, so their number must be known.
    private func startRecognizing(_ box: RunFilesBox) throws(SystemError) {
        guard let files = box.files.take(), let worker else { return endIfDone() }
        guard let tools = pipeline.tools.recognition, let pagesTotal else {
            report.workerFailure =
                pipeline.tools.recognition == nil
                ? DocumentError(
                    .extractorMissing,
                    "The server recognizes no text any more. Start it with --ocr where tesseract is installed, and "
                        + "try again.")
                : DocumentError(.unreadable, "The number of the document's pages cannot be read. Save it anew.")
            return endIfDone()
        }
        let range = Recognition.pages(total: pagesTotal, bytes: lease.bytes, done: files.checkpoint?.units ?? 0)
        self.pagesTotal = range.upperBound - 1
        report.limits = policy.limits(forBytes: lease.bytes, recognizedPages: Int64(range.count))
        let pages = RecognizedPages(
            range, tools: tools, password: lease.password,
            content: try files.content.duplicate(), limits: report.limits.ofPageReader, loop: pipeline.loop,
            disk: pipeline.disk,
            run: lease.run, worker: worker, processesMax: { [unowned pipeline] in pipeline.coresForOneRun },
            advanced: { [weak self] in self?.pagesAdvanced() }, failed: { [weak self] in self?.failToStart($0) }
        ) { [weak self] ending, message in self?.readingEnded(ending, message) }
        extraction = pages
        let nothing = try Files.open("/dev/null", .read)
        try assign(
            worker, assignment(sourceCount: RecognizedPages.sourceCount, files),
            [nothing.raw, files.result.raw, files.text.raw])
        pages.start(spoolPath: pipeline.paths.spoolPath(lease.document, run: lease.run, index: 1))
    }

    private func pagesAdvanced() {
        vitals.lived(at: pipeline.loop.nowMilliseconds)
        tellProgress()
    }

    private func readingEnded(_ ending: Ending, _ message: String) {
        report.extractor = ending
        report.extractorMessage = message
        if ending != .exit(0) { textless?.kill() }
        tellProgress()
        endIfDone()
    }

    private func textCommand(_ pages: PageRange, byLine: Bool) -> ExtractorTools.Command? {
        lease.firstFailure == nil
            ? pipeline.tools.textCommand(for: lease.type, pages, password: lease.password, byLine: byLine)
            : pipeline.tools.secondTextCommand(pages, password: lease.password)
    }

    private func failToStart(_ error: SystemError) {
        // Out of descriptors is the server's trouble, not the document's: it waits again.
        if error.isNoDescriptors && extraction == nil { return postpone() }
        // The worker has died. Where it has had the document, its end is told by itself, and is the reason.
        if error.isOtherSideGone {
            killReaders()
            worker?.kill()
            return isAssigned ? () : postpone()
        }
        pipeline.logger.error(
            "a run could not be started", metadata: ["document": "\(lease.document)", "error": "\(error)"])
        report.workerFailure = DocumentError(
            error.isNoSpace ? .storageFull : .storageFailed,
            "The server could not start to work on the document (\(error)). Try again.")
        killReaders()
        endIfDone()
    }

    private func extractionFailed(_ trouble: TextExtraction.Trouble) {
        switch trouble {
        case .system(let error): failToStart(error)
        case .pagesLost(let range, let written):
            // The worker may have gone on behind the gap: what it has put on record is not good.
            let (id, run) = (lease.document, lease.run)
            pipeline.documents?.perform(id) { $0.checkpointFailed(id, run: run) }
            report.workerFailure = DocumentError(
                .storageFailed,
                "Of the pages from \(range.first) on, only \(written) could be written to the server's disk. Look "
                    + "whether it is full, and try again.")
        }
    }

    private func postpone() {
        isOver = true
        pageCounter?.kill()
        attachments?.giveUp()
        pipeline.loop.schedule(afterMilliseconds: Self.postponeMilliseconds) { [self] in
            let (id, run) = (lease.document, lease.run)
            if !pipeline.isStopping { pipeline.documents?.perform(id) { $0.giveBack(id, run: run) } }
            over()
        }
    }

    // MARK: What happens

    func workerReported(_ message: WorkerReport) {
        vitals.lived(at: pipeline.loop.nowMilliseconds)
        switch message {
        case .ready: break
        case .progress(let run, let extracted, let chunked, let embedded, let finishedStages, let total, let hasText):
            guard run == lease.run else { return }
            if lease.type != .pdf, let total { unitsTotal = total }
            // Pages without text are done when they have been recognized, and not before.
            guard hasText || lease.reader == .recognizer || report.recognition != .ready else { return }
            lastProgress = (extracted, chunked, embedded, finishedStages)
            tellProgress()
        case .checkpoint(let run, let units, let textBytes, let chunks, let resultBytes):
            guard run == lease.run else { return }
            let point = Checkpoint(
                run: run, units: units, textBytes: textBytes, resultBytes: resultBytes, chunks: chunks,
                settings: Checkpoint.settings(pipeline.workSettings, readBy: lease.reader))
            guard point.isBeyond(checkpoint), !isGivenUp, report.workerFailure == nil else { return }
            checkpoint = point
            pipeline.documents?.perform(lease.document) { [id = lease.document] in $0.checkpointed(id, point) }
        case .textless(let run, let page):
            guard run == lease.run, let textless else { return }
            textless.want(page)
            report.limits = policy.limits(forBytes: lease.bytes, recognizedPages: textless.count)
        case .finished(let run, let units, let chunks, let visibleCharacters):
            guard run == lease.run else { return }
            hasLastWord = true
            textless?.kill()
            report.finished = RunReport.Finished(units: units, chunks: chunks, visibleCharacters: visibleCharacters)
            endIfDone()
        case .failed(let run, let code, let detail):
            guard run == lease.run else { return }
            hasLastWord = true
            report.workerFailure = DocumentError(DocumentError.Code(rawValue: code) ?? .crashed, detail)
            killReaders()
            endIfDone()
        case .awaited(let run, let milliseconds):
            guard run == lease.run else { return }
            vitals.awaited(milliseconds)
        case .waits(let run, let detail, let milliseconds):
            guard run == lease.run else { return }
            hasLastWord = true
            let now = pipeline.loop.nowMilliseconds
            report.waits = RunReport.Waits(
                DependencyWait(
                    .embedding, detail: detail,
                    nextTryMilliseconds: now + min(milliseconds, WorkTicket.waitMillisecondsMax)),
                nowMilliseconds: now)
            killReaders()
            endIfDone()
        }
    }

    func workerEnded(_ ending: Ending) {
        report.worker = ending
        killReaders()
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
        let recognition = textless?.recognition
        // Pages that wait in files are read, but may be recognized yet.
        let extracted =
            recognition != nil
            ? lastProgress.extracted
            : extraction?.pagesExtracted(workerPages: lastProgress.extracted) ?? lastProgress.extracted
        let done = [extracted, lastProgress.chunked, lastProgress.embedded]
        let progress = WorkProgress(
            total: lease.type == .pdf ? pagesTotal : unitsTotal, unitsArePages: lease.type.countsPages,
            stages: done.enumerated().map { .init(done: $1, isFinished: $0 < finishedStages) },
            ranges: recognition == nil
                ? (extraction as? TextExtraction)?.ranges(workerPages: lastProgress.extracted) ?? [] : [],
            recognition: recognition)
        let (id, run) = (lease.document, lease.run)
        pipeline.logger.trace(
            "worked",
            metadata: [
                "document": "\(id)", "milliseconds": "\(Clock.monotonicMilliseconds - vitals.startMilliseconds)",
                "progress": "\(progress.compact)",
            ])
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

    /// How far later ranges are is seen in the files they write, and nowhere else.
    private func countSpooledLater(_ extraction: TextExtraction) {
        pipeline.loop.schedule(afterMilliseconds: Self.spoolCountMilliseconds) { [weak self, weak extraction] in
            guard let self, let extraction, !self.isOver, !self.isGivenUp else { return }
            extraction.countSpooled { [weak self] in
                guard let self, !self.isOver else { return }
                self.pagesAdvanced()
            }
            self.countSpooledLater(extraction)
        }
    }

    /// The lease is renewed as long as this process supervises the run.
    private func renewLater() {
        pipeline.loop.schedule(afterMilliseconds: Self.renewalMilliseconds) { [self] in
            guard !isOver, !isGivenUp else { return }
            let (id, run, home) = (lease.document, lease.run, pipeline.loop)
            pipeline.documents?.perform(id) { owner in
                if !owner.renew(id, run: run) { home.perform { self.giveUp() } }
            }
            renewLater()
        }
    }

    private func supervise() {
        extraction?.startMore()
        textless?.startMore()
        let processIDs = (worker.map { [$0.processID] } ?? []) + (extraction?.processIDs ?? [])
        // The document can be read without its number of pages, the names of attached files, and what is recognized.
        let listing = [pageCounter?.processID, attachments?.processID].compactMap(\.self)
        let (reason, heavy) = vitals.look(
            at: processIDs, asides: listing + (textless?.processIDs ?? []), limits: report.limits,
            now: pipeline.loop.nowMilliseconds)
        for processID in heavy {
            if processID == pageCounter?.processID { pageCounter?.kill() }
            if processID == attachments?.processID { attachments?.giveUp() }
            textless?.giveUpPages(ofProcess: processID)
        }
        // Where pages are recognized it is that which hangs: they stay as they are.
        if reason == .noProgress, textless?.giveUpPages() == true {
            vitals.lived(at: pipeline.loop.nowMilliseconds)
        } else if let reason {
            end(reason)
        }
    }

    private func end(_ reason: SupervisedEnd) {
        report.supervisedEnd = reason
        killReaders()
        worker?.kill()
    }

    private func killReaders() {
        extraction?.kill()
        textless?.kill()
    }

    /// Nobody wants the result any more.
    func giveUp() {
        guard !isOver else { return }
        isGivenUp = true
        killReaders()
        pageCounter?.kill()
        attachments?.giveUp()
        worker?.kill()
    }

    // MARK: Ending

    /// The run is over when the worker has said its last word, or is gone, and the extractor has ended.
    private func endIfDone() {
        guard !isOver else { return }
        let workerIsDone =
            report.worker != nil || report.finished != nil || report.workerFailure != nil || report.waits != nil
        guard workerIsDone, extraction?.isOver ?? true, textless?.isOver ?? true, !isOpening else { return }
        if !isGivenUp, report.finished != nil, let attachments, !attachments.isOver { return attachments.hurry() }
        isOver = true
        pageCounter?.kill()
        attachments?.giveUp()
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
                "document": "\(lease.document)", "attempt": "\(lease.attempt)",
                "verdict": "\(verdict.words(made: "chunks"))",
                "milliseconds": "\(Clock.monotonicMilliseconds - vitals.startMilliseconds)",
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
        let units = extraction?.pagesBeforeFailure ?? report.finished?.units ?? unitsBehind
        pipeline.documents?.perform(id) { $0.finished(id, run: run, verdict, unitsRead: units) }
    }

    /// Where a worker died: the page that comes next is the one in which it did.
    private var unitsBehind: Int64 {
        guard lease.type.countsPages else { return lastProgress.extracted }
        let told = pageMark?.value.map(StageProgress.believed) ?? lastProgress.extracted
        return max(told, checkpoint?.units ?? 0)
    }
}
