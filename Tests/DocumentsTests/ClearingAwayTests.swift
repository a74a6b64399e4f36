import Core
import Hub
import Ledger
import Testing

@testable import Documents

@Suite("Files of runs, cleared away")
struct ClearingAwayTests {
    private let id = DocumentID(unixMilliseconds: 1, random: (2, 2))

    private static func point(_ run: Int64) -> Checkpoint {
        Checkpoint(run: run, units: 3, textBytes: 30, resultBytes: 9, chunks: 1, settings: "a")
    }

    /// A document with a run under way whose checkpoint is on record.
    private func underWay(_ fixture: DocumentsFixture) throws -> Int64 {
        var document = DocumentsFixture.document(id)
        let time = Moment(monotonicMilliseconds: 0, unixMilliseconds: 2000)
        _ = try document.apply(.uploadCompleted(bytes: 10, sha256: nil, contentType: "text/plain"), at: time)
        try fixture.leave(document, run: nil)
        fixture.documents.recover([id])
        _ = try fixture.read(id).get()
        let lease: Lease? = try fixture.ask(id) { [id] owner, answer in
            owner.lease(id, LeaseRequest(run: 1, settings: "a"), then: answer)
        }
        let run = try #require(lease).run
        let _: Bool = try fixture.ask(id) { [id] owner, answer in
            owner.checkpointed(id, Self.point(run))
            answer(true)
        }
        try fixture.settle()
        return run
    }

    /// The run says that it is over, having been given up.
    private func end(_ run: Int64, _ fixture: DocumentsFixture) throws {
        let _: Bool = try fixture.ask(id) { [id] owner, answer in
            owner.finished(id, run: run, .failed(DocumentError(.crashed, "The run was given up.")))
            answer(true)
        }
    }

    @Test("what the record says is gone on from stays until the record says that the document is cancelled")
    func cancelled() throws {
        let fixture = try DocumentsFixture()
        let run = try underWay(fixture)
        fixture.records.hold()
        fixture.documents.perform(id) { [id] in $0.cancel(id) { _ in } }
        try end(run, fixture)
        #expect(fixture.records.heldCount == 1)
        #expect(fixture.outside.removals == [])
        fixture.records.letGo(1)
        try fixture.settle()
        #expect(fixture.outside.removals == [.output(run)])
    }

    @Test("a run that ends while its document is being deleted leaves no file behind")
    func deleted() throws {
        let fixture = try DocumentsFixture()
        let run = try underWay(fixture)
        let refusal: DocumentRefusal? = try fixture.ask(id) { [id] in $0.delete(id, then: $1) }
        #expect(refusal == nil)
        try end(run, fixture)
        #expect(fixture.outside.removals.contains(.output(run)))
    }

    @Test("files that cannot be gone on from stay until the record does not name them")
    func otherSettings() throws {
        let fixture = try DocumentsFixture()
        let run = try underWay(fixture)
        fixture.records.hold()
        let _: Bool = try fixture.ask(id) { [id] owner, answer in
            owner.checkpointFailed(id, run: run)
            owner.giveBack(id, run: run)
            answer(true)
        }
        fixture.records.letGo(1)
        try fixture.settle()
        #expect(fixture.outside.removals == [.output(run)])
    }
}
