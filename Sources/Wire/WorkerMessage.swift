import JSON

// The pipe between the supervisor and a worker carries one JSON object a message; descriptors travel beside an
// assignment. Both sides are of one build, yet a worker that was taken over by a hostile document may send anything:
// what does not read as a report ends that worker.

/// What a worker is to do. Beside it come three descriptors: the text to read, the result and the text to write.
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

    package static let descriptorCount = 3

    package init(
        run: Int64, charactersMax: Int, overlapCharacters: Int, countsPages: Bool, format: SourceFormat = .pages,
        charset: String? = nil
    ) {
        self.run = run
        self.charactersMax = charactersMax
        self.overlapCharacters = overlapCharacters
        self.countsPages = countsPages
        self.format = format
        self.charset = charset
    }

    package var encoded: [UInt8] {
        var writer = JSONWriter(reservingBytes: 128)
        writer.beginObject()
        writer.key("run"); writer.integer(run)
        writer.key("characters_max"); writer.integer(charactersMax)
        writer.key("overlap_characters"); writer.integer(overlapCharacters)
        writer.key("counts_pages"); writer.bool(countsPages)
        writer.key("format"); writer.string(format.rawValue)
        if let charset { writer.key("charset"); writer.string(charset) }
        writer.endObject()
        return writer.bytes
    }

    /// Nil when the bytes are no assignment.
    package init?(decoding bytes: [UInt8]) {
        guard let value = try? JSONValue.parse(bytes), let run = value["run"]?.integerValue,
            let characters = value["characters_max"]?.integerValue,
            let overlap = value["overlap_characters"]?.integerValue,
            let countsPages = value["counts_pages"]?.boolValue,
            let format = value["format"]?.stringValue.flatMap(SourceFormat.init)
        else { return nil }
        self.init(
            run: run, charactersMax: Int(characters), overlapCharacters: Int(overlap), countsPages: countsPages,
            format: format, charset: value["charset"]?.stringValue)
    }
}

/// What lies behind an assignment's first descriptor.
package enum SourceFormat: String, Sendable, CaseIterable {
    /// UTF-8 with form feeds between pages: what an extractor writes.
    case pages
    /// Text in any encoding.
    case text
    case html, xhtml, docx, odt, epub
}

/// What a worker says.
package enum WorkerReport: Sendable, Equatable {
    case ready
    /// `finishedStages` of the pipeline's stages, from the first, have nothing more to do.
    /// `total` where the document itself says how much there is.
    case progress(
        run: Int64, extracted: Int64, chunked: Int64, embedded: Int64, finishedStages: Int, total: Int64? = nil)
    /// Everything is written and synced.
    case finished(run: Int64, units: Int64, chunks: Int64, visibleCharacters: Int64)
    /// The disk refused; `code` is one of the document errors' codes.
    case failed(run: Int64, code: String, detail: String)

    package var encoded: [UInt8] {
        var writer = JSONWriter(reservingBytes: 128)
        writer.beginObject()
        switch self {
        case .ready:
            writer.key("report"); writer.string("ready")
        case .progress(let run, let extracted, let chunked, let embedded, let finishedStages, let total):
            writer.key("report"); writer.string("progress")
            writer.key("run"); writer.integer(run)
            writer.key("extracted"); writer.integer(extracted)
            writer.key("chunked"); writer.integer(chunked)
            writer.key("embedded"); writer.integer(embedded)
            writer.key("finished_stages"); writer.integer(finishedStages)
            if let total { writer.key("total"); writer.integer(total) }
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
        }
        writer.endObject()
        return writer.bytes
    }

    /// Nil when the bytes are no report.
    package init?(decoding bytes: [UInt8]) {
        guard let value = try? JSONValue.parse(bytes) else { return nil }
        func integer(_ key: String) -> Int64? { value[key]?.integerValue }
        switch value["report"]?.stringValue {
        case "ready": self = .ready
        case "progress":
            guard let run = integer("run"), let extracted = integer("extracted"), let chunked = integer("chunked"),
                let embedded = integer("embedded"), let finishedStages = integer("finished_stages")
            else { return nil }
            self = .progress(
                run: run, extracted: extracted, chunked: chunked, embedded: embedded,
                finishedStages: Int(finishedStages), total: integer("total"))
        case "finished":
            guard let run = integer("run"), let units = integer("units"), let chunks = integer("chunks"),
                let visible = integer("visible_characters")
            else { return nil }
            self = .finished(run: run, units: units, chunks: chunks, visibleCharacters: visible)
        case "failed":
            guard let run = integer("run"), let code = value["code"]?.stringValue,
                let detail = value["detail"]?.stringValue
            else { return nil }
            self = .failed(run: run, code: code, detail: detail)
        default: return nil
        }
    }
}
