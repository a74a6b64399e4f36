/// Whether an upload whose bytes were processed before takes that result over, and what results depend on besides the
/// bytes.
package struct Deduplication: Sendable, Equatable {
    package var isOn = false
    /// How the pipeline is set up: what was made under other settings is another result.
    package var workSettings = ""

    package init() {}

    package static let message = "The same bytes were processed before; the result was taken over."
}

/// The result of a complete document, as a later one of the same bytes takes it over.
package struct TakenResult: Sendable, Equatable {
    package var units: Int64
    package var unitsArePages: Bool
    package var chunks: Int64?
    package var workSettings: String?
    package var attachments: [String]

    package init(
        units: Int64, unitsArePages: Bool, chunks: Int64?, workSettings: String?, attachments: [String] = []
    ) {
        self.units = units
        self.unitsArePages = unitsArePages
        self.chunks = chunks
        self.workSettings = workSettings
        self.attachments = attachments
    }
}

extension Document {
    /// Names all that a result depends on, and whose it is: what would be made of these bytes is there already under
    /// the same key, or nowhere. Nil where no digest says what the bytes are.
    package func resultKey(sha256: String?, bytes: Int64, contentType: String, workSettings: String) -> String? {
        // Whose it is comes last: it alone may have any character.
        sha256.map { "\($0) \(bytes) \(contentType) \(pipeline) \(workSettings) \(maker ?? "")" }
    }

    /// The key under which this document's result is found; nil where there is none to be taken over.
    package var resultKey: String? {
        guard hasResult, let workSettings, let bytesTotal, let contentType else { return nil }
        return resultKey(sha256: sha256, bytes: bytesTotal, contentType: contentType, workSettings: workSettings)
    }

    /// Nil when there is none, or none any more.
    package var result: TakenResult? {
        guard hasResult, let last = stages.last else { return nil }
        return TakenResult(
            units: last.done, unitsArePages: unitsArePages, chunks: chunkCount, workSettings: workSettings,
            attachments: attachments)
    }
}
