import Core
import Loop
import Synchronization
import System
import Wire

/// What turns a document into pages of text for its worker. On the pipeline's loop.
protocol PageReading: AnyObject {
    var processIDs: [Int32] { get }
    /// No process is left.
    var isOver: Bool { get }
    /// Starts what may be started beside those at work.
    func startMore()
    /// Pages that are read when the worker has had the first `workerPages`.
    func pagesExtracted(workerPages: Int64) -> Int64
    /// Pages before the one that a reader died at; nil where that is where the worker stands.
    var pagesBeforeFailure: Int64? { get }
    /// Ends all of them; their end is told when they are gone.
    func kill()
}

/// The extractors of one run: one for each range of pages, as many at once as cores are free. The first writes into a
/// pipe that the worker reads; each later one into a file that the worker gets when it begins, so that it never waits
/// for the worker. On the pipeline's loop.
final class TextExtraction: PageReading, @unchecked Sendable {
    /// What is nobody's fault who has sent the document.
    enum Trouble {
        case system(SystemError)
        /// A reader ended well, and fewer pages are in its file than it was to read: what it could not write is lost.
        case pagesLost(PageRange, written: Int64)
    }

    private struct Part {
        var range: PageRange
        var process: ExtractorProcess?
        var isStarted = false
        var isEnded = false
        /// What it writes to, to be looked at; nil for the first.
        var spool: SpoolReading?
    }

    private let command: (PageRange, _ byLine: Bool) -> ExtractorTools.Command?
    private let content: OwnedDescriptor
    private let limits: ProcessLimits
    private let loop: EventLoop
    private let disk: DiskThreads
    private let spoolPath: (Int) -> String
    private let run: Int64
    private weak var worker: WorkerLink?
    private var parts: [Part]
    /// How many may be at work now.
    private let processesMax: () -> Int
    private let pagesTotal: Int64?
    private let failed: (Trouble) -> Void
    private let ended: (Ending, _ message: String) -> Void
    private var failure: (ending: Ending, message: String)?
    private(set) var pagesBeforeFailure: Int64?
    private var hasToldEnd = false
    private var isSpooling = false
    private var isCounting = false
    /// Whose pages a disk thread counts for the last time.
    private var lastLooks = 0

    /// `ended` is called once, when no extractor is left: with the ending of the first that failed, or the last one's.
    init(
        _ ranges: [PageRange], command: @escaping (PageRange, _ byLine: Bool) -> ExtractorTools.Command?,
        content: consuming OwnedDescriptor, limits: ProcessLimits, loop: EventLoop, disk: DiskThreads, run: Int64,
        worker: WorkerLink, pagesTotal: Int64?, spoolPath: @escaping (Int) -> String,
        processesMax: @escaping () -> Int, failed: @escaping (Trouble) -> Void,
        ended: @escaping (Ending, _ message: String) -> Void
    ) {
        parts = ranges.map { Part(range: $0) }
        self.command = command
        self.content = content
        self.limits = limits
        self.loop = loop
        self.disk = disk
        self.run = run
        self.worker = worker
        self.pagesTotal = pagesTotal
        self.spoolPath = spoolPath
        self.processesMax = processesMax
        self.failed = failed
        self.ended = ended
    }

    var processIDs: [Int32] { parts.compactMap { $0.process?.processID } }
    var isOver: Bool { hasToldEnd }

    /// Starts the first; the text comes out of the pipe.
    func startFirst(output: Int32) throws(SystemError) {
        try start(0, output: output)
        startMore()
    }

    private func start(_ index: Int, output: Int32) throws(SystemError) {
        parts[index].isStarted = true
        // Of a document that is long enough for several, nobody misses a page's last lines for a moment; written line
        // by line they would wake the worker for each.
        guard let command = command(parts[index].range, parts.count == 1) else {
            preconditionFailure("a run without its tools is not started")
        }
        // They may share the descriptor: each opens what it leads to anew, and has a place of its own in it.
        parts[index].process = try ExtractorProcess(
            program: command.program, arguments: command.arguments, input: content.raw, output: output,
            limits: limits, loop: loop
        ) { [weak self] ending, _, message in
            self?.partEnded(index, ending, message)
        }
    }

    /// Starts what may be started beside those at work.
    func startMore() {
        guard !isSpooling, failure == nil, let next = parts.firstIndex(where: { !$0.isStarted }),
            processIDs.count < max(1, processesMax())
        else { return }
        parts[next].isStarted = true
        isSpooling = true
        let path = spoolPath(next)
        disk.submit(from: loop) {
            SpoolBox(path)
        } then: { [weak self] box in
            self?.spooled(next, box)
        }
    }

    private final class SpoolBox: @unchecked Sendable {
        var file: SpoolFile?
        var failure: SystemError?

        init(_ path: String) {
            do throws(SystemError) { file = try SpoolFile(path: path) } catch { failure = error }
        }
    }

    private func spooled(_ index: Int, _ box: SpoolBox) {
        isSpooling = false
        guard failure == nil else { return tellEndIfOver() }
        do throws(SystemError) {
            if let failure = box.failure { throw failure }
            guard let file = box.file.take(), let worker else { return }
            try start(index, output: file.writing.raw)
            try worker.send(.source(run: run), [file.reading.raw])
            parts[index].spool = SpoolReading(try file.reading.duplicate())
        } catch {
            parts[index].isEnded = parts[index].process == nil
            failed(.system(error))
            return kill()
        }
        startMore()
    }

    private func partEnded(_ index: Int, _ ending: Ending, _ message: String) {
        parts[index].process = nil
        parts[index].isEnded = true
        // An earlier run may have read to the last page, and died behind it.
        let isPastEnd = parts[index].range.first > 1 && ExtractorTools.isPastEnd(ending, message)
        let endedWell = ending == .exit(0) || isPastEnd
        // Those that end because another failed tell nothing; the first writes to the worker, who knows.
        guard failure == nil, let spool = parts[index].spool else {
            if endedWell { startMore() } else { fail(ending, message) }
            return tellEndIfOver()
        }
        lastLooks += 1
        if !endedWell { fail(ending, message) }
        disk.submit(from: loop) {
            spool.look()
        } then: { [self] pages in
            lastLooks -= 1
            spool.pages = max(spool.pages, pages)
            if endedWell {
                wrote(index, pages, isPastEnd: isPastEnd)
            } else {
                pagesBeforeFailure = before(index) + pages
            }
            tellEndIfOver()
        }
    }

    /// A reader does not look whether what it writes arrives: on a full disk it ends well, and pages are missing.
    private func wrote(_ index: Int, _ pages: Int64, isPastEnd: Bool) {
        guard failure == nil else { return }
        if !isPastEnd, let wanted = pagesWanted(index), pages < wanted {
            failed(.pagesLost(parts[index].range, written: pages))
            return kill()
        }
        try? worker?.send(.sourceEnded(run: run, index: index))
        startMore()
    }

    private func before(_ index: Int) -> Int64 { parts[index].range.first - 1 }

    private func pagesWanted(_ index: Int) -> Int64? {
        (parts[index].range.last ?? pagesTotal).map { max(0, $0 - before(index)) }
    }

    private func fail(_ ending: Ending, _ message: String) {
        if failure == nil { failure = (ending, message) }
        kill()
    }

    private func tellEndIfOver() {
        guard !hasToldEnd, !isSpooling, lastLooks == 0,
            parts.allSatisfy({ $0.isEnded || failure != nil && $0.process == nil })
        else { return }
        hasToldEnd = true
        ended(failure?.ending ?? .exit(0), failure?.message ?? "")
    }

    /// Ends all of them; `ended` is called when they are gone, at once where none was there.
    func kill() {
        if failure == nil { failure = (.signal(9), "") }
        // Or it waits for text of ranges that nobody will read.
        if !hasToldEnd { try? worker?.send(.stop(run: run)) }
        for part in parts { part.process?.kill() }
        tellEndIfOver()
    }

    // MARK: How far they are

    /// Pages that are read, by whichever extractor, when the worker has had the first `workerPages`.
    func pagesExtracted(workerPages: Int64) -> Int64 {
        var pages = workerPages
        for part in parts where part.range.first > workerPages + 1 { pages += part.spool?.pages ?? 0 }
        guard let current = parts.last(where: { $0.range.first <= workerPages + 1 }) else { return pages }
        // Of the part that the worker reads now, what it has not read yet.
        return pages + max(0, (current.spool?.pages ?? 0) - (workerPages - current.range.first + 1))
    }

    /// Where several read side by side: how far each is, in a document of so many pages.
    func ranges(workerPages: Int64) -> [WorkProgress.Range] {
        guard parts.count > 1 else { return [] }
        return parts.enumerated().compactMap { index, part in
            guard let total = pagesWanted(index) else { return nil }
            let read = part.spool?.pages ?? (workerPages - before(index))
            return WorkProgress.Range(
                before: before(index), done: min(total, max(0, read)), total: total, isStarted: part.isStarted,
                isFinished: part.isEnded)
        }
    }

    /// Counts the pages in what was spooled since; calls back when there are more.
    func countSpooled(then grown: @escaping @Sendable () -> Void) {
        let spools = parts.compactMap(\.spool)
        guard !spools.isEmpty, !isCounting else { return }
        isCounting = true
        disk.submit(from: loop) {
            spools.map { $0.look() }
        } then: { [self] counts in
            isCounting = false
            var hasGrown = false
            for (spool, pages) in zip(spools, counts) where pages > spool.pages {
                spool.pages = pages
                hasGrown = true
            }
            if hasGrown { grown() }
        }
    }
}

/// Counts the form feeds in a file that grows.
private final class SpoolReading: @unchecked Sendable {
    private let descriptor: OwnedDescriptor
    // Disk threads' own: one looks after the other.
    private let looked = Mutex((bytes: Int64(0), pages: Int64(0)))
    /// By the last look that the loop knows of; the loop's own.
    var pages: Int64 = 0

    init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }

    /// All pages in it now; reads what is new. Blocks. A file that cannot be read has no more: the worker will say what
    /// is wrong with it.
    func look() -> Int64 {
        // No larger: the allocator keeps a few of what each disk thread frees.
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 * 1024, alignment: 64)
        defer { buffer.deallocate() }
        return looked.withLock { looked in
            while let count = try? Files.read(descriptor.raw, at: looked.bytes, into: buffer), count > 0 {
                for byte in buffer[..<count] where byte == 0x0c { looked.pages += 1 }
                looked.bytes += Int64(count)
            }
            return looked.pages
        }
    }
}
