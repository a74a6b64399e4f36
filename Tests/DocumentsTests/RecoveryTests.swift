import Core
import Hub
import JSON
import Ledger
import Loop
import LoopTesting
import System
import Testing

@testable import Documents

/// Nobody's bytes and nobody's work: what is under test is what is on record and in memory.
private struct Nothing: DocumentBytes, WorkQueue {
    func removeContent(of id: DocumentID, token: Int64?) {}
    func makeContentDurable(
        of id: DocumentID, token: Int64, bytes: Int64, then completion: @escaping @Sendable (RecordFailure?) -> Void
    ) { completion(nil) }
    func removeOutput(of id: DocumentID, token: Int64) {}
    func enqueue(_ id: DocumentID, _ ticket: WorkTicket) {}
    func withdraw(_ id: DocumentID) {}
    func position(of id: DocumentID) -> Int? { nil }
}

@Suite("What a start takes up while requests are served")
struct RecoveryTests {
    private final class Fixture {
        let thread: LoopThread
        let documents: Documents
        let ledger: Ledger
        private let path = "/tmp/headway-documents-\(Randomness.integer())"

        init() throws {
            thread = try LoopThread()
            try Files.makeDirectories(path)
            ledger = try Ledger(path: "\(path)/record.sqlite")
            documents = Documents(
                loops: [thread.loop], hub: Hub(loops: [thread.loop]), records: ledger, bytes: Nothing(),
                queue: Nothing(), epoch: "now")
        }

        deinit {
            for name in (try? Files.names(in: path)) ?? [] { try? Files.remove("\(path)/\(name)") }
        }

        func wait<Value: Sendable>(_ call: (@escaping @Sendable (Value) -> Void) -> Void) throws -> Value {
            let answers = thread.queue(of: Value.self)
            call { answers.put($0) }
            return try #require(answers.takeFirst())
        }

        /// Puts a document on record that an earlier process had created and was waiting for.
        func leave(_ id: DocumentID) throws {
            let document = Document(
                id: id, epoch: "before", name: "a.txt", contentType: nil, bytesTotal: 10, pipeline: .document,
                metadata: JSONObject(), awaitsContent: true,
                at: Moment(monotonicMilliseconds: 0, unixMilliseconds: 1000))
            let record = DocumentRecord(
                id: id, status: .uploading, createdAtMilliseconds: 1000, ceiling: 0, outputToken: nil,
                bytes: document.recorded(now: Moment(monotonicMilliseconds: 0, unixMilliseconds: 1000)))
            let outcome: Result<Void, RecordFailure> = try wait { ledger.insert(record, reserving: nil, then: $0) }
            try outcome.get()
        }

        func read(_ id: DocumentID) throws -> Result<EncodedEvent, DocumentRefusal> {
            try wait { answer in documents.perform(id) { $0.read(id, then: answer) } }
        }
    }

    private let id = DocumentID(unixMilliseconds: 1, random: (1, 1))

    @Test("a document of an earlier process goes on under the epoch of this one")
    func goesOn() throws {
        let fixture = try Fixture()
        try fixture.leave(id)
        fixture.documents.recover([id])
        #expect(try fixture.read(id).get().position.epoch == "now")
    }

    @Test("a document that was deleted meanwhile does not come back with what had been read of it before")
    func deletedMeanwhile() throws {
        let fixture = try Fixture()
        try fixture.leave(id)
        let page: Result<RecordPage, RecordFailure> = try fixture.wait {
            fixture.ledger.unfinished(after: nil, limit: 10, then: $0)
        }
        let found = try page.get().records.map(\.id)
        #expect(found == [id])
        let refusal: DocumentRefusal? = try fixture.wait { answer in
            fixture.documents.perform(id) { [id] in $0.delete(id, then: answer) }
        }
        #expect(refusal == nil)
        fixture.documents.recover(found)
        #expect(throws: DocumentRefusal.notFound) { try fixture.read(id).get() }
    }
}
