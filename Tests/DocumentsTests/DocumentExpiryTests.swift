import Core
import Hub
import Testing

@testable import Documents

@Suite("What leaves when its time is over")
struct DocumentExpiryTests {
    private let id = DocumentID(unixMilliseconds: 1, random: (1, 1))

    private func fixture() throws -> DocumentsFixture {
        var lifetimes = Lifetimes()
        lifetimes.resultMilliseconds = 1000
        let fixture = try DocumentsFixture(lifetimes: lifetimes)
        try fixture.leaveComplete(id, run: 77)
        return fixture
    }

    private func file(_ fixture: DocumentsFixture) throws -> DocumentFile {
        let file: Result<DocumentFile, DocumentRefusal> = try fixture.ask(id) { [id] in
            $0.file(.result(id), then: $1)
        }
        return try file.get()
    }

    @Test("a result is removed after the record that names it no more, and the document's state stands")
    func removal() throws {
        let fixture = try fixture()
        let told = try fixture.read(id).get()
        fixture.records.hold()
        fixture.documents.perform(id) { [id] in $0.expire(id) }
        try fixture.settle()
        #expect(fixture.records.heldCount == 1 && fixture.outside.removals.isEmpty)
        #expect(try file(fixture).isReady, "until then a crash would find it")

        fixture.records.letGo(1)
        try fixture.settle()
        #expect(fixture.outside.removals == [.output(77)])
        let gone = try file(fixture)
        #expect(gone.isRemoved && !gone.isReady)
        let record = try #require(try fixture.record(id))
        #expect(record.outputToken == nil && record.resultKey == nil && record.dueMilliseconds == nil)
        let restored = try #require(Document(record))
        #expect(restored.position == told.position && restored.updatedAtMilliseconds == 2000)
        #expect(try fixture.read(id).get().json == told.json)
    }

    @Test("a look takes a document into memory for no longer than it lasts; whoever was there stays")
    func memory() throws {
        let fixture = try fixture()
        fixture.documents.perform(id) { [id] in $0.expire(id) }
        try fixture.settleReads()
        try fixture.settle()
        #expect(fixture.outside.removals == [.output(77)])
        #expect(try !fixture.isInMemory(id))

        _ = try fixture.read(id).get()
        fixture.documents.perform(id) { [id] in $0.expire(id) }
        try fixture.settle()
        #expect(try fixture.isInMemory(id))
    }
}
