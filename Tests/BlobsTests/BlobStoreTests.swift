import Core
import Loop
import LoopTesting
import Synchronization
import System
import Testing

@testable import Blobs

@Suite("Where bytes lie")
struct BlobStoreTests {
    @Test("a start keeps what records name, removes the rest of what is ours, and says which uploads are short or long")
    func sweep() throws {
        let fixture = try BlobFixture()
        let store = fixture.store
        let ids = (0..<7).map { DocumentID.number($0) }
        // A document and its result, with an upload and a run that lost their right.
        try fixture.put(pattern(10), ids[0], token: 0x1f)
        try fixture.put(pattern(10), ids[0], token: 0x20)
        for run in [Int64(3), 4] {
            try fixture.write(pattern(5), to: store.resultPath(ids[0], run: run))
            try fixture.write(pattern(5), to: store.textPath(ids[0], run: run))
            try Files.makeDirectories(store.stagesPath(ids[0], run: run) + "/0/inner")
            try fixture.write(pattern(5), to: store.stagesPath(ids[0], run: run) + "/0/made")
        }
        // Uploads that go on: one has more than its record, one has just that, one is short, one is gone.
        try fixture.put(pattern(90), ids[1], token: 1)
        try fixture.put(pattern(50), ids[2], token: 2)
        try fixture.put(pattern(49), ids[3], token: 3)
        // A record that cannot be read, and one that is gone.
        try fixture.put(pattern(1), ids[5], token: 77)
        try fixture.put(pattern(1), ids[6], token: 88)
        // What is not ours.
        for name in ["notes.txt", "\(ids[6]).zz", "\(ids[6]).1.2.3", ".hidden"] {
            try fixture.write(pattern(1), to: store.contentDirectory + "/" + name)
        }
        let leftovers = try store.leftovers()
        // Begun since: no business of the sweep.
        try fixture.put(pattern(1), ids[6], token: 89)
        let outcome = try store.sweep(
            leftovers,
            keeping: [
                ids[0]: KeptBytes(content: 0x1f, output: 4),
                ids[1]: KeptBytes(content: 1, acknowledgedBytes: 50, output: nil),
                ids[2]: KeptBytes(content: 2, acknowledgedBytes: 50, output: nil),
                ids[3]: KeptBytes(content: 3, acknowledgedBytes: 50, output: nil),
                ids[4]: KeptBytes(content: 4, acknowledgedBytes: 50, output: nil),
                ids[5]: KeptBytes(content: nil, output: nil, isUnknown: true),
            ])
        #expect(outcome.removed == 5)
        #expect(Set(outcome.short) == [ids[3], ids[4]])
        #expect(outcome.long == [ids[1]])
        let left = try Files.names(in: store.contentDirectory)
        #expect(
            Set(left) == [
                "\(ids[0]).1f", "\(ids[1]).1", "\(ids[2]).2", "\(ids[3]).3", "\(ids[5]).4d", "\(ids[6]).59",
                "notes.txt",
                "\(ids[6]).zz", "\(ids[6]).1.2.3", ".hidden",
            ])
        #expect(try Files.names(in: store.resultDirectory) == ["\(ids[0]).4.ndjson"])
        #expect(try Files.names(in: store.textDirectory) == ["\(ids[0]).4.txt"])
        #expect(try Files.names(in: store.stagesDirectory) == ["\(ids[0]).4"])
        #expect(try Files.size(path: store.contentPath(ids[1], token: 1)) == 90, "its owner cuts it")
    }

    @Test("a file is gone on with behind what is on record: more is cut off, less is a loss")
    func contentFile() throws {
        let fixture = try BlobFixture()
        let path = fixture.store.contentPath(.first, token: 7)
        try fixture.put(pattern(100))
        let file = ContentFile(path: path, startBytes: 60)
        try file.open()
        #expect(fixture.content() == pattern(60))
        try file.cut(to: 20)
        file.close()
        #expect(fixture.content() == pattern(20))
        #expect(throws: SystemError.self) { try ContentFile(path: path, startBytes: 21).open() }
        #expect(fixture.content() == pattern(20))
        let gone = ContentFile(path: fixture.store.contentPath(.first, token: 8), startBytes: 1)
        #expect(throws: SystemError.self) { try gone.open() }
        #expect(fixture.content(token: 8) == nil, "what is missing is not made anew")
        file.remove()
        file.remove()
        #expect(fixture.content() == nil)
    }

    @Test("a file is cut to what counts, and never grows by it", arguments: [(60, 60), (100, 100), (140, 100)])
    func cut(bytes: Int, left: Int) throws {
        let fixture = try BlobFixture()
        try fixture.put(pattern(100))
        let _: Bool = try fixture.wait { answer in
            fixture.store.cutContent(of: .first, token: 7, to: Int64(bytes)) { answer(true) }
        }
        #expect(fixture.content() == pattern(left))
        let _: Bool = try fixture.wait { answer in
            fixture.store.cutContent(of: .first, token: 8, to: 1) { answer(true) }
        }
        #expect(fixture.content(token: 8) == nil)
    }

    @Test("what is in an upload's file is made to last up to what counts; the rest is cut off")
    func makeDurable() throws {
        let fixture = try BlobFixture()
        try fixture.put(pattern(100))
        let failure: RecordFailure? = try fixture.wait { answer in
            fixture.store.makeContentDurable(of: .first, token: 7, bytes: 80) { answer($0) }
        }
        #expect(failure == nil)
        #expect(fixture.content() == pattern(80))
        let lost: RecordFailure? = try fixture.wait { answer in
            fixture.store.makeContentDurable(of: .first, token: 7, bytes: 81) { answer($0) }
        }
        #expect(lost != nil)
    }

    @Test("parts are joined in their order, as much of each as counts", arguments: [0, 1, 3])
    func join(count: Int) throws {
        let fixture = try BlobFixture()
        var sources: [ContentSource] = []
        var expected: [UInt8] = []
        for number in 0..<count {
            let bytes = pattern(300_000 * number + 10, version: number)
            try fixture.put(bytes + [1, 2, 3], .number(number), token: 1)
            sources.append(
                ContentSource(path: fixture.store.contentPath(.number(number), token: 1), bytes: Int64(bytes.count)))
            expected += bytes
        }
        let joined = sources
        let receipt = try fixture.wait { answer in
            fixture.store.join(joined, into: .first, token: 9, loop: fixture.thread.loop) { answer($0) } as Void
        }.get()
        #expect(fixture.content(token: 9) == expected)
        #expect(receipt.bytes == Int64(expected.count))
        #expect(receipt.sha256 == sha256(expected))
        #expect(receipt.prefix == Array(expected.prefix(DocumentType.judgedPrefixBytes)))
        let plain = try fixture.wait { answer in
            fixture.store.join(joined, into: .first, token: 10, isHashed: false, loop: fixture.thread.loop) {
                answer($0)
            } as Void
        }.get()
        #expect(plain.sha256 == nil && plain.bytes == receipt.bytes && plain.prefix == receipt.prefix)
    }

    @Test("a part that is gone or short is no part, and leaves nothing", arguments: [10, 1000])
    func joinOfLost(bytes: Int64) throws {
        let fixture = try BlobFixture()
        if bytes == 1000 { try fixture.put(pattern(10), .number(1), token: 1) }
        let source = ContentSource(path: fixture.store.contentPath(.number(1), token: 1), bytes: bytes)
        let outcome: Result<ContentReceipt, SystemError> = try fixture.wait { answer in
            fixture.store.join([source], into: .first, token: 9, loop: fixture.thread.loop) { answer($0) }
        }
        #expect(throws: SystemError.self) { try outcome.get() }
        #expect(fixture.content(token: 9) == nil)
    }
}

@Suite("New names in a directory are made to last together")
struct DirectorySyncTests {
    @Test("a hundred that ask while a sync runs are served by the next one")
    func manyByFew() throws {
        let fixture = try BlobFixture()
        let threads = try DiskThreads(count: 1)
        let counters = DiskCounters()
        let names = DirectorySync(path: fixture.path, threads: threads, counters: counters)
        let gate = fixture.thread.queue(of: Bool.self)
        let answers = fixture.thread.queue(of: Bool.self)
        // While the first is answered the sync has not ended, as far as the others can know.
        names.request { failure in
            answers.put(failure == nil)
            _ = gate.takeFirst()
        }
        #expect(answers.takeFirst() == true)
        for _ in 0..<100 { names.request { answers.put($0 == nil) } }
        #expect(counters.directorySyncs.load(ordering: .relaxed) == 1)
        gate.put(true)
        for _ in 0..<100 { #expect(answers.takeFirst() == true) }
        #expect(counters.directorySyncs.load(ordering: .relaxed) == 2)
        names.request { answers.put($0 == nil) }
        #expect(answers.takeFirst() == true)
        #expect(counters.directorySyncs.load(ordering: .relaxed) == 3)
    }

    @Test("whoever waits for a sync that fails is told so, and the next one is tried anew")
    func failure() throws {
        let fixture = try BlobFixture()
        let names = DirectorySync(
            path: fixture.path + "/later", threads: try DiskThreads(count: 2), counters: DiskCounters())
        let answers = fixture.thread.queue(of: Bool.self)
        for _ in 0..<10 { names.request { answers.put($0 == nil) } }
        for _ in 0..<10 { #expect(answers.takeFirst() == false) }
        try Files.makeDirectory(fixture.path + "/later")
        names.request { answers.put($0 == nil) }
        #expect(answers.takeFirst() == true)
    }
}

@Suite("The buffers that uploads of a loop share")
struct UploadBuffersTests {
    @Test("who finds none free is called in the order of asking, as many at a time as there is room for")
    func turns() {
        let buffers = UploadBuffers()
        var taken = (0..<UploadBuffers.countMax).map { _ in buffers.take() }
        #expect(buffers.isExhausted)
        var called: [Int] = []
        for number in 0..<3 {
            buffers.wait {
                called.append(number)
                taken.append(buffers.take())
            }
        }
        // One beyond the bound: bytes that were read must go somewhere.
        taken.append(buffers.take())
        buffers.give(taken.removeFirst())
        #expect(called == [])
        for turn in 1...3 {
            buffers.give(taken.removeFirst())
            #expect(called == Array(0..<turn))
            #expect(buffers.takenCount == UploadBuffers.countMax)
        }
        for buffer in taken { buffers.give(buffer) }
        #expect(buffers.takenCount == 0)
    }
}
