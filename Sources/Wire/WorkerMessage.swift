import JSON

// The pipe between the supervisor and a worker carries one JSON object a message; descriptors travel beside an
// assignment. Both sides are of one build, yet a worker that was taken over by a hostile document may send anything:
// what does not read as a report ends that worker.

/// What a worker is to do. Beside it come four descriptors: the text to read, the result and
/// the text to write, and the number by which it tells the page in hand (`SharedNumber`).
package struct WorkerAssignment: Sendable, Equatable {
    package var run: Int64
    package var charactersMax: Int
    package var overlapCharacters: Int
    /// Whether progress counts pages (form feeds) or bytes read.
    package var countsPages: Bool
    /// How the text is read.
    package var format: SourceFormat
    /// The encoding that was declared beside it.
    package var charset: String?
    /// In how many sources the text comes, one behind the other; the first is beside this, the rest come by
    /// `WorkerOrder`.
    package var sourceCount: Int
    /// What an earlier run has made of it, which the files have already.
    package var resume: Resume?
    /// How to have chunks embedded by a service, over a socket that is a fifth descriptor; nil: the worker does it.
    package var embedding: Embedding?
    /// So many pages without text may be told at once (`WorkerReport.textless`), and what was recognized on them is
    /// waited for; 0: they stay as they are.
    package var textlessMax: Int

    package struct Embedding: Sendable, Equatable {
        /// Chunks of one batch.
        package var batchMax: Int
        package var batchesInFlightMax: Int

        package init(batchMax: Int, batchesInFlightMax: Int) {
            self.batchMax = batchMax
            self.batchesInFlightMax = batchesInFlightMax
        }
    }

    package struct Resume: Sendable, Equatable {
        /// Pages whose text is in the text file.
        package var pages: Int64
        package var textBytes: Int64
        /// Chunks that are in the result.
        package var chunks: Int64
        package var resultBytes: Int64

        package init(pages: Int64, textBytes: Int64, chunks: Int64, resultBytes: Int64) {
            self.pages = pages
            self.textBytes = textBytes
            self.chunks = chunks
            self.resultBytes = resultBytes
        }
    }

    /// Whether the first page that comes was read before. `mutool` that is to begin behind the last page reads that one
    /// again, so it always begins with it.
    package var beginsWithKnownPage: Bool { format == .pagesWithLineFeeds && resume?.pages ?? 0 > 0 }

    /// What is read, the result, the text, the number of the page in hand; the socket to the service.
    package var descriptorCount: Int { embedding == nil ? 4 : 5 }

    package init(
        run: Int64, charactersMax: Int, overlapCharacters: Int, countsPages: Bool, format: SourceFormat = .pages,
        charset: String? = nil, sourceCount: Int = 1, resume: Resume? = nil, embedding: Embedding? = nil,
        textlessMax: Int = 0
    ) {
        self.run = run
        self.charactersMax = charactersMax
        self.overlapCharacters = overlapCharacters
        self.countsPages = countsPages
        self.format = format
        self.charset = charset
        self.sourceCount = sourceCount
        self.resume = resume
        self.embedding = embedding
        self.textlessMax = textlessMax
    }

    package var encoded: [UInt8] {
        var writer = JSONWriter(reservingBytes: 256)
        writer.beginObject()
        writer.key("run"); writer.integer(run)
        writer.key("characters_max"); writer.integer(charactersMax)
        writer.key("overlap_characters"); writer.integer(overlapCharacters)
        writer.key("counts_pages"); writer.bool(countsPages)
        writer.key("format"); writer.string(format.rawValue)
        if let charset { writer.key("charset"); writer.string(charset) }
        writer.key("sources"); writer.integer(sourceCount)
        writer.key("textless_max"); writer.integer(textlessMax)
        if let resume {
            writer.key("resume")
            writer.beginObject()
            writer.key("pages"); writer.integer(resume.pages)
            writer.key("text_bytes"); writer.integer(resume.textBytes)
            writer.key("chunks"); writer.integer(resume.chunks)
            writer.key("result_bytes"); writer.integer(resume.resultBytes)
            writer.endObject()
        }
        if let embedding {
            writer.key("embedding")
            writer.beginObject()
            writer.key("batch_max"); writer.integer(embedding.batchMax)
            writer.key("batches_in_flight_max"); writer.integer(embedding.batchesInFlightMax)
            writer.endObject()
        }
        writer.endObject()
        return writer.bytes
    }

    /// Nil when the bytes are no assignment.
    package init?(decoding bytes: [UInt8]) {
        guard let value = try? JSONValue.parse(bytes), let run = value["run"]?.integerValue,
            let characters = value["characters_max"]?.integerValue,
            let overlap = value["overlap_characters"]?.integerValue,
            let countsPages = value["counts_pages"]?.boolValue, let sources = value["sources"]?.integerValue,
            let format = value["format"]?.stringValue.flatMap(SourceFormat.init),
            let textlessMax = value["textless_max"]?.integerValue
        else { return nil }
        var resume: Resume?
        if let from = value["resume"] {
            guard let pages = from["pages"]?.integerValue, let textBytes = from["text_bytes"]?.integerValue,
                let chunks = from["chunks"]?.integerValue, let resultBytes = from["result_bytes"]?.integerValue
            else { return nil }
            resume = Resume(pages: pages, textBytes: textBytes, chunks: chunks, resultBytes: resultBytes)
        }
        var embedding: Embedding?
        if let by = value["embedding"] {
            guard let batch = by["batch_max"]?.integerValue, batch > 0,
                let inFlight = by["batches_in_flight_max"]?.integerValue, inFlight > 0
            else { return nil }
            embedding = Embedding(batchMax: Int(batch), batchesInFlightMax: Int(inFlight))
        }
        self.init(
            run: run, charactersMax: Int(characters), overlapCharacters: Int(overlap), countsPages: countsPages,
            format: format, charset: value["charset"]?.stringValue, sourceCount: Int(sources), resume: resume,
            embedding: embedding, textlessMax: Int(textlessMax))
    }
}

/// What lies behind an assignment's first descriptor.
package enum SourceFormat: String, Sendable, CaseIterable {
    /// UTF-8 with form feeds between pages: what extractors write.
    case pages
    /// The same with a line feed behind each form feed: what `mutool` writes.
    case pagesWithLineFeeds = "pages_with_line_feeds"
    /// Text in any encoding.
    case text
    case html, xhtml, docx, odt, epub

    package var isFromExtractor: Bool { self == .pages || self == .pagesWithLineFeeds }
}

/// What a worker is told while it is at work.
package enum WorkerOrder: Sendable, Equatable {
    /// The next part of the text, a file that may still grow; its descriptor is beside this.
    case source(run: Int64)
    /// The part of this number, from 0, is whole.
    case sourceEnded(run: Int64, index: Int)
    /// What was recognized on a page without text is in the file beside this; without one there is nothing on it.
    case recognized(run: Int64, page: Int64)
    /// No more text comes, whatever had been announced: the run has failed elsewhere.
    case stop(run: Int64)

    package var encoded: [UInt8] {
        var writer = JSONWriter(reservingBytes: 64)
        writer.beginObject()
        switch self {
        case .source(let run):
            writer.key("order"); writer.string("source")
            writer.key("run"); writer.integer(run)
        case .sourceEnded(let run, let index):
            writer.key("order"); writer.string("source_ended")
            writer.key("run"); writer.integer(run)
            writer.key("index"); writer.integer(index)
        case .recognized(let run, let page):
            writer.key("order"); writer.string("recognized")
            writer.key("run"); writer.integer(run)
            writer.key("page"); writer.integer(page)
        case .stop(let run):
            writer.key("order"); writer.string("stop")
            writer.key("run"); writer.integer(run)
        }
        writer.endObject()
        return writer.bytes
    }

    /// Nil when the bytes are no order.
    package init?(decoding bytes: [UInt8]) {
        guard let value = try? JSONValue.parse(bytes), let run = value["run"]?.integerValue else { return nil }
        switch value["order"]?.stringValue {
        case "source": self = .source(run: run)
        case "source_ended":
            guard let index = value["index"]?.integerValue else { return nil }
            self = .sourceEnded(run: run, index: Int(index))
        case "recognized":
            guard let page = value["page"]?.integerValue else { return nil }
            self = .recognized(run: run, page: page)
        case "stop": self = .stop(run: run)
        default: return nil
        }
    }
}

/// What a worker says. A figure that no document can have is not read: it would be believed in sums and products.
package enum WorkerReport: Sendable, Equatable {
    case ready
    /// `finishedStages` of the pipeline's stages, from the first, have nothing more to do.
    /// `total` where the document itself says how much there is; `hasText` once anything visible was read.
    case progress(
        run: Int64, extracted: Int64, chunked: Int64, embedded: Int64, finishedStages: Int, total: Int64? = nil,
        hasText: Bool = true)
    /// So much of both files is written and synced: pages or bytes read, chunks with their vectors.
    case checkpoint(run: Int64, units: Int64, textBytes: Int64, chunks: Int64, resultBytes: Int64)
    /// There is no text on this page, and the worker waits for what can be recognized on it.
    case textless(run: Int64, page: Int64)
    /// Everything is written and synced.
    case finished(run: Int64, units: Int64, chunks: Int64, visibleCharacters: Int64)
    /// The disk or the embedding service refused; `code` is one of the document errors' codes.
    case failed(run: Int64, code: String, detail: String)
    /// So long since the last word it has had nothing to do but to wait for vectors.
    case awaited(run: Int64, milliseconds: Int64)
    /// The embedding service is not to be called now, and may be in that time.
    case waits(run: Int64, detail: String, milliseconds: Int64)

    /// Pages, bytes, chunks, characters, milliseconds: none is larger.
    package static let figureMax: Int64 = 1 << 50
    /// Stages that a worker has.
    package static let stagesMax = 3

    package var encoded: [UInt8] {
        var writer = JSONWriter(reservingBytes: 128)
        writer.beginObject()
        switch self {
        case .ready:
            writer.key("report"); writer.string("ready")
        case .progress(let run, let extracted, let chunked, let embedded, let finishedStages, let total, let hasText):
            writer.key("report"); writer.string("progress")
            writer.key("run"); writer.integer(run)
            writer.key("extracted"); writer.integer(extracted)
            writer.key("chunked"); writer.integer(chunked)
            writer.key("embedded"); writer.integer(embedded)
            writer.key("finished_stages"); writer.integer(finishedStages)
            if let total { writer.key("total"); writer.integer(total) }
            if !hasText { writer.key("has_text"); writer.bool(false) }
        case .checkpoint(let run, let units, let textBytes, let chunks, let resultBytes):
            writer.key("report"); writer.string("checkpoint")
            writer.key("run"); writer.integer(run)
            writer.key("units"); writer.integer(units)
            writer.key("text_bytes"); writer.integer(textBytes)
            writer.key("chunks"); writer.integer(chunks)
            writer.key("result_bytes"); writer.integer(resultBytes)
        case .textless(let run, let page):
            writer.key("report"); writer.string("textless")
            writer.key("run"); writer.integer(run)
            writer.key("page"); writer.integer(page)
        case .finished(let run, let units, let chunks, let visibleCharacters):
            writer.key("report"); writer.string("finished")
            writer.key("run"); writer.integer(run)
            writer.key("units"); writer.integer(units)
            writer.key("chunks"); writer.integer(chunks)
            writer.key("visible_characters"); writer.integer(visibleCharacters)
        case .failed(let run, let code, let detail):
            writer.key("report"); writer.string("failed")
            writer.key("run"); writer.integer(run)
            writer.key("code"); writer.string(code)
            writer.key("detail"); writer.string(detail)
        case .awaited(let run, let milliseconds):
            writer.key("report"); writer.string("awaited")
            writer.key("run"); writer.integer(run)
            writer.key("milliseconds"); writer.integer(milliseconds)
        case .waits(let run, let detail, let milliseconds):
            writer.key("report"); writer.string("waits")
            writer.key("run"); writer.integer(run)
            writer.key("detail"); writer.string(detail)
            writer.key("milliseconds"); writer.integer(milliseconds)
        }
        writer.endObject()
        return writer.bytes
    }

    /// Nil when the bytes are no report.
    package init?(decoding bytes: [UInt8]) {
        guard let value = try? JSONValue.parse(bytes) else { return nil }
        func figure(_ key: String) -> Int64? {
            value[key]?.integerValue.flatMap { 0...Self.figureMax ~= $0 ? $0 : nil }
        }
        let run = value["run"]?.integerValue
        switch value["report"]?.stringValue {
        case "ready": self = .ready
        case "progress":
            guard let run, let extracted = figure("extracted"), let chunked = figure("chunked"),
                let embedded = figure("embedded"), let finishedStages = figure("finished_stages"),
                finishedStages <= Int64(Self.stagesMax)
            else { return nil }
            let total = figure("total")
            guard total != nil || value["total"] == nil else { return nil }
            self = .progress(
                run: run, extracted: extracted, chunked: chunked, embedded: embedded,
                finishedStages: Int(finishedStages), total: total,
                hasText: value["has_text"]?.boolValue ?? true)
        case "checkpoint":
            guard let run, let units = figure("units"), let textBytes = figure("text_bytes"),
                let chunks = figure("chunks"), let resultBytes = figure("result_bytes")
            else { return nil }
            self = .checkpoint(
                run: run, units: units, textBytes: textBytes, chunks: chunks, resultBytes: resultBytes)
        case "textless":
            guard let run, let page = figure("page") else { return nil }
            self = .textless(run: run, page: page)
        case "finished":
            guard let run, let units = figure("units"), let chunks = figure("chunks"),
                let visible = figure("visible_characters")
            else { return nil }
            self = .finished(run: run, units: units, chunks: chunks, visibleCharacters: visible)
        case "failed":
            guard let run, let code = value["code"]?.stringValue,
                let detail = value["detail"]?.stringValue
            else { return nil }
            self = .failed(run: run, code: code, detail: detail)
        case "awaited":
            guard let run, let milliseconds = figure("milliseconds") else {
                return nil
            }
            self = .awaited(run: run, milliseconds: milliseconds)
        case "waits":
            guard let run, let detail = value["detail"]?.stringValue,
                let milliseconds = figure("milliseconds")
            else { return nil }
            self = .waits(run: run, detail: detail, milliseconds: milliseconds)
        default: return nil
        }
    }
}
