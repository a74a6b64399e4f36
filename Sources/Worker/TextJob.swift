import Formats
import System
import Text
import Wire

/// One document's way through the stages: text → pages → chunks → vectors → result.
///
/// What an earlier run has made stays: its text is cut into chunks once more, and those that are in the result already
/// are passed over. Every second or so the files are made to last, and the supervisor is told how far they are good.
final class TextJob {
    /// Progress is told at most this often; pages that come faster are told together.
    static let reportIntervalMilliseconds: Int64 = 50
    /// What is lost when a run dies is about this much of its time.
    static let checkpointIntervalMilliseconds: Int64 = 1000
    /// A worker that waits for vectors says so this often: it is alive.
    static let embeddingWaitMilliseconds: Int64 = 1000
    /// One that waits for pages that are recognized looks up this often: vectors may have come.
    static let recognitionWaitMilliseconds: Int64 = 250
    static let readBytes = 64 * 1024
    /// What is made gathers up to this size before it is written.
    static let writeBytes = 256 * 1024

    private let assignment: WorkerAssignment
    private let socket: Int32
    private var sources: TextSources
    private var result: GrowingFile
    private var text: GrowingFile
    /// Pages that are behind it, for who wants to know at which it died.
    private let pageMark: SharedNumber

    private var pages = PageDecoder()
    /// Where pages without text are recognized, what is read comes by way of this.
    private var order = PagesInOrder(after: 0, hasText: false, askedMax: 0)
    private var isOrdering = false
    private var chunker: Chunker
    private let embedder: ChunkEmbedder
    /// Of the units that progress is told in, read and in all, where the document itself says so.
    private var unitsRead: Int64 = 0
    private var unitsTotal: Int64?
    private var pagesRead: Int64 = 0
    private var pagesEmbedded: Int64 = 0
    /// That were cut, and of those the ones that are in the result.
    private var chunks: Int64 = 0
    private var chunksWritten: Int64
    /// Those before the end of the text, and what the result has up to there once more is in it.
    private var wholeChunks = Int64.max
    private var wholeResultBytes: Int64?
    /// The last end of a page that is in the text file: what may be on record as done.
    private var boundary: (pages: Int64, textBytes: Int64)
    private var visibleCharacters: Int64 = 0
    private var isInKnownPage: Bool
    private var lastReportMilliseconds: Int64 = 0
    /// What was told last.
    private var lastProgress: WorkerReport?
    private var lastCheckpoint: WorkerReport?
    private var lastCheckpointMilliseconds = Clock.monotonicMilliseconds

    init(
        _ assignment: WorkerAssignment, socket: Int32, source: consuming OwnedDescriptor,
        result: consuming OwnedDescriptor,
        text: consuming OwnedDescriptor, pageMark: consuming SharedNumber, embedder: ChunkEmbedder
    ) {
        self.assignment = assignment
        self.socket = socket
        self.embedder = embedder
        self.pageMark = pageMark
        isInKnownPage = assignment.beginsWithKnownPage
        chunksWritten = assignment.resume?.chunks ?? 0
        boundary = (assignment.resume?.pages ?? 0, assignment.resume?.textBytes ?? 0)
        sources = TextSources(assignment, socket: socket, first: source)
        self.result = GrowingFile(result, startBytes: assignment.resume?.resultBytes ?? 0)
        self.text = GrowingFile(text, startBytes: assignment.resume?.textBytes ?? 0)
        chunker = Chunker(options: Self.options(assignment))
        pages = PageDecoder(skipsLineFeeds: assignment.format == .pagesWithLineFeeds)
    }

    private static func options(_ assignment: WorkerAssignment) -> ChunkingOptions {
        // The server has checked them when it started; a worker of the same build cannot get others.
        guard
            let options = try? ChunkingOptions(
                charactersMax: assignment.charactersMax, overlapCharacters: assignment.overlapCharacters)
        else { preconditionFailure("the supervisor sends only valid chunking options") }
        return options
    }

    /// Nil when nobody is there to be told.
    func run() -> WorkerReport? {
        do {
            try work()
            try result.sync()
            try text.sync()
            return .finished(
                run: assignment.run, units: units, chunks: chunks, visibleCharacters: visibleCharacters)
        } catch let error as FormatError {
            let (code, detail) = error.failure
            return .failed(run: assignment.run, code: code, detail: detail)
        } catch let failure as EmbeddingFailure {
            // What has its vectors is not embedded again.
            try? checkpoint()
            return report(of: failure)
        } catch let error as SystemError {
            return .failed(
                run: assignment.run, code: error.isNoSpace ? "storage_full" : "storage_failed",
                detail: "The result could not be written (\(error)). Free some disk space and try again.")
        } catch {
            return nil
        }
    }

    private func report(of failure: EmbeddingFailure) -> WorkerReport {
        switch failure.kind {
        case .waits:
            .waits(run: assignment.run, detail: failure.detail, milliseconds: failure.retryMilliseconds)
        case .refused, .unusable, .failed:
            .failed(run: assignment.run, code: failure.kind.rawValue, detail: failure.detail)
        }
    }

    /// Where its reader has failed, or found no text: how far that had come, which is further than the pages that wait.
    private var units: Int64 { assignment.countsPages ? max(pagesRead, order.pagesReceived) : unitsRead }

    private func work() throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.readBytes, alignment: 64)
        defer { buffer.deallocate() }
        try readAgain(through: buffer)
        if assignment.format.isFromExtractor { try readPages(through: buffer) } else { try readDocument() }
        // The extractor may turn out to have failed: what came before is good all the same.
        try checkpointNowAndThen()
        // The ends of the stages are told at once, however short the document.
        try report(finishedStages: 1)
        // If the extractor has failed the text goes on, and what is cut off here is no chunk of it.
        if assignment.format.isFromExtractor { wholeChunks = chunks }
        chunker.finish()
        var rest: [TextChunk] = []
        while let chunk = chunker.nextChunk() { rest.append(chunk) }
        try report(finishedStages: 2)
        for chunk in rest { try embed(chunk) }
        while !embedder.isEmpty {
            try embedder.finishBatch()
            try takeEmbedded(waits: true)
            try checkpointNowAndThen()
            try reportNowAndThen()
        }
        pagesEmbedded = pagesRead
        try result.flush()
        try text.flush()
    }

    /// What extractors write.
    private func readPages(through buffer: UnsafeMutableRawBufferPointer) throws {
        var source = 0
        if assignment.textlessMax > 0 {
            order = PagesInOrder(after: pagesRead, hasText: visibleCharacters > 0, askedMax: assignment.textlessMax)
            isOrdering = true
        }
        while case .bytes(let count, let index) = try sources.read(into: buffer) {
            if index != source {
                // What one extractor wrote is whole pages; the next one's text goes on as if one alone had written it.
                try endSource()
                pages = following()
                source = index
            }
            unitsRead += Int64(count)
            try receive(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            try takeRecognized(all: false)
            // What waits is not taken any more, and more of it is of no use.
            if sources.isStopped && !order.isEmpty { break }
            // Who dies now is the reader, at what it has not handed over.
            pageMark.tell(max(pagesRead, order.pagesReceived))
        }
        try endSource()
        try takeRecognized(all: true)
    }

    /// Gives pages without text what was recognized on them; waits for that until there is room for more, or `all` are
    /// taken. Where no more comes, those that wait are not taken: an extractor has failed, and nobody has read them.
    private func takeRecognized(all: Bool) throws {
        guard isOrdering else { return }
        var waits = false
        repeat {
            let answers = try sources.takeRecognized(waitingMilliseconds: waits ? Self.recognitionWaitMilliseconds : 0)
            for answer in answers { order.answered(answer.page, Self.clean(answer.text)) }
            try takeInOrder()
            // Vectors come meanwhile, and what is done is put on record.
            if waits {
                try takeEmbedded(waits: false)
                try checkpointNowAndThen()
            }
            try reportNowAndThen()
            waits = all ? order.awaitsAnswers : !order.hasRoom
        } while waits && !sources.isStopped
    }

    /// Plain text within one page.
    private static func clean(_ bytes: [UInt8]) -> String {
        var decoder = PageDecoder(expectsByteOrderMark: false)
        let onePage = bytes.filter { $0 != 0x0c }
        decoder.receive(onePage.span)
        decoder.finish()
        var text = ""
        while let event = decoder.nextEvent() { if case .text(let piece) = event { text += piece } }
        return VisibleCharacters.count(in: text) > 0 ? text : ""
    }

    /// Takes what is ready, and tells what is wanted.
    private func takeInOrder() throws {
        for page in order.takeWanted() {
            try MessageSocket.send(socket, WorkerReport.textless(run: assignment.run, page: page).encoded)
        }
        while let event = order.nextEvent() { try take(event) }
    }

    /// What needs no extractor, from its beginning or from the page that an earlier run came to.
    private func readDocument() throws {
        let document = try DocumentTexts.open(
            sources.descriptor, assignment.format, charset: assignment.charset,
            afterPages: assignment.resume?.pages ?? 0)
        while let piece = try document.next() {
            unitsRead = document.unitsDone
            unitsTotal = document.unitsTotal
            try piece.withUnsafeBytes { try receive($0) }
        }
        try endSource()
    }

    /// Takes the text of the pages that an earlier run has read.
    private func readAgain(through buffer: UnsafeMutableRawBufferPointer) throws {
        guard let resume = assignment.resume, resume.textBytes > 0 else { return }
        pages = PageDecoder(expectsByteOrderMark: false)
        var offset: Int64 = 0
        while offset < resume.textBytes {
            let wanted = min(Int64(buffer.count), resume.textBytes - offset)
            let count = try Files.read(
                text.raw, at: offset, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(wanted)]))
            // EIO: the supervisor has seen so many bytes in it.
            guard count > 0 else { throw SystemError("pread", 5) }
            offset += Int64(count)
            try receive(UnsafeRawBufferPointer(rebasing: buffer[..<count]), isKept: true)
        }
        pages = following()
    }

    /// Reads what goes on behind other text.
    private func following() -> PageDecoder {
        PageDecoder(expectsByteOrderMark: false, skipsLineFeeds: assignment.format == .pagesWithLineFeeds)
    }

    private func receive(_ bytes: UnsafeRawBufferPointer, isKept: Bool = false) throws {
        pages.receive(Span(_unsafeElements: bytes.bindMemory(to: UInt8.self)))
        try takePages(isKept: isKept)
    }

    private func endSource() throws {
        pages.finish()
        try takePages()
    }

    /// `isKept`: the text is in its file already.
    private func takePages(isKept: Bool = false) throws {
        while let event = pages.nextEvent() {
            if isInKnownPage, !isKept {
                if event == .pageEnd { isInKnownPage = false }
                continue
            }
            guard isOrdering else {
                try take(event, isKept: isKept)
                continue
            }
            order.receive(event)
            try takeInOrder()
        }
    }

    private func take(_ event: PageDecoder.Event, isKept: Bool = false) throws {
        switch event {
        case .text(let piece):
            visibleCharacters += VisibleCharacters.count(in: piece)
            if !isKept { try text.append(piece.utf8) }
            chunker.receive(piece)
            try takeChunks()
        case .pageEnd:
            pagesRead += 1
            if !isKept {
                try text.append(CollectionOfOne(0x0c))
                boundary = (pagesRead, text.byteCount)
            }
            chunker.endPage()
            try takeChunks()
            pageMark.tell(pagesRead)
            if assignment.countsPages, !isKept { try checkpointNowAndThen() }
        }
    }

    private func takeChunks() throws {
        while let chunk = chunker.nextChunk() {
            try embed(chunk)
            if !assignment.countsPages { try checkpointNowAndThen() }
            try reportNowAndThen()
        }
        if embedder.isEmpty { pagesEmbedded = Int64(chunker.pagesChunked) }
        try reportNowAndThen()
    }

    private func embed(_ chunk: TextChunk) throws {
        chunks += 1
        // It is in the result already.
        guard chunks > assignment.resume?.chunks ?? 0 else { return }
        while !embedder.hasRoom {
            try takeEmbedded(waits: true)
            try reportNowAndThen()
        }
        try embedder.add(chunk)
        try takeEmbedded(waits: false)
    }

    /// Writes what has its vectors, in order.
    private func takeEmbedded(waits: Bool) throws {
        let start = Clock.monotonicMilliseconds
        var next = try embedder.take(waitingMilliseconds: waits ? Self.embeddingWaitMilliseconds : 0)
        let waited = Clock.monotonicMilliseconds - start
        if waited > 0 {
            try MessageSocket.send(socket, WorkerReport.awaited(run: assignment.run, milliseconds: waited).encoded)
        }
        while let embedded = next {
            if chunksWritten == wholeChunks { wholeResultBytes = result.byteCount }
            try result.append { ResultLine.encode(embedded.chunk, embedding: embedded.vector, into: &$0) }
            chunksWritten += 1
            // More chunks may begin on the page where this one ends.
            pagesEmbedded = max(pagesEmbedded, Int64(embedded.chunk.pageEnd) - 1)
            next = try embedder.take()
        }
    }

    private func checkpointNowAndThen() throws {
        let now = Clock.monotonicMilliseconds
        guard now - lastCheckpointMilliseconds >= Self.checkpointIntervalMilliseconds,
            chunks >= assignment.resume?.chunks ?? 0
        else { return }
        try checkpoint()
    }

    private func checkpoint() throws {
        lastCheckpointMilliseconds = Clock.monotonicMilliseconds
        guard chunksWritten <= wholeChunks || wholeResultBytes != nil else { return }
        let point = WorkerReport.checkpoint(
            run: assignment.run, units: assignment.countsPages ? boundary.pages : unitsRead,
            textBytes: assignment.countsPages ? boundary.textBytes : 0, chunks: min(chunksWritten, wholeChunks),
            resultBytes: wholeResultBytes ?? result.byteCount)
        guard point != lastCheckpoint else { return }
        try result.sync()
        try text.sync()
        lastCheckpoint = point
        try MessageSocket.send(socket, point.encoded)
    }

    private func reportNowAndThen() throws {
        let now = Clock.monotonicMilliseconds
        guard now - lastReportMilliseconds >= Self.reportIntervalMilliseconds else { return }
        lastReportMilliseconds = now
        try report(finishedStages: 0)
    }

    private func report(finishedStages: Int) throws {
        // By a fraction: the product of bytes and chunks of a text of 100 GB is beyond 64 bits.
        let embedded = chunks > 0 ? Int64(Double(unitsRead) * (Double(chunksWritten) / Double(chunks))) : unitsRead
        let done: (Int64, Int64, Int64) =
            assignment.countsPages
            ? (pagesRead, Int64(chunker.pagesChunked), pagesEmbedded)
            : (unitsRead, unitsRead, min(embedded, unitsRead))
        let progress = WorkerReport.progress(
            run: assignment.run, extracted: done.0, chunked: done.1, embedded: done.2, finishedStages: finishedStages,
            total: unitsTotal, hasText: visibleCharacters > 0)
        // Said again it would be taken for a sign of life, of one who waits for a page that is never read.
        guard progress != lastProgress else { return }
        lastProgress = progress
        try MessageSocket.send(socket, progress.encoded)
    }
}
