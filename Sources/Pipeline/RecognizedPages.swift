import Core
import Loop
import System
import Wire

/// The text of a scanned document, recognized page by page, as many at once as cores are free. Pages are written in
/// their order into a file that the worker reads while it grows, each with a form feed behind it; what is recognized
/// before its turn waits in memory. On the pipeline's loop.
final class RecognizedPages: PageReading, @unchecked Sendable {
    /// Pages that may be begun for each core beyond the first one that is not written.
    static let aheadPerCore: Int64 = 4
    /// The worker's first source is nothing; this file is the one behind it.
    static let sourceCount = 2
    private static let sourceIndex = 1

    private let tools: RecognitionTools
    private let password: String?
    private let content: OwnedDescriptor
    private let limits: ProcessLimits
    private let loop: EventLoop
    private let disk: DiskThreads
    private let run: Int64
    private weak var worker: WorkerLink?
    private let processesMax: () -> Int
    /// A page is done.
    private let advanced: () -> Void
    /// The machine's trouble, not the document's.
    private let failed: (SystemError) -> Void
    private let ended: (Ending, _ message: String) -> Void

    /// None where an earlier run has recognized all of them.
    private let pages: Range<Int64>
    private var next: Int64
    /// The first page whose text is not on its way to the file.
    private var turn: Int64
    private var atWork: [Int64: PageRecognition] = [:]
    private var recognized: [Int64: String] = [:]
    private var unreadable: (count: Int64, message: String) = (0, "")
    private var writtenBytes: Int64 = 0
    /// A disk thread has the file in hand.
    private var isWriting = false
    private let spool = SpoolBox()
    private var failure: (ending: Ending, message: String)?
    private var hasToldEnd = false

    /// `ended` is called once, when no process is left: with the ending of the first that failed.
    init(
        _ pages: Range<Int64>, tools: RecognitionTools, password: String?, content: consuming OwnedDescriptor,
        limits: ProcessLimits, loop: EventLoop, disk: DiskThreads, run: Int64,
        worker: WorkerLink, processesMax: @escaping () -> Int, advanced: @escaping () -> Void,
        failed: @escaping (SystemError) -> Void, ended: @escaping (Ending, _ message: String) -> Void
    ) {
        self.pages = pages
        next = pages.lowerBound
        turn = pages.lowerBound
        self.tools = tools
        self.password = password
        self.content = content
        self.limits = limits
        self.loop = loop
        self.disk = disk
        self.run = run
        self.worker = worker
        self.processesMax = processesMax
        self.advanced = advanced
        self.failed = failed
        self.ended = ended
    }

    private(set) var pagesBeforeFailure: Int64?
    var processIDs: [Int32] { atWork.values.flatMap(\.processIDs) }
    var isOver: Bool { hasToldEnd }

    /// Carries the file to disk threads; the loop leaves it to them.
    private final class SpoolBox: @unchecked Sendable {
        var file: SpoolFile?
    }

    /// Makes the file, hands it to the worker, which must have its assignment, and begins.
    func start(spoolPath: String) {
        isWriting = true
        disk.submit(from: loop) { [spool] () -> SystemError? in
            do throws(SystemError) {
                spool.file = try SpoolFile(path: spoolPath)
                return nil
            } catch {
                return error
            }
        } then: { [self] failure in
            isWriting = false
            do throws(SystemError) {
                if let failure { throw failure }
                guard self.failure == nil, let reading = spool.file?.reading.raw else { return tellEndIfOver() }
                try worker?.send(.source(run: run), [reading])
                startMore()
                tellEndIfOver()
            } catch {
                fail(error)
                tellEndIfOver()
            }
        }
    }

    func startMore() {
        guard !isWriting || writtenBytes > 0 else { return }
        let cores = Int64(max(1, processesMax()))
        while failure == nil, next < pages.upperBound, atWork.count < cores, next < turn + cores * Self.aheadPerCore {
            let page = next
            next += 1
            do throws(SystemError) {
                atWork[page] = try PageRecognition(
                    page: page, tools: tools, password: password, content: content.raw, limits: limits, loop: loop
                ) { [weak self] outcome in
                    self?.took(page, outcome)
                }
            } catch {
                fail(error)
                return tellEndIfOver()
            }
        }
    }

    private func took(_ page: Int64, _ outcome: PageRecognition.Outcome) {
        atWork[page] = nil
        switch outcome {
        case .text(let text): recognized[page] = text
        case .blank: recognized[page] = ""
        case .unreadable(let message):
            // One page that cannot be shown is no reason to lose the others.
            unreadable = (unreadable.count + 1, message)
            recognized[page] = ""
        case .failed(let ending, let message):
            if failure == nil { pagesBeforeFailure = page - 1 }
            fail(ending, message)
        case .broke(let error): fail(error)
        }
        guard failure == nil else { return tellEndIfOver() }
        advanced()
        write()
        startMore()
    }

    /// Writes the pages whose turn has come.
    private func write() {
        guard failure == nil, !isWriting else { return }
        var bytes: [UInt8] = []
        while let text = recognized.removeValue(forKey: turn) {
            bytes += text.utf8.filter { $0 != 0x0c }
            bytes.append(0x0c)
            turn += 1
        }
        guard !bytes.isEmpty else { return tellEndIfOver() }
        isWriting = true
        let offset = writtenBytes
        writtenBytes += Int64(bytes.count)
        disk.submit(from: loop) { [spool, bytes] () -> SystemError? in
            guard let file = spool.file?.writing.raw else { return nil }
            return bytes.withUnsafeBytes { bytes in
                do throws(SystemError) { try Files.write(file, bytes, at: offset) } catch { return error }
                return nil
            }
        } then: { [self] failure in
            isWriting = false
            if let failure { fail(failure) }
            write()
            startMore()
            tellEndIfOver()
        }
    }

    private func fail(_ error: SystemError) {
        failed(error)
        kill()
    }

    private func fail(_ ending: Ending, _ message: String) {
        guard failure == nil else { return }
        failure = (ending, message)
        kill()
    }

    private func tellEndIfOver() {
        guard !hasToldEnd, atWork.isEmpty, !isWriting, failure != nil || turn >= pages.upperBound else { return }
        hasToldEnd = true
        if failure == nil { try? worker?.send(.sourceEnded(run: run, index: Self.sourceIndex)) }
        // Where not one page could be shown, it is not that there is no text.
        let isLost = failure == nil && !pages.isEmpty && unreadable.count == Int64(pages.count)
        ended(failure?.ending ?? .exit(isLost ? 1 : 0), failure?.message ?? unreadable.message)
    }

    func kill() {
        if failure == nil { failure = (.signal(9), "") }
        if !hasToldEnd { try? worker?.send(.stop(run: run)) }
        for page in atWork.values { page.kill() }
        tellEndIfOver()
    }

    func pagesExtracted(workerPages: Int64) -> Int64 {
        max(workerPages, turn - 1 + Int64(recognized.count))
    }
}
