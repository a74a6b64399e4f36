import Core
import Hub
import Ledger
import Testing

@testable import Documents

@Suite("What a start takes up while requests are served")
struct RecoveryTests {
    private let id = DocumentID(unixMilliseconds: 1, random: (1, 1))

    @Test("a document of an earlier process goes on under the epoch of this one")
    func goesOn() throws {
        let fixture = try DocumentsFixture()
        try fixture.leave(id)
        fixture.documents.recover([id])
        #expect(try fixture.read(id).get().position.epoch == "now")
    }

    @Test("a document that was deleted meanwhile does not come back with what had been read of it before")
    func deletedMeanwhile() throws {
        let fixture = try DocumentsFixture()
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

    @Test("an upload's file is cut to what counts where nobody goes on with it, and not under who does")
    func cutBack() throws {
        let fixture = try DocumentsFixture()
        var document = DocumentsFixture.document(id)
        document.upload.token = 7
        document.upload.synced(5)
        try fixture.leave(document, run: nil)
        let id = id
        fixture.documents.perform(id) { $0.cutBack(id) }
        try fixture.settleReads()
        #expect(fixture.outside.cuts == [5])

        let grant: Result<UploadGrant, DocumentRefusal> = try fixture.ask(id) {
            $0.takeUpload(id, evict: { _ in Issue.record("nobody is ended for it") }, then: $1)
        }
        #expect(try grant.get().upload.writtenBytes == 5)
        fixture.documents.perform(id) { $0.cutBack(id) }
        try fixture.settleReads()
        #expect(fixture.outside.cuts == [5])
    }
}
