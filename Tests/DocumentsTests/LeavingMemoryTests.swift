import Core
import Hub
import Testing

@testable import Documents

@Suite("Documents that leave memory")
struct LeavingMemoryTests {
    private let id = DocumentID(unixMilliseconds: 1, random: (1, 1))

    /// Its last record is on its way to the disk; meanwhile a request comes, brings not one byte, and goes before its
    /// own record is made. Nothing of that is seen from outside.
    @Test("one of which a newer record is under way stays, so that nobody finds the older one")
    func newerRecord() throws {
        let fixture = try DocumentsFixture()
        try fixture.leave(id)
        _ = try fixture.read(id).get()
        fixture.records.hold()
        let id = id

        let _: Bool = try fixture.ask(id) { owner, answer in
            if let document = owner.live[id] { owner.leaveMemory(document) }
            answer(true)
        }
        let grant: Result<UploadGrant, DocumentRefusal> = try fixture.ask(id) {
            $0.takeUpload(id, evict: { _ in }, then: $1)
        }
        let permit = try grant.get().permit
        let _: Bool = try fixture.ask(id) { owner, answer in
            owner.continueUpload(permit, token: 7, length: nil)
            owner.acknowledge(permit, offset: 0) { _ in }
            owner.releaseUpload(permit, written: 0)
            answer(true)
        }
        #expect(fixture.records.heldCount == 2)

        fixture.records.letGo(1)
        try fixture.settle()
        #expect(try fixture.isInMemory(id))
        let token: Int64? = try fixture.ask(id) { owner, answer in
            owner.find(id) { answer((try? $0.get())?.document.upload.token) }
        }
        #expect(token == 7)

        fixture.records.letGo(1)
        try fixture.settle()
        #expect(try fixture.record(id).flatMap { Document($0) }?.upload.token == 7)
    }

    @Test("of those that nobody uses so many stay: the first that came leave, and are found on record")
    func many() throws {
        let fixture = try DocumentsFixture()
        let count = DocumentOwner.waitingMax + 40
        let ids = (0..<count).map { DocumentID(unixMilliseconds: 1, random: (UInt64($0), 1)) }
        for id in ids {
            let told: Result<EncodedEvent, DocumentRefusal> = try fixture.ask(id) {
                $0.create(DocumentsFixture.document(id), then: $1)
            }
            _ = try told.get()
        }
        try fixture.settle()
        try fixture.settle()
        let inMemory: Int = try fixture.ask(ids[0]) { owner, answer in answer(owner.live.count) }
        #expect(inMemory <= DocumentOwner.waitingMax)
        #expect(try fixture.isInMemory(ids[count - 1]))
        #expect(try !fixture.isInMemory(ids[0]))
        #expect(try fixture.read(ids[0]).get().status == .uploading)
    }

    @Test("one whose bytes somebody brings stays, however many come after it")
    func inUse() throws {
        let fixture = try DocumentsFixture()
        try fixture.leave(id)
        let id = id
        let grant: Result<UploadGrant, DocumentRefusal> = try fixture.ask(id) {
            $0.takeUpload(id, evict: { _ in }, then: $1)
        }
        for number in 0...UInt64(DocumentOwner.waitingMax) {
            let other = DocumentID(unixMilliseconds: 1, random: (number, 2))
            let _: Result<EncodedEvent, DocumentRefusal> = try fixture.ask(other) {
                $0.create(DocumentsFixture.document(other), then: $1)
            }
        }
        try fixture.settle()
        #expect(try fixture.isInMemory(id))
        let permit = try grant.get().permit
        let _: Bool = try fixture.ask(id) { owner, answer in
            owner.releaseUpload(permit, written: 0)
            answer(true)
        }
    }

    @Test("one that nobody uses leaves when its record is made, and is found again")
    func unused() throws {
        let fixture = try DocumentsFixture()
        try fixture.leave(id)
        let told = try fixture.read(id).get()
        let id = id
        let _: Bool = try fixture.ask(id) { owner, answer in
            if let document = owner.live[id] { owner.leaveMemory(document) }
            answer(true)
        }
        try fixture.settle()
        #expect(try !fixture.isInMemory(id))
        #expect(try fixture.read(id).get().position.offset >= told.position.offset)
    }
}
