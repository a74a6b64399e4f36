import System
import Text
import Wire

/// One document's way through the stages: text → pages → chunks → vectors → result.
final class TextJob {
    /// Progress is told at most this often; pages that come faster are told together.
    static let reportIntervalMilliseconds: Int64 = 50
    /// What is made gathers up to this size before it is written.
    static let writeBytes = 256 * 1024

    private let assignment: WorkerAssignment
    private let socket: Int32
    private let source: OwnedDescriptor
    private let result: OwnedDescriptor
    private let text: OwnedDescriptor

    private var pages = PageDecoder()
    private var chunker: Chunker
    private let vectorizer = HashedNGramVectorizer()
    private var resultBuffer: [UInt8] = []
    private var textBuffer: [UInt8] = []
    private var bytesRead: Int64 = 0
    private var unitsTotal: Int64?
    private var pagesRead: Int64 = 0
    private var pagesEmbedded: Int64 = 0
    private var chunks: Int64 = 0
    private var visibleCharacters: Int64 = 0
    private var lastReportMilliseconds: Int64 = 0

    init(
        _ assignment: WorkerAssignment, socket: Int32, source: consuming OwnedDescriptor,
        result: consuming OwnedDescriptor,
        text: consuming OwnedDescriptor
    ) {
        self.assignment = assignment
        self.socket = socket
        self.source = source
        self.result = result
        self.text = text
        chunker = Chunker(options: Self.options(assignment))
    }

    private static func options(_ assignment: WorkerAssignment) -> ChunkingOptions {
        // The server has checked them when it started; a worker of the same build cannot get others.
        guard
            let options = try? ChunkingOptions(
                charactersMax: assignment.charactersMax, overlapCharacters: assignment.overlapCharacters)
        else { preconditionFailure("the supervisor sends only valid chunking options") }
        return options
    }

    func run() -> WorkerReport {
        do throws(TextSourceError) {
            try workOnSource()
            return .finished(
                run: assignment.run, units: assignment.countsPages ? pagesRead : bytesRead, chunks: chunks,
                visibleCharacters: visibleCharacters)
        } catch {
            switch error {
            case .storage(let error):
                return .failed(
                    run: assignment.run, code: error.isNoSpace ? "storage_full" : "storage_failed",
                    detail: "The result could not be written (\(error)). Free some disk space and try again.")
            case .document(let error):
                let (code, detail) = error.failure
                return .failed(run: assignment.run, code: code, detail: detail)
            }
        }
    }

    private func workOnSource() throws(TextSourceError) {
        let source = try TextSources.open(source.raw, assignment)
        while let piece = try source.next() {
            bytesRead = source.unitsDone
            unitsTotal = source.unitsTotal
            do throws(SystemError) { try take(piece) } catch { throw .storage(error) }
        }
        do throws(SystemError) {
            try finish()
            try Files.sync(result.raw)
            try Files.sync(text.raw)
        } catch {
            throw .storage(error)
        }
    }

    private func take(_ piece: [UInt8]) throws(SystemError) {
        pages.receive(piece.span)
        try takePages()
    }

    private func finish() throws(SystemError) {
        pages.finish()
        try takePages()
        // The ends of the stages are told at once, however short the document.
        try report(finishedStages: 1)
        chunker.finish()
        var rest: [TextChunk] = []
        while let chunk = chunker.nextChunk() { rest.append(chunk) }
        try report(finishedStages: 2)
        for chunk in rest { embed(chunk) }
        pagesEmbedded = pagesRead
        try flush(atLeast: 1)
    }

    private func takePages() throws(SystemError) {
        while let event = pages.nextEvent() {
            switch event {
            case .text(let piece):
                for scalar in piece.unicodeScalars where !scalar.properties.isWhitespace { visibleCharacters += 1 }
                textBuffer.append(contentsOf: piece.utf8)
                chunker.receive(piece)
            case .pageEnd:
                pagesRead += 1
                textBuffer.append(0x0c)
                chunker.endPage()
            }
            try takeChunks()
        }
    }

    private func takeChunks() throws(SystemError) {
        while let chunk = chunker.nextChunk() {
            embed(chunk)
            try flush(atLeast: Self.writeBytes)
            try reportNowAndThen()
        }
        pagesEmbedded = Int64(chunker.pagesChunked)
        try flush(atLeast: Self.writeBytes)
        try reportNowAndThen()
    }

    private func embed(_ chunk: TextChunk) {
        ResultLine.encode(chunk, embedding: vectorizer.embed(chunk.text), into: &resultBuffer)
        chunks += 1
    }

    private func flush(atLeast bytes: Int) throws(SystemError) {
        if resultBuffer.count >= bytes {
            try DescriptorIO.writeAll(result.raw, resultBuffer)
            resultBuffer.removeAll(keepingCapacity: true)
        }
        if textBuffer.count >= bytes {
            try DescriptorIO.writeAll(text.raw, textBuffer)
            textBuffer.removeAll(keepingCapacity: true)
        }
    }

    private func reportNowAndThen() throws(SystemError) {
        let now = Clock.monotonicMilliseconds
        guard now - lastReportMilliseconds >= Self.reportIntervalMilliseconds else { return }
        lastReportMilliseconds = now
        try report(finishedStages: 0)
    }

    private func report(finishedStages: Int) throws(SystemError) {
        let done: (Int64, Int64, Int64) =
            assignment.countsPages
            ? (pagesRead, Int64(chunker.pagesChunked), pagesEmbedded) : (bytesRead, bytesRead, bytesRead)
        let progress = WorkerReport.progress(
            run: assignment.run, extracted: done.0, chunked: done.1, embedded: done.2, finishedStages: finishedStages,
            total: unitsTotal)
        try MessageSocket.send(socket, progress.encoded)
    }
}
