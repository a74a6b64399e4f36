import Core
import Hub
import Ledger
import LoopTesting
import System
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

    /// At work for the server before this one, which had died of it `deaths` times.
    private func atWork(deaths: Int) throws -> Document {
        var document = DocumentsFixture.document(id)
        document.contentToken = 5
        let time = Moment(monotonicMilliseconds: 0, unixMilliseconds: 2000)
        _ = try document.apply(.uploadCompleted(bytes: 10, sha256: "ab12", contentType: "text/plain"), at: time)
        _ = try document.apply(.leased, at: time)
        for _ in 0..<deaths {
            _ = try document.apply(.serverDied(notBeforeMilliseconds: nil), at: time)
            _ = try document.apply(.leased, at: time)
        }
        return document
    }

    private func recovered(deaths: Int, afterDeath: Bool) throws -> (Document, DocumentsFixture) {
        let fixture = try DocumentsFixture(afterDeath: afterDeath)
        try fixture.leave(atWork(deaths: deaths), run: 7)
        fixture.documents.recover([id])
        try fixture.settle()
        _ = try fixture.read(id).get()
        try fixture.settle()
        let document: Document? = try fixture.ask(id) { [id] in $1($0.live[id]?.document) }
        return (try #require(document), fixture)
    }

    @Test(
        "what was at work at the server's death goes on, until that happened too often in a row: then it is set aside")
    func poison() throws {
        for deaths in 0..<RetryPolicy.serverDeathsMax - 1 {
            let (document, fixture) = try recovered(deaths: deaths, afterDeath: true)
            #expect(document.status == .queued && document.serverDeaths == deaths + 1 && document.attempt == 1)
            #expect(fixture.outside.enqueued == [id])
            #expect((document.notBeforeMilliseconds == nil) == (deaths == 0), "the first goes on at once")
        }
        let (document, fixture) = try recovered(deaths: RetryPolicy.serverDeathsMax - 1, afterDeath: true)
        #expect(document.error?.code == "crashed" && document.error?.isRetryable == true)
        #expect(fixture.outside.enqueued.isEmpty)
        #expect(try fixture.record(id)?.status == .failed)
    }

    @Test("a server that ended in good order is no death: a deploy sets nothing aside")
    func goodOrder() throws {
        let (document, fixture) = try recovered(deaths: RetryPolicy.serverDeathsMax - 1, afterDeath: false)
        #expect(document.status == .queued && document.serverDeaths == RetryPolicy.serverDeathsMax - 1)
        #expect(fixture.outside.enqueued == [id])
    }

    @Test("after a death no run begins that is not on record, or that was cancelled until it was")
    func leaseOnRecord() throws {
        for isCancelled in [false, true] {
            let (_, fixture) = try recovered(deaths: 0, afterDeath: true)
            fixture.records.hold()
            let leases = fixture.thread.queue(of: Lease?.self)
            fixture.documents.perform(id) { [id] owner in
                owner.lease(id, LeaseRequest(run: 9, settings: "a")) { leases.put($0) }
            }
            try fixture.thread.turns()
            #expect(fixture.records.heldCount == 1, "the lease waits for its record")
            if isCancelled { fixture.documents.perform(id) { [id] owner in owner.cancel(id) { _ in } } }
            try fixture.thread.turns()
            fixture.records.letGo(1)
            let lease = try #require(leases.takeFirst())
            #expect((lease == nil) == isCancelled)
            if !isCancelled { #expect(try fixture.record(id)?.status == .processing) }
        }
    }
}
