import Core
import Loop
import System
import Wire

/// Pages without text in a document that has some on others: those that hold pictures are recognized, as many at once
/// as cores are free, and the worker, which waits for them, gets what was found on each. One that cannot be read stays
/// as it is, and its number is told at the end. On the pipeline's loop.
final class TextlessPages: @unchecked Sendable {
    /// A worker that is busy takes its answers later.
    static let deliveryMilliseconds: Int64 = 50

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
    /// No process is left, and none is started any more.
    private let ended: () -> Void

    /// In order; those before `turn` are answered.
    private var wanted: [Int64] = []
    private var next = 0
    private var turn = 0
    private var answered: Set<Int> = []
    /// That the worker has not taken yet.
    private var answers: [(page: Int64, text: String)] = []
    private var atWork: [Int: PageRecognition] = [:]
    private var isKilled = false
    /// That were recognized, and that could not be.
    private var recognizedCount: Int64 = 0
    private var unreadable: [Int64] = []

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
    var isOver: Bool { atWork.isEmpty && (isKilled || next == wanted.count && answers.isEmpty) }
    /// That are to be looked at, or were.
    var count: Int64 { Int64(wanted.count) }

    /// At least one page was more than blank, and costs many times what a page of text does.
    var hasPictures: Bool { recognizedCount > 0 || !unreadable.isEmpty || atWork.values.contains { $0.hasPictures } }

    /// What the document says of them; nil where none was more than blank.
    var message: String? {
        if let index = atWork.filter({ $1.hasPictures }).keys.min() {
            return Recognition.message(recognizing: wanted[index])
        }
        guard recognizedCount > 0 || !unreadable.isEmpty else { return nil }
        return Recognition.message(unreadable: unreadable)
    }

    /// The worker waits for this page.
    func want(_ page: Int64) {
        guard page > wanted.last ?? 0, page <= lastPage else {
            // Nobody's page; who waits for it does so no longer.
            try? worker?.send(.recognized(run: run, page: page))
            return
        }
        wanted.append(page)
        startMore()
    }

    func startMore() {
        let cores = max(1, processesMax())
        while !isKilled, answers.isEmpty, next < wanted.count, atWork.count < cores,
            next < turn + cores * Int(RecognizedPages.aheadPerCore)
        {
            let index = next
            next += 1
            do throws(SystemError) {
                atWork[index] = try PageRecognition(
                    page: wanted[index], mayBeBlank: true, tools: tools, password: password, content: content.raw,
                    limits: limits, loop: loop, begins: { [weak self] in self?.advanced() }
                ) { [weak self] outcome in
                    self?.took(index, outcome)
                }
            } catch {
                failed(error)
                return kill()
            }
        }
    }

    private func took(_ index: Int, _ outcome: PageRecognition.Outcome) {
        atWork[index] = nil
        guard !isKilled else {
            if isOver { ended() }
            return
        }
        switch outcome {
        case .blank: answer(index, "")
        case .text(let text):
            recognizedCount += 1
            answer(index, text)
        // What it costs is not worth the rest of the document.
        case .unreadable, .failed:
            unreadable.append(wanted[index])
            answer(index, "")
        case .broke(let error):
            failed(error)
            return kill()
        }
        advanced()
    }

    private func answer(_ index: Int, _ text: String) {
        answered.insert(index)
        while answered.remove(turn) != nil { turn += 1 }
        answers.append((wanted[index], text))
        if answers.count == 1 { deliver() }
    }

    private func deliver() {
        do throws(SystemError) {
            while let (page, text) = answers.first, !isKilled {
                let order = WorkerOrder.recognized(run: run, page: page)
                if text.isEmpty {
                    try worker?.send(order)
                } else {
                    let file = try FileSending.fileInMemory(holding: Array(text.utf8))
                    try worker?.send(order, [file.raw])
                }
                answers.removeFirst()
            }
        } catch {
            guard error.isOtherSideFull else {
                failed(error)
                return kill()
            }
            loop.schedule(afterMilliseconds: Self.deliveryMilliseconds) { [weak self] in self?.deliver() }
            return
        }
        startMore()
        if isOver { ended() }
    }

    /// Ends the recognition of the page that this process is at.
    func kill(_ processID: Int32) {
        for page in atWork.values where page.processIDs.contains(processID) { page.kill() }
    }

    /// Ends all of them; `ended` is called when they are gone, at once where none was there.
    func kill() {
        guard !isKilled else { return }
        isKilled = true
        for page in atWork.values { page.kill() }
        if atWork.isEmpty { ended() }
    }
}
