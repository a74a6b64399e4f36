import Core
import Synchronization
import Testing

@testable import Ledger
@testable import System

@Suite("The durable record")
struct LedgerTests {
    /// A ledger in a directory of its own, and its calls as plain functions that wait.
    final class Fixture {
        let ledger: Ledger
        let path: String

        init(at existing: String? = nil) throws {
            path = existing ?? "/tmp/headway-ledger-\(Randomness.integer())"
            try Files.makeDirectories(path)
            ledger = try Ledger(path: "\(path)/record.sqlite")
        }

        deinit {
            for name in (try? Files.names(in: path)) ?? [] { try? Files.remove("\(path)/\(name)") }
        }

        func wait<Value: Sendable>(_ call: (@escaping @Sendable (Result<Value, RecordFailure>) -> Void) -> Void) throws
            -> Value
        {
            let answers = BlockingQueue<Result<Value, RecordFailure>>()
            call { answers.put($0) }
            return try #require(answers.takeFirst()).get()
        }
    }

    static func record(_ number: Int, _ status: DocumentStatus = .queued) -> DocumentRecord {
        DocumentRecord(
            id: DocumentID(unixMilliseconds: Int64(number), random: (UInt64(number), UInt64(number))), status: status,
            createdAtMilliseconds: Int64(number), ceiling: 1, outputToken: nil, bytes: Array("{\"n\":\(number)}".utf8))
    }

    @Test("what was inserted is loaded again, and an id is taken once")
    func insertOnce() throws {
        let fixture = try Fixture()
        let record = Self.record(1)
        try fixture.wait { fixture.ledger.insert(record, then: $0) }
        #expect(try fixture.wait { fixture.ledger.load(record.id, then: $0) } == record)
        #expect(throws: RecordFailure.alreadyThere) { try fixture.wait { fixture.ledger.insert(record, then: $0) } }
    }

    @Test("a result is found under its key, the newest of several, as long as its record says so")
    func results() throws {
        let fixture = try Fixture()
        let ledger = fixture.ledger
        var records = (1...3).map { Self.record($0, .complete) }
        for index in 0..<2 { records[index].resultKey = "k" }
        for record in records { try fixture.wait { ledger.insert(record, then: $0) } }
        #expect(try fixture.wait { ledger.withResult("k", then: $0) } == records[1])
        #expect(try fixture.wait { ledger.withResult("", then: $0) } == nil)
        var gone = records[1]
        gone.resultKey = nil
        try fixture.wait { ledger.update(gone, then: $0) }
        #expect(try fixture.wait { ledger.withResult("k", then: $0) } == records[0])
        try fixture.wait { ledger.remove(records[0].id, then: $0) }
        #expect(try fixture.wait { ledger.withResult("k", then: $0) } == nil)
        #expect(try fixture.wait { ledger.load(gone.id, then: $0) } == gone)
    }

    @Test("a record of the first form is taken up with all that it holds")
    func firstForm() throws {
        let path = "/tmp/headway-ledger-\(Randomness.integer())"
        try Files.makeDirectories(path)
        var record = Self.record(1, .complete)
        do {
            let database = try Database(path: "\(path)/record.sqlite")
            try database.run(
                """
                CREATE TABLE documents (
                    sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, status TEXT NOT NULL,
                    created_ms INTEGER NOT NULL, ceiling REAL NOT NULL, output_token INTEGER, record TEXT NOT NULL
                );
                INSERT INTO documents (id, status, created_ms, ceiling, record)
                    VALUES ('\(record.id)', 'complete', 1, 1, '{"n":1}')
                """)
        }
        let fixture = try Fixture(at: path)
        #expect(try fixture.wait { fixture.ledger.load(record.id, then: $0) } == record)
        record.resultKey = "k"
        try fixture.wait { [record] in fixture.ledger.update(record, then: $0) }
        #expect(try fixture.wait { fixture.ledger.withResult("k", then: $0) } == record)
    }

    @Test("what is remembered is recalled, also by the next process, until something else takes its place")
    func facts() throws {
        let fixture = try Fixture()
        let ledger = fixture.ledger
        #expect(try fixture.wait { ledger.recall("rates", then: $0) } == nil)
        try fixture.wait { ledger.remember("rates", Array("{\"old\":1}".utf8), then: $0) }
        // Any bytes: no text, a NUL, nothing at all.
        for value in [[0xff, 0x00, 0xfe], [], Array("{}".utf8)] as [[UInt8]] {
            try fixture.wait { ledger.remember("rates", value, then: $0) }
            #expect(try fixture.wait { ledger.recall("rates", then: $0) } == value)
            let next = try Ledger(path: "\(fixture.path)/record.sqlite")
            #expect(try fixture.wait { next.recall("rates", then: $0) } == value)
        }
        #expect(try fixture.wait { ledger.recall("paused", then: $0) } == nil)
    }

    @Test("a key goes in with its document, and only while it names what it did")
    func keys() throws {
        let fixture = try Fixture()
        let ledger = fixture.ledger
        let records = (1...4).map { Self.record($0) }
        let first = KeyReservation(key: " k", replacing: nil)
        #expect(try fixture.wait { ledger.document(underKey: " k", then: $0) } == nil)
        try fixture.wait { ledger.insert(records[0], reserving: first, then: $0) }
        let named = try fixture.wait { ledger.document(underKey: " k", then: $0) }
        #expect(named == KeyedDocument(document: records[0].id, createdAtMilliseconds: 1))
        // Whoever looked before it was taken comes too late, and leaves no document.
        #expect(throws: RecordFailure.keyTaken) {
            try fixture.wait { ledger.insert(records[1], reserving: first, then: $0) }
        }
        #expect(try fixture.wait { ledger.load(records[1].id, then: $0) } == nil)
        let next = KeyReservation(key: " k", replacing: records[0].id)
        try fixture.wait { ledger.insert(records[2], reserving: next, then: $0) }
        #expect(try fixture.wait { ledger.document(underKey: " k", then: $0) }?.document == records[2].id)
        // An id that is taken takes no key.
        let other = KeyReservation(key: " other", replacing: nil)
        #expect(throws: RecordFailure.alreadyThere) {
            try fixture.wait { ledger.insert(records[0], reserving: other, then: $0) }
        }
        #expect(try fixture.wait { ledger.document(underKey: " other", then: $0) } == nil)
    }

    @Test("old keys are forgotten, the oldest first and no more at once than asked for")
    func oldKeys() throws {
        let fixture = try Fixture()
        let ledger = fixture.ledger
        for number in 1...5 {
            let reservation = KeyReservation(key: " \(number)", replacing: nil)
            try fixture.wait { ledger.insert(Self.record(number), reserving: reservation, then: $0) }
        }
        try fixture.wait { ledger.forgetKeys(through: 4, limit: 3, then: $0) }
        let left = try (1...5).filter { number in
            try fixture.wait { ledger.document(underKey: " \(number)", then: $0) } != nil
        }
        #expect(left == [4, 5])
        try fixture.wait { ledger.forgetKeys(through: 4, limit: 3, then: $0) }
        #expect(try fixture.wait { ledger.document(underKey: " 4", then: $0) } == nil)
        #expect(try fixture.wait { ledger.document(underKey: " 5", then: $0) } != nil)
    }

    @Test("a page of a list ends at its bytes as well, and the next one goes on behind it")
    func listBytes() throws {
        let fixture = try Fixture()
        let records = (1...20).map { number in
            var record = Self.record(number)
            record.bytes = Array("{\"n\":\"\(String(repeating: "x", count: 1 << 19))\"}".utf8)
            return record
        }
        for record in records { try fixture.wait { fixture.ledger.insert(record, then: $0) } }
        var found: [DocumentID] = []
        var position: ListPosition?
        var pages = 0
        repeat {
            let page = try fixture.wait { fixture.ledger.list(status: nil, after: position, limit: 500, then: $0) }
            #expect(page.records.reduce(0) { $0 + $1.bytes.count } < Ledger.listBytesMax + 1 << 20)
            found += page.records.map(\.id)
            position = page.next
            pages += 1
        } while position != nil
        #expect(found == records.map(\.id).reversed())
        #expect(pages == 3)
    }

    @Test("the files that the record names are told, a result only where it is the document's")
    func keptBytes() throws {
        let fixture = try Fixture()
        var records = [DocumentStatus.uploading, .complete, .cancelled, .queued].enumerated().map {
            Self.record($0 + 1, $1)
        }
        records[1].bytes = Array(#"{"record":{"content":7000000000000000001}}"#.utf8)
        records[1].outputToken = 9
        records[2].outputToken = 10
        records[3].bytes = Array("{torn".utf8)
        for record in records { try fixture.wait { fixture.ledger.insert(record, then: $0) } }
        let kept = try fixture.wait { fixture.ledger.keptBytes(then: $0) }
        #expect(kept[records[0].id] == KeptBytes(content: nil, output: nil))
        #expect(kept[records[1].id] == KeptBytes(content: 7_000_000_000_000_000_001, output: 9))
        #expect(kept[records[2].id] == KeptBytes(content: nil, output: nil))
        #expect(kept[records[3].id]?.isUnknown == true)
    }

    @Test("a ceiling only rises, whatever order it is written in")
    func ceiling() throws {
        let fixture = try Fixture()
        var record = Self.record(1)
        try fixture.wait { fixture.ledger.insert(record, then: $0) }
        try fixture.wait { fixture.ledger.raiseCeiling(of: record.id, to: 40, then: $0) }
        record.ceiling = 12
        try fixture.wait { fixture.ledger.update(record, then: $0) }
        #expect(try fixture.wait { fixture.ledger.load(record.id, then: $0) }?.ceiling == 40)
    }

    @Test("pages of a list, newest first, meet every document once")
    func pages() throws {
        let fixture = try Fixture()
        for number in 1...25 { try fixture.wait { fixture.ledger.insert(Self.record(number), then: $0) } }
        var seen: [Int64] = []
        var position: ListPosition?
        repeat {
            let page = try fixture.wait { fixture.ledger.list(status: nil, after: position, limit: 10, then: $0) }
            #expect(page.records.count <= 10)
            seen += page.records.map(\.createdAtMilliseconds)
            position = page.next
        } while position != nil
        #expect(seen == (1...25).reversed().map(Int64.init))
    }

    @Test("documents of one millisecond are listed in the order they came, and a deletion moves none")
    func sameMillisecond() throws {
        let fixture = try Fixture()
        let records = [5, 2, 9, 1, 7, 3].map { number in
            var record = Self.record(number)
            record.createdAtMilliseconds = 1
            return record
        }
        for record in records { try fixture.wait { fixture.ledger.insert(record, then: $0) } }
        let first = try fixture.wait { fixture.ledger.list(status: nil, after: nil, limit: 3, then: $0) }
        #expect(first.records == [records[5], records[4], records[3]])
        try fixture.wait { fixture.ledger.remove(records[3].id, then: $0) }
        let second = try fixture.wait { fixture.ledger.list(status: nil, after: first.next, limit: 3, then: $0) }
        #expect(second == RecordPage(records: [records[2], records[1], records[0]], next: nil))
    }

    @Test("only documents that are not finished are taken up again, oldest first")
    func unfinished() throws {
        let fixture = try Fixture()
        let states: [DocumentStatus] = [.complete, .processing, .failed, .queued, .cancelled, .uploading]
        for (number, status) in states.enumerated() {
            try fixture.wait { fixture.ledger.insert(Self.record(number + 1, status), then: $0) }
        }
        let found = try fixture.wait { fixture.ledger.unfinished(after: nil, limit: 500, then: $0) }
        #expect(found.records.map(\.status) == [.processing, .queued, .uploading])
        #expect(found.next == nil)
        let first = try fixture.wait { fixture.ledger.unfinished(after: nil, limit: 2, then: $0) }
        #expect(first.records.map(\.status) == [.processing, .queued])
        let second = try fixture.wait { fixture.ledger.unfinished(after: first.next, limit: 2, then: $0) }
        #expect(second.records.map(\.status) == [.uploading])
    }

    @Test("a piece of a later document is on no list")
    func parts() throws {
        let fixture = try Fixture()
        var part = Self.record(1, .uploading)
        part.isPart = true
        try fixture.wait { fixture.ledger.insert(part, then: $0) }
        #expect(try fixture.wait { fixture.ledger.list(status: nil, after: nil, limit: 3, then: $0) }.records == [])
        #expect(try fixture.wait { fixture.ledger.load(part.id, then: $0) } == part)
    }

    @Test("what is due comes when its time has come, the most overdue first")
    func due() throws {
        let fixture = try Fixture()
        for number in 1...4 {
            var record = Self.record(number)
            record.dueMilliseconds = number == 4 ? nil : Int64(100 - number)
            try fixture.wait { fixture.ledger.insert(record, then: $0) }
        }
        #expect(
            try fixture.wait { fixture.ledger.due(before: 98, limit: 9, then: $0) }
                == [3, 2].map { Self.record($0).id })
        #expect(try fixture.wait { fixture.ledger.due(before: 99, limit: 1, then: $0) } == [Self.record(3).id])
    }

    @Test("a removed document stays removed when a late update comes")
    func lateUpdate() throws {
        let fixture = try Fixture()
        let record = Self.record(1)
        try fixture.wait { fixture.ledger.insert(record, then: $0) }
        try fixture.wait { fixture.ledger.remove(record.id, then: $0) }
        try fixture.wait { fixture.ledger.update(record, then: $0) }
        #expect(try fixture.wait { fixture.ledger.load(record.id, then: $0) } == nil)
    }
}
