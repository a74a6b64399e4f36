import Core
import Loop
import System
import Wire

/// Pages without text in a document that has some on others: those that hold pictures are recognized, as many at once
/// as cores are free, and the worker, which waits for them, gets what was found on each. One that cannot be read stays
/// as it is, and is told. On the pipeline's loop.
final class TextlessPages: @unchecked Sendable {
    /// That a worker may wait for at once, so that its socket has room for all answers while it does not read them. One
    /// that asks for more was taken over, and is ended.
    static let waitingMax = 32

    private let tools: RecognitionTools
    private let password: String?
    private let content: OwnedDescriptor
    private let limits: ProcessLimits
    private let loop: EventLoop
    private let run: Int64
    /// No page of a document is behind it, whatever a worker says.
    private let lastPage: Int64
    private weak var worker: WorkerLink?
    private let processesMax: () -> Int
    /// A page is done, or begins to be drawn.
    private let advanced: () -> Void
    /// The machine's trouble, not the document's.
    private let failed: (SystemError) -> Void
    /// No process is left.
    private let ended: () -> Void

    /// In order.
    private var waiting: [Int64] = []
    private var newest: Int64 = 0
    private var atWork: [Int64: PageRecognition] = [:]
    private var isKilled = false
    /// More was found than blank pages.
    private var hasPictures = false
    private var outcome = TextlessRecognition()
    /// That were asked for.
    private(set) var count: Int64 = 0

    init(
        tools: RecognitionTools, password: String?, content: consuming OwnedDescriptor, limits: ProcessLimits,
        loop: EventLoop, run: Int64, lastPage: Int64, worker: WorkerLink, processesMax: @escaping () -> Int,
        advanced: @escaping () -> Void, failed: @escaping (SystemError) -> Void, ended: @escaping () -> Void
    ) {
        self.tools = tools
        self.password = password
        self.content = content
        self.limits = limits
        self.loop = loop
        self.run = run
        self.lastPage = lastPage
        self.worker = worker
        self.processesMax = processesMax
        self.advanced = advanced
        self.failed = failed
        self.ended = ended
    }

    var processIDs: [Int32] { atWork.values.flatMap(\.processIDs) }
    var isOver: Bool { atWork.isEmpty && (isKilled || waiting.isEmpty) }

    /// What has become of them; nil while all were blank.
    var recognition: TextlessRecognition? {
        guard hasPictures else { return nil }
        var recognition = outcome
        recognition.page = atWork.filter { $1.hasPictures }.keys.min()
        return recognition
    }

    /// The worker waits for this page.
    func want(_ page: Int64) {
        guard !isKilled else { return }
        guard page > newest, waiting.count + atWork.count < Self.waitingMax else {
            worker?.kill()
            return
        }
        newest = page
        count += 1
        guard page <= lastPage else { return answer(page, "") }
        waiting.append(page)
        startMore()
    }

    func startMore() {
        while !isKilled, let page = waiting.first, atWork.count < max(1, processesMax()) {
            waiting.removeFirst()
            do throws(SystemError) {
                atWork[page] = try PageRecognition(
                    page: page, mayBeBlank: true, tools: tools, password: password, content: content.raw,
                    limits: limits, loop: loop,
                    begins: { [weak self] in
                        self?.hasPictures = true
                        self?.advanced()
                    }
                ) { [weak self] outcome in
                    self?.took(page, outcome)
                }
            } catch {
                failed(error)
                return kill()
            }
        }
    }

    private func took(_ page: Int64, _ found: PageRecognition.Outcome) {
        atWork[page] = nil
        guard !isKilled else {
            if isOver { ended() }
            return
        }
        switch found {
        case .blank: answer(page, "")
        case .text(let text): answer(page, text)
        // What it costs is not worth the rest of the document.
        case .unreadable, .failed:
            hasPictures = true
            outcome.couldNotRead(page)
            answer(page, "")
        case .broke(let error):
            failed(error)
            return kill()
        }
        startMore()
        advanced()
        if isOver { ended() }
    }

    private func answer(_ page: Int64, _ text: String) {
        let order = WorkerOrder.recognized(run: run, page: page)
        do throws(SystemError) {
            if text.isEmpty {
                try worker?.send(order)
            } else {
                let file = try FileSending.sealedFileInMemory(holding: Array(text.utf8))
                try worker?.send(order, [file.raw])
            }
        } catch {
            failed(error)
            kill()
        }
    }

    /// Ends the recognition of the page that this process is at, or of all: they stay as they are. Whether there was
    /// any.
    @discardableResult
    func giveUpPages(ofProcess processID: Int32? = nil) -> Bool {
        let pages = atWork.values.filter { processID == nil || $0.processIDs.contains(processID!) }
        for page in pages { page.kill() }
        return !pages.isEmpty
    }

    /// Ends all of them; `ended` is called when they are gone, at once where none was there.
    func kill() {
        guard !isKilled else { return }
        isKilled = true
        waiting = []
        for page in atWork.values { page.kill() }
        if atWork.isEmpty { ended() }
    }
}
