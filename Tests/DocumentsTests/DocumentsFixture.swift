import Core
import Hub
import JSON
import Ledger
import Loop
import LoopTesting
import Synchronization
import System
import Testing

@testable import Documents

/// Nobody's bytes and nobody's work: what is under test is what is on record and in memory. What is asked of it is kept,
/// and files are shared when the test says so.
final class Nothing: DocumentBytes, WorkQueue {
    enum Removal: Hashable { case content(Int64?), output(Int64) }

    private struct State {
        var removals: Set<Removal> = []
        var enqueued: [DocumentID] = []
        var targets: [StoredBytes] = []
        var sharings: [@Sendable (SharedFiles) -> Void] = []
    }
    private let state = Mutex(State())

    var removals: Set<Removal> { state.withLock { $0.removals } }
    var enqueued: [DocumentID] { state.withLock { $0.enqueued } }
    /// The names that were asked for.
    var targets: [StoredBytes] { state.withLock { $0.targets } }

    /// Answers those who want to share files.
    func share(_ outcome: SharedFiles) {
        let waiting = state.withLock { state in
            defer { state.sharings = [] }
            return state.sharings
        }
        for answer in waiting { answer(outcome) }
    }

    func removeContent(of id: DocumentID, token: Int64?) {
        _ = state.withLock { $0.removals.insert(.content(token)) }
    }
    func removeOutput(of id: DocumentID, token: Int64) { _ = state.withLock { $0.removals.insert(.output(token)) } }
    func makeContentDurable(
        of id: DocumentID, token: Int64, bytes: Int64, then completion: @escaping @Sendable (RecordFailure?) -> Void
    ) { completion(nil) }
    func share(
        _ source: StoredBytes, as target: StoredBytes, then completion: @escaping @Sendable (SharedFiles) -> Void
    ) {
        state.withLock {
            $0.targets.append(target)
            $0.sharings.append(completion)
        }
    }
    func enqueue(_ id: DocumentID, _ ticket: WorkTicket) { state.withLock { $0.enqueued.append(id) } }
    func withdraw(_ id: DocumentID) {}
    func position(of id: DocumentID) -> Int? { nil }
}

/// Documents of one loop, over a record in a directory of its own.
final class DocumentsFixture: Sendable {
    let thread: LoopThread
    let documents: Documents
    let ledger: Ledger
    let records: HeldRecords
    let outside = Nothing()
    private let path = "/tmp/headway-documents-\(Randomness.integer())"

    init(
        lifetimes: Lifetimes = Lifetimes(), deduplication: Deduplication = Deduplication(), afterDeath: Bool = false
    ) throws {
        thread = try LoopThread()
        try Files.makeDirectories(path)
        ledger = try Ledger(path: "\(path)/record.sqlite")
        records = HeldRecords(ledger)
        documents = Documents(
            loops: [thread.loop], hub: Hub(loops: [thread.loop]), records: records, bytes: outside,
            queue: outside, epoch: "now", lifetimes: lifetimes, deduplication: deduplication, afterDeath: afterDeath)
    }

    deinit {
        for name in (try? Files.names(in: path)) ?? [] { try? Files.remove("\(path)/\(name)") }
    }

    func wait<Value: Sendable>(_ call: (@escaping @Sendable (Value) -> Void) -> Void) throws -> Value {
        let answers = thread.queue(of: Value.self)
        call { answers.put($0) }
        return try #require(answers.takeFirst())
    }

    /// Asks the owner of `id`, on its loop.
    func ask<Value: Sendable>(
        _ id: DocumentID, _ question: @escaping @Sendable (DocumentOwner, @escaping @Sendable (Value) -> Void) -> Void
    ) throws -> Value {
        try wait { answer in documents.perform(id) { question($0, answer) } }
    }

    /// A document that an earlier process had created and was waiting for.
    static func document(_ id: DocumentID) -> Document {
        Document(
            id: id, epoch: "before", name: "a.txt", contentType: nil, bytesTotal: 10, pipeline: .document,
            metadata: JSONObject(), awaitsContent: true,
            at: Moment(monotonicMilliseconds: 0, unixMilliseconds: 1000))
    }

    /// Puts it on record.
    func leave(_ id: DocumentID) throws { try leave(Self.document(id), run: nil) }

    /// Puts a document on record that an earlier process has brought so far.
    func leave(_ document: Document, run: Int64?) throws {
        let record = DocumentRecord(
            id: document.id, status: document.status, createdAtMilliseconds: 1000, ceiling: 100, outputToken: run,
            resultKey: document.resultKey,
            bytes: document.recorded(now: Moment(monotonicMilliseconds: 0, unixMilliseconds: 1000)))
        let outcome: Result<Void, RecordFailure> = try wait { ledger.insert(record, reserving: nil, then: $0) }
        try outcome.get()
    }

    /// A complete document of ten bytes whose digest is "ab12", made by `run`.
    func leaveComplete(_ id: DocumentID, run: Int64) throws {
        var document = Self.document(id)
        document.contentToken = 5
        let end = Moment(monotonicMilliseconds: 0, unixMilliseconds: 2000)
        _ = try document.apply(.uploadCompleted(bytes: 10, sha256: "ab12", contentType: "text/plain"), at: end)
        _ = try document.apply(.leased, at: end)
        document.workSettings = ""
        _ = try document.apply(.completed(units: 3, chunks: 4), at: end)
        try leave(document, run: run)
    }

    func record(_ id: DocumentID) throws -> DocumentRecord? {
        let outcome: Result<DocumentRecord?, RecordFailure> = try wait { ledger.load(id, then: $0) }
        return try outcome.get()
    }

    func isInMemory(_ id: DocumentID) throws -> Bool { try ask(id) { $1($0.live[id] != nil) } }

    /// Waits until all that was asked of the record is answered.
    func settleReads() throws {
        try thread.turns()
        _ = try record(.nobody)
        try thread.turns()
    }

    /// Waits until all that is not held back is on record, and its owner has heard of it.
    func settle() throws {
        let outcome: Result<Void, RecordFailure> = try wait { ledger.raiseCeiling(of: .nobody, to: 0, then: $0) }
        try outcome.get()
        try thread.turns()
    }

    func read(_ id: DocumentID) throws -> Result<EncodedEvent, DocumentRefusal> {
        try ask(id) { $0.read(id, then: $1) }
    }
}
