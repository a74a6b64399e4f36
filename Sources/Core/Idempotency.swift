import JSON

// Theory of operation
//
// A client that got no reply sends its request again, under the same key. The key stands on record beside the document
// that it created, put there by the commit that made the document: a crash leaves both or none. What a second use of
// the key means follows from that document:
//
//   the first request is still running ─────────────────► in use: try again later
//   it came to its end without its bytes, or is gone ───► free: the key names the new document from here on
//   it is there ────────────────────────────────────────► taken: the same content gets it, other content is refused
//
// Nothing of what was asked is kept beside the document: its own fields and the digest of its bytes are compared.

/// How a key that names a document stands.
package enum KeyStanding: Sendable, Equatable {
    case free
    case inUse
    case taken

    /// A key is remembered for so long.
    package static let lifetimeMilliseconds: Int64 = 24 * 60 * 60 * 1000

    /// `isHeld`: a request brings its bytes now. `waitsForHolder`: the repeated call would bring bytes to the same
    /// upload, so it must not end the one that does.
    package init(_ document: Document, isHeld: Bool, waitsForHolder: Bool) {
        switch document.status {
        case .uploading where !document.awaitsContent: self = .inUse
        case .uploading: self = isHeld && waitsForHolder ? .inUse : .taken
        case .queued, .processing: self = .taken
        case .complete, .failed, .cancelled: self = document.hasContent ? .taken : .free
        }
    }
}

/// The document that a key named when it was looked for.
package struct KeyedDocument: Sendable, Equatable {
    package var document: DocumentID
    package var createdAtMilliseconds: Int64

    package init(document: DocumentID, createdAtMilliseconds: Int64) {
        self.document = document
        self.createdAtMilliseconds = createdAtMilliseconds
    }

    package func isForgotten(at unixMilliseconds: Int64) -> Bool {
        unixMilliseconds - createdAtMilliseconds >= KeyStanding.lifetimeMilliseconds
    }
}

/// A key for a new document. It is taken only if it still names what it named when it was looked for.
package struct KeyReservation: Sendable, Equatable {
    package var key: String
    package var replacing: DocumentID?

    package init(key: String, replacing: DocumentID?) {
        self.key = key
        self.replacing = replacing
    }
}

/// What a creating call says of its document, however the request was written.
package struct CreationContent: Sendable {
    package var chosenID: DocumentID?
    package var name: String
    package var declaredType: String?
    package var metadata: JSONObject
    package var pipeline: String
    /// The document is created first, and its bytes come later.
    package var awaitsContent: Bool
    /// The length that was announced; counts only where the bytes come later.
    package var announcedBytes: Int64?
    package var form: ResumableUpload.Form
    /// Of the bytes, where the call has all of them.
    package var sha256: String?

    package init(
        chosenID: DocumentID?, name: String, declaredType: String?, metadata: JSONObject, pipeline: String,
        awaitsContent: Bool, announcedBytes: Int64? = nil, form: ResumableUpload.Form = .whole, sha256: String? = nil
    ) {
        self.chosenID = chosenID
        self.name = name
        self.declaredType = declaredType
        self.metadata = metadata
        self.pipeline = pipeline
        self.awaitsContent = awaitsContent
        self.announcedBytes = announcedBytes
        self.form = form
        self.sha256 = sha256
    }

    /// Whether `document` was created by the same content.
    package func created(_ document: Document) -> Bool {
        if let chosenID, chosenID != document.id { return false }
        guard name.utf8.elementsEqual(document.name.utf8), declaredType == document.announcedType,
            pipeline == document.pipeline, awaitsContent == document.awaitsContent,
            Self.isSame(metadata, document.metadata)
        else { return false }
        if awaitsContent, announcedBytes != document.announcedBytes || form != document.upload.form { return false }
        // A document without a digest was made of bytes that came later; its fields and its length decide.
        if let sha256, let known = document.sha256, sha256 != known { return false }
        return true
    }

    /// Numbers are compared as a record would write them: `document` may have been read from one.
    private static func isSame(_ one: JSONObject, _ other: JSONObject) -> Bool {
        if one == other { return true }
        let texts = (JSONValue.object(one).compactBytes, JSONValue.object(other).compactBytes)
        guard let left = try? JSONValue.parse(texts.0), let right = try? JSONValue.parse(texts.1) else { return false }
        return left == right
    }
}
