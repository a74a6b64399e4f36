// What the shell around the documents needs from the outside, as small capabilities. An adapter may call back on any
// thread; whoever owns a loop brings the answer home by its mailbox.

/// A document as it is kept.
package struct DocumentRecord: Sendable, Equatable {
    package var id: DocumentID
    package var status: DocumentStatus
    package var createdAtMilliseconds: Int64
    package var ceiling: Double
    /// Names the run whose result is the document's; a run that was given up can write only to its own files.
    package var outputToken: Int64?
    /// Pieces of later documents are no documents that anybody lists.
    package var isPart: Bool
    /// When something must happen to it although nobody asks: its upload expires, or its time is over. In milliseconds
    /// since 1970; nil: never.
    package var dueMilliseconds: Int64?
    /// Under which its result is found by a document of the same bytes (`Document.resultKey`).
    package var resultKey: String?
    /// `Document.recorded`.
    package var bytes: [UInt8]

    package init(
        id: DocumentID, status: DocumentStatus, createdAtMilliseconds: Int64, ceiling: Double, outputToken: Int64?,
        isPart: Bool = false, dueMilliseconds: Int64? = nil, resultKey: String? = nil, bytes: [UInt8]
    ) {
        self.id = id
        self.status = status
        self.createdAtMilliseconds = createdAtMilliseconds
        self.ceiling = ceiling
        self.outputToken = outputToken
        self.isPart = isPart
        self.dueMilliseconds = dueMilliseconds
        self.resultKey = resultKey
        self.bytes = bytes
    }
}

/// The machine's trouble with keeping a record.
package enum RecordFailure: Error, Sendable, Equatable {
    case alreadyThere
    /// The key names another document by now.
    case keyTaken
    case storageFull
    case failed(String)
}

/// Where a list of documents goes on: newest first, by time of creation and, within a millisecond, by the order in
/// which they were put on record.
package struct ListPosition: Sendable, Equatable {
    package var createdAtMilliseconds: Int64
    package var sequence: Int64

    package init(createdAtMilliseconds: Int64, sequence: Int64) {
        self.createdAtMilliseconds = createdAtMilliseconds
        self.sequence = sequence
    }

    package init?(cursor: String) {
        let parts = cursor.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let time = Int64(parts[0]), let sequence = Int64(parts[1]) else { return nil }
        self.init(createdAtMilliseconds: time, sequence: sequence)
    }

    package var cursor: String { "\(createdAtMilliseconds).\(sequence)" }
}

/// A part of a list, and where the next part begins; nil where there is none.
package struct RecordPage: Sendable, Equatable {
    package var records: [DocumentRecord]
    package var next: ListPosition?

    package init(records: [DocumentRecord], next: ListPosition?) {
        self.records = records
        self.next = next
    }
}

/// Durable records. When a completion reports success the change survives a power cut.
package protocol DocumentRecords: Sendable {
    /// With a reservation, the record and the key go in by one commit, or neither does.
    func insert(
        _ record: DocumentRecord, reserving reservation: KeyReservation?,
        then completion: @escaping @Sendable (Result<Void, RecordFailure>) -> Void)
    /// The document that was created under a key.
    func document(
        underKey key: String, then completion: @escaping @Sendable (Result<KeyedDocument?, RecordFailure>) -> Void)
    /// Forgets the oldest keys that were made at this time or before.
    func forgetKeys(
        through milliseconds: Int64, limit: Int,
        then completion: @escaping @Sendable (Result<Void, RecordFailure>) -> Void)
    func update(_ record: DocumentRecord, then completion: @escaping @Sendable (Result<Void, RecordFailure>) -> Void)
    func raiseCeiling(
        of id: DocumentID, to ceiling: Double,
        then completion: @escaping @Sendable (Result<Void, RecordFailure>) -> Void)
    func remove(_ id: DocumentID, then completion: @escaping @Sendable (Result<Void, RecordFailure>) -> Void)
    func load(_ id: DocumentID, then completion: @escaping @Sendable (Result<DocumentRecord?, RecordFailure>) -> Void)
    /// The newest document whose result is found under this key.
    func withResult(
        _ key: String, then completion: @escaping @Sendable (Result<DocumentRecord?, RecordFailure>) -> Void)
    /// Documents whose time has come (`DocumentRecord.dueMilliseconds`), the most overdue first.
    func due(
        before milliseconds: Int64, limit: Int,
        then completion: @escaping @Sendable (Result<[DocumentID], RecordFailure>) -> Void)
    func list(
        status: DocumentStatus?, after position: ListPosition?, limit: Int,
        then completion: @escaping @Sendable (Result<RecordPage, RecordFailure>) -> Void)
}

/// What the server itself remembers over a restart, by name: a handful of small values.
package protocol Facts: Sendable {
    /// Puts a value in the place of the one before. When it reports success the value survives a power cut.
    func remember(
        _ key: String, _ value: [UInt8], then completion: @escaping @Sendable (Result<Void, RecordFailure>) -> Void)
    /// Nil for a name that was never remembered.
    func recall(_ key: String, then completion: @escaping @Sendable (Result<[UInt8]?, RecordFailure>) -> Void)
}

/// The bytes of one document that its record names; nil where it names none.
package struct KeptBytes: Sendable, Equatable {
    /// `Document.contentToken`, or the file of an upload that is not complete.
    package var content: Int64?
    /// Of an upload that is not complete: what its file has at least.
    package var acknowledgedBytes: Int64?
    /// The run whose result is the document's, or which the next run goes on from.
    package var output: Int64?
    /// The record cannot be read: what it names is not known, and all of it stays for whoever mends it.
    package var isUnknown: Bool

    package init(content: Int64?, acknowledgedBytes: Int64? = nil, output: Int64?, isUnknown: Bool = false) {
        self.content = content
        self.acknowledgedBytes = acknowledgedBytes
        self.output = output
        self.isUnknown = isUnknown
    }
}

/// Removes bytes that nobody wants any more. Always by the exact name, which no later upload or run ever has: a removal
/// that comes late cannot hit its successor. What it fails to remove is removed at the next start.
package protocol DocumentBytes: Sendable {
    func removeContent(of id: DocumentID, token: Int64?)
    /// Makes bytes of an upload last that are in its file.
    func makeContentDurable(
        of id: DocumentID, token: Int64, bytes: Int64, then completion: @escaping @Sendable (RecordFailure?) -> Void)
    /// Cuts off what an upload's file has beyond so many bytes. Where that fails it is cut when the upload goes on.
    func cutContent(of id: DocumentID, token: Int64, to bytes: Int64, then completion: @escaping @Sendable () -> Void)
    /// What one run wrote.
    func removeOutput(of id: DocumentID, token: Int64)
    /// Gives the result of one document, and its bytes where that can be done, a second name each, as another's: they
    /// are kept once, and removing one name leaves the other. Nothing of it is there when it fails.
    func share(
        _ source: StoredBytes, as target: StoredBytes, then completion: @escaping @Sendable (SharedFiles) -> Void)
}

/// The files of one document.
package struct StoredBytes: Sendable, Equatable {
    package var document: DocumentID
    package var contentToken: Int64?
    package var run: Int64

    package init(document: DocumentID, contentToken: Int64?, run: Int64) {
        self.document = document
        self.contentToken = contentToken
        self.run = run
    }
}

/// What of a document's files has got a second name that lasts.
package enum SharedFiles: Sendable {
    case nothing
    case output
    case outputAndContent
}

/// Documents that want a worker.
package protocol WorkQueue: Sendable {
    func enqueue(_ id: DocumentID, _ ticket: WorkTicket)
    /// No longer wanted: leaves the line, or its processes are ended.
    func withdraw(_ id: DocumentID)
    /// Its place in the line from 1; nil when it does not wait. From any thread.
    func position(of id: DocumentID) -> Int?
}
