import Core
import Loop
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
    private let ended: (Ending, _ message: String) -> Void
    private var failure: (ending: Ending, message: String)?
    private(set) var pagesBeforeFailure: Int64?
    /// After a death each page is written as it is read, so that the next one has a place.
    private let writesByLine: Bool
    private var hasToldEnd = false
    private var isSpooling = false
    /// A disk thread counts how far the one came that failed.
    private var isLookingBack = false

    /// `ended` is called once, when no extractor is left: with the ending of the first that failed, or the last one's.
    init(
        _ ranges: [PageRange], command: @escaping (PageRange, _ byLine: Bool) -> ExtractorTools.Command?,
        content: consuming OwnedDescriptor, limits: ProcessLimits, loop: EventLoop, disk: DiskThreads, run: Int64,
        worker: WorkerLink, isTriedAgain: Bool, spoolPath: @escaping (Int) -> String,
        processesMax: @escaping () -> Int, ended: @escaping (Ending, _ message: String) -> Void
    ) {
        parts = ranges.map { Part(range: $0) }
        self.command = command
        self.content = content
        self.limits = limits
        self.loop = loop
        self.disk = disk
        self.run = run
        self.worker = worker
        writesByLine = isTriedAgain || ranges.count == 1
        self.spoolPath = spoolPath
        self.processesMax = processesMax
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
        guard let command = command(parts[index].range, writesByLine) else {
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
            fail(.exit(1), "\(error)")
            return tellEndIfOver()
        }
        startMore()
    }

    private func partEnded(_ index: Int, _ ending: Ending, _ message: String) {
        parts[index].process = nil
        parts[index].isEnded = true
        // An earlier run may have read to the last page, and died behind it.
        let isPastEnd = parts[index].range.first > 1 && ExtractorTools.isPastEnd(ending, message)
        if ending == .exit(0) || isPastEnd {
            if index > 0 { try? worker?.send(.sourceEnded(run: run, index: index)) }
            startMore()
            tellEndIfOver()
        } else {
            let (range, spool) = (parts[index].range, parts[index].spool)
            fail(ending, message)
            guard let spool, pagesBeforeFailure == nil else { return tellEndIfOver() }
            isLookingBack = true
            disk.submit(from: loop) {
                spool.allPages()
            } then: { [self] pages in
                isLookingBack = false
                pagesBeforeFailure = range.first - 1 + pages
                tellEndIfOver()
            }
        }
    }

    private func fail(_ ending: Ending, _ message: String) {
        guard failure == nil else { return }
        failure = (ending, message)
        kill()
        try? worker?.send(.stop(run: run))
    }

    private func tellEndIfOver() {
        guard !hasToldEnd, !isSpooling, !isLookingBack,
            parts.allSatisfy({ $0.isEnded || failure != nil && $0.process == nil })
        else { return }
        hasToldEnd = true
        ended(failure?.ending ?? .exit(0), failure?.message ?? "")
    }

    /// Ends all of them; `ended` is called when they are gone.
    func kill() {
        if failure == nil { failure = (.signal(9), "") }
        for part in parts { part.process?.kill() }
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
    func ranges(workerPages: Int64, pagesTotal: Int64?) -> [WorkProgress.Range] {
        guard parts.count > 1, let pagesTotal else { return [] }
        return parts.map { part in
            let before = part.range.first - 1
            let total = max(0, (part.range.last ?? pagesTotal) - before)
            let read = part.spool?.pages ?? (workerPages - before)
            return WorkProgress.Range(
                before: before, done: min(total, max(0, read)), total: total, isStarted: part.isStarted,
                isFinished: part.isEnded)
        }
    }

    /// Counts the pages in what was spooled since; calls back when there are more.
    func countSpooled(then grown: @escaping @Sendable () -> Void) {
        let spools = parts.compactMap(\.spool).filter { !$0.isBeingCounted }
        guard !spools.isEmpty else { return }
        for spool in spools { spool.isBeingCounted = true }
        disk.submit(from: loop) {
            spools.map { $0.newPages() }
        } then: { counts in
            for (spool, count) in zip(spools, counts) {
                spool.isBeingCounted = false
                spool.pages += count
            }
            if counts.contains(where: { $0 > 0 }) { grown() }
        }
    }
}

/// Counts the form feeds in a file that grows.
private final class SpoolReading: @unchecked Sendable {
    private let descriptor: OwnedDescriptor
    /// The rest is touched by one thread at a time: by whoever counts, and by the loop when nobody does.
    private var countedBytes: Int64 = 0
    var isBeingCounted = false
    var pages: Int64 = 0

    init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }

    /// Blocks. All pages in it, whoever has counted some.
    func allPages() -> Int64 { Self.pages(in: descriptor.raw, from: 0).pages }

    /// Blocks. A file that cannot be read has no more pages: the worker will say what is wrong with it.
    func newPages() -> Int64 {
        let (pages, bytes) = Self.pages(in: descriptor.raw, from: countedBytes)
        countedBytes += bytes
        return pages
    }

    private static func pages(in file: Int32, from offset: Int64) -> (pages: Int64, bytes: Int64) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 * 1024, alignment: 64)
        defer { buffer.deallocate() }
        var (pages, bytes): (Int64, Int64) = (0, 0)
        while let count = try? Files.read(file, at: offset + bytes, into: buffer), count > 0 {
            for byte in buffer[..<count] where byte == 0x0c { pages += 1 }
            bytes += Int64(count)
        }
        return (pages, bytes)
    }
}
