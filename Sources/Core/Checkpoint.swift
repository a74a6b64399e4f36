import JSON

/// How far a run's files are good: what the next run begins behind, instead of at the first page.
///
/// A worker makes its files last before it says so. The next run takes over that much of them, has the reader begin at
/// the page after, and cuts the text that is there into chunks once more, which costs next to nothing: of those, the
/// first `chunks` are in the result already, each with its vector.
package struct Checkpoint: Sendable, Equatable {
    /// Whose files.
    package var run: Int64
    /// Pages whose text is whole in the text file; where there are no pages, bytes that were read. Of a pipeline of
    /// one's own: stages that have finished.
    package var units: Int64
    /// What the text file has of them; 0 where the text is read again from its beginning.
    package var textBytes: Int64
    package var resultBytes: Int64
    package var chunks: Int64
    /// What else the result depends on (`chunking`, `model`): with other settings it cannot be gone on from.
    package var settings: String

    package init(
        run: Int64, units: Int64, textBytes: Int64, resultBytes: Int64, chunks: Int64, settings: String
    ) {
        self.run = run
        self.units = units
        self.textBytes = textBytes
        self.resultBytes = resultBytes
        self.chunks = chunks
        self.settings = settings
    }

    /// Two readers make two texts: what one has read is nothing for the other to go on from.
    package static func settings(_ settings: String, readBy reader: TextReader) -> String {
        switch reader {
        case .first: settings
        case .second: settings + "/mutool"
        case .recognizer: settings + "/tesseract"
        }
    }

    /// Whether anything would be done again without it that is done with it.
    package func isBeyond(_ other: Checkpoint?) -> Bool {
        guard let other else { return units > 0 || chunks > 0 }
        return (units, chunks) > (other.units, other.chunks)
    }

    // MARK: Record

    package func encode(into writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("run"); writer.integer(run)
        writer.key("units"); writer.integer(units)
        writer.key("text_bytes"); writer.integer(textBytes)
        writer.key("result_bytes"); writer.integer(resultBytes)
        writer.key("chunks"); writer.integer(chunks)
        writer.key("settings"); writer.string(settings)
        writer.endObject()
    }

    package init?(_ value: JSONValue?) {
        guard let value, let run = value["run"]?.integerValue, let units = value["units"]?.integerValue,
            let textBytes = value["text_bytes"]?.integerValue, let resultBytes = value["result_bytes"]?.integerValue,
            let chunks = value["chunks"]?.integerValue, let settings = value["settings"]?.stringValue,
            units >= 0, textBytes >= 0, resultBytes >= 0, chunks >= 0
        else { return nil }
        self.init(
            run: run, units: units, textBytes: textBytes, resultBytes: resultBytes, chunks: chunks, settings: settings)
    }
}
