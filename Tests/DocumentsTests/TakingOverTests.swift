import Core
import Hub
import LoopTesting
import System
import Testing

@testable import Documents

@Suite("Uploads of bytes that were processed before")
struct TakingOverTests {
    private typealias Told = Result<EncodedEvent, DocumentRefusal>

    private static let earlier = DocumentID(unixMilliseconds: 1, random: (1, 1))
    private static let later = DocumentID(unixMilliseconds: 2, random: (2, 2))
    private static let content = UploadedContent(token: 6, bytes: 10, sha256: "ab12")

    private static var on: Deduplication {
        var deduplication = Deduplication()
        deduplication.isOn = true
        return deduplication
    }

    private func fixture(_ deduplication: Deduplication = on) throws -> DocumentsFixture {
        let fixture = try DocumentsFixture(deduplication: deduplication)
        try fixture.leaveComplete(Self.earlier, run: 77)
        try fixture.leave(Self.later)
        return fixture
    }

    private func permit(_ fixture: DocumentsFixture) throws -> UploadPermit {
        let permit: Result<UploadPermit, DocumentRefusal> = try fixture.ask(Self.later) {
            $0.beginUpload(Self.later, total: 10, contentType: "text/plain", evict: { _ in }, then: $1)
        }
        return try permit.get()
    }

    /// Says that the bytes have come, and returns once their like has been looked for; the answer comes later.
    private func complete(_ fixture: DocumentsFixture, _ permit: UploadPermit, _ content: UploadedContent = content)
        throws -> () throws -> Told
    {
        let answers = fixture.thread.queue(of: Told.self)
        fixture.documents.perform(Self.later) {
            $0.uploadCompleted(permit, content, contentType: "text/plain") { answers.put($0) }
        }
        try fixture.thread.turns()
        // The reader answers in order.
        _ = try fixture.record(Self.earlier)
        try fixture.thread.turns()
        return { try #require(answers.takeFirst()) }
    }

    @Test("they are complete with the same result, under names of their own, and keep no second copy")
    func takesOver() throws {
        let fixture = try fixture()
        let answer = try complete(fixture, try permit(fixture))
        let target = try #require(fixture.outside.targets.first)
        #expect(target.document == Self.later && fixture.outside.removals.isEmpty)
        fixture.outside.share(.outputAndContent)
        #expect(try answer().get().status == .complete)
        let record = try #require(try fixture.record(Self.later))
        #expect(record.status == .complete && record.outputToken == target.run)
        let document = try #require(Document(record))
        #expect(document.contentToken == target.contentToken && document.message == Deduplication.message)
        #expect(record.resultKey == (try fixture.record(Self.earlier))?.resultKey)
        #expect(fixture.outside.removals == [.content(Self.content.token)] && fixture.outside.enqueued.isEmpty)
    }

    @Test("where the bytes themselves cannot be shared they keep their own")
    func ownContent() throws {
        let fixture = try fixture()
        let answer = try complete(fixture, try permit(fixture))
        fixture.outside.share(.output)
        #expect(try answer().get().status == .complete)
        #expect(try fixture.record(Self.later).flatMap { Document($0) }?.contentToken == Self.content.token)
        #expect(fixture.outside.removals.isEmpty)
    }

    @Test("where the files are gone they are worked on")
    func filesGone() throws {
        let fixture = try fixture()
        let answer = try complete(fixture, try permit(fixture))
        fixture.outside.share(.nothing)
        #expect(try answer().get().status == .queued)
        #expect(fixture.outside.enqueued == [Self.later])
    }

    @Test("whoever loses the right meanwhile is refused, and its names are removed", arguments: [true, false])
    func superseded(isCancelled: Bool) throws {
        let fixture = try fixture()
        let answer = try complete(fixture, try permit(fixture))
        if isCancelled {
            let _: Told = try fixture.ask(Self.later) { $0.cancel(Self.later, then: $1) }
        } else {
            _ = try permit(fixture)
        }
        fixture.outside.share(.outputAndContent)
        let conflict: DocumentConflict = isCancelled ? .alreadyTerminal(.cancelled) : .superseded
        #expect(throws: DocumentRefusal.conflict(conflict)) { try answer().get() }
        let target = try #require(fixture.outside.targets.first)
        #expect(fixture.outside.removals == [.content(target.contentToken), .output(target.run)])
        #expect(try fixture.record(Self.later)?.outputToken == nil)
    }

    @Test("nothing is looked for without the option, or without a digest", arguments: [true, false])
    func notLookedFor(isOn: Bool) throws {
        let fixture = try fixture(isOn ? Self.on : Deduplication())
        var content = Self.content
        if isOn { content.sha256 = nil }
        let answer = try complete(fixture, try permit(fixture), content)
        #expect(try answer().get().status == .queued)
        #expect(fixture.outside.targets.isEmpty)
    }
}
