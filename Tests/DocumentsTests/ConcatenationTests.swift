import Core
import Hub
import System
import Testing

@testable import Documents

@Suite("Parts and the documents that wait for them")
struct ConcatenationTests {
    private let part = DocumentID(unixMilliseconds: 1, random: (1, 1))
    private let final = DocumentID(unixMilliseconds: 1, random: (2, 1))

    /// A part whose time was over long ago, and a document that waits for it since `since`.
    private func fixture(since milliseconds: Int64) throws -> DocumentsFixture {
        let fixture = try DocumentsFixture()
        var piece = DocumentsFixture.document(part)
        piece.upload = ResumableUpload(form: .part)
        _ = try piece.becomeAwaited(by: final)
        try fixture.leave(piece, run: nil)
        var whole = DocumentsFixture.document(final)
        whole.upload = ResumableUpload(form: .concatenation([part]))
        whole.keepUpload(since: milliseconds)
        try fixture.leave(whole, run: nil)
        return fixture
    }

    private func expire(_ id: DocumentID, _ fixture: DocumentsFixture) throws {
        fixture.documents.perform(id) { $0.expire(id) }
        for _ in 0..<3 {
            try fixture.settleReads()
            try fixture.settle()
        }
    }

    private func state(_ id: DocumentID, _ fixture: DocumentsFixture) throws -> Document? {
        try fixture.ask(id) { owner, answer in owner.find(id) { answer((try? $0.get())?.document) } }
    }

    @Test("a part that is waited for has the time of what waits for it, and goes when that has ended")
    func expiry() throws {
        let now = Clock.unixMilliseconds
        let fixture = try fixture(since: now)
        try expire(part, fixture)
        #expect(try state(part, fixture)?.updatedAtMilliseconds == now)
        let record = try #require(try fixture.record(part))
        #expect(record.dueMilliseconds == now + Lifetimes().uploadMilliseconds)

        _ = try fixture.ask(final) { [final] in $0.cancel(final, then: $1) } as Result<EncodedEvent, DocumentRefusal>
        // Its time is not over yet: that its document has ended shortens it not.
        try expire(part, fixture)
        #expect(try state(part, fixture)?.status == .uploading)
    }

    @Test("a part goes at its own time when what waited for it has ended or is gone")
    func ended() throws {
        let fixture = try fixture(since: Clock.unixMilliseconds)
        let refusal: DocumentRefusal? = try fixture.ask(final) { [final] in $0.delete(final, then: $1) }
        #expect(refusal == nil)
        try expire(part, fixture)
        #expect(try fixture.record(part) == nil)
    }

    @Test("where the time of both is over the document expires first, whichever is looked at first, then its parts go")
    func order() throws {
        let fixture = try fixture(since: 2000)
        try expire(part, fixture)
        #expect(try state(part, fixture)?.status == .uploading)
        try expire(final, fixture)
        let expired = try #require(try state(final, fixture))
        #expect(expired.status == .failed && expired.error?.code == "upload_expired")
        try expire(part, fixture)
        #expect(try fixture.record(part) == nil)
    }

    @Test("bytes that come to a part keep what waits for it, on record")
    func growth() throws {
        let fixture = try fixture(since: 2000)
        let before = Clock.unixMilliseconds
        let part = part
        let grant: Result<UploadGrant, DocumentRefusal> = try fixture.ask(part) {
            $0.takeUpload(part, evict: { _ in }, then: $1)
        }
        let permit = try grant.get().permit
        let _: Bool = try fixture.ask(part) { owner, answer in
            owner.continueUpload(permit, token: 7, length: nil)
            owner.uploadProgressed(permit, received: 3)
            owner.releaseUpload(permit, written: 3)
            answer(true)
        }
        try fixture.settleReads()
        try fixture.settle()
        #expect(try #require(try state(final, fixture)).updatedAtMilliseconds >= before)
        let record = try #require(try fixture.record(final))
        #expect(try #require(record.dueMilliseconds) >= before + Lifetimes().uploadMilliseconds)
    }

    @Test("what waits for a part that goes fails, whether it was in memory or not", arguments: [true, false])
    func loss(isInMemory: Bool) throws {
        let fixture = try fixture(since: Clock.unixMilliseconds)
        if isInMemory { _ = try fixture.read(final).get() }
        let refusal: DocumentRefusal? = try fixture.ask(part) { [part] in $0.delete(part, then: $1) }
        #expect(refusal == nil)
        try fixture.settleReads()
        try fixture.settle()
        let lost = try #require(try state(final, fixture))
        #expect(lost.status == .failed && lost.error?.code == "parts_gone")
    }

    @Test("neither takes its bytes in one request")
    func content() throws {
        let fixture = try fixture(since: Clock.unixMilliseconds)
        for (id, conflict) in [(part, DocumentConflict.isPart), (final, .isConcatenation)] {
            let target: Result<UploadTarget, DocumentRefusal> = try fixture.ask(id) { $0.uploadTarget(id, then: $1) }
            #expect(throws: DocumentRefusal.conflict(conflict)) { try target.get() }
            let permit: Result<UploadPermit, DocumentRefusal> = try fixture.ask(id) {
                $0.beginUpload(id, total: 5, contentType: nil, evict: { _ in }, then: $1)
            }
            #expect(throws: DocumentRefusal.conflict(conflict)) { try permit.get() }
        }
    }
}
