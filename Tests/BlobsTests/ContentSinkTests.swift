import Core
import Loop
import LoopTesting
import Synchronization
import System
import Testing

@testable import Blobs

@Suite("The way of an upload's bytes to the disk")
struct ContentSinkTests {
    @Test(
        "bytes and digest are right, whatever the sizes of pieces and bodies",
        arguments: [0, 1, 1000, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, 3_000_000], [777, 65_536, 1_000_000])
    func whole(count: Int, pieceBytes: Int) throws {
        let fixture = try BlobFixture()
        let bytes = pattern(count)
        let sink = try fixture.sink()
        try fixture.give(bytes, to: sink, pieceBytes: pieceBytes)
        let receipt = try fixture.finish(sink)
        #expect(receipt.bytes == Int64(count))
        #expect(receipt.sha256 == sha256(bytes))
        #expect(receipt.prefix == Array(bytes.prefix(DocumentType.judgedPrefixBytes)))
        #expect(fixture.content() == bytes)
        #expect(try fixture.takenCount == 0)
    }

    /// How the digest stands when the next request comes.
    enum Digests: CaseIterable { case kept, lost, ofMore }

    @Test(
        "an upload that is paused goes on, and its digest with it, whether it was kept or not",
        arguments: Digests.allCases)
    func resumed(digests: Digests) throws {
        let fixture = try BlobFixture()
        let all = pattern(2_500_000)
        var start = 0
        for end in [1, 300_000, 300_000, 1_700_000, 2_500_000] {
            let sink = try fixture.sink(startBytes: Int64(start))
            try fixture.give(Array(all[start..<end]), to: sink)
            if end == all.count {
                let receipt = try fixture.finish(sink)
                #expect(receipt.sha256 == sha256(all))
                #expect(receipt.bytes == Int64(all.count))
                break
            }
            #expect(try fixture.pause(sink) == Int64(end))
            start = end
            switch digests {
            case .kept: break
            case .lost: _ = fixture.store.digests.take(7)
            case .ofMore:
                // The last part is not on record, and the client brings it again.
                start = max(0, end - 100_000)
            }
        }
        #expect(fixture.content() == all)
        #expect(try fixture.takenCount == 0)
    }

    @Test("an upload that the record says is shorter is cut back, and a digest of more is not gone on from")
    func cutToRecord() throws {
        let fixture = try BlobFixture()
        let first = try fixture.sink()
        try fixture.give(pattern(500_000, version: 1), to: first)
        #expect(try fixture.pause(first) == 500_000)
        // With a sum that is refuted in between: what it goes back to must not be of more either.
        let refuted = try fixture.sink(startBytes: 200_000, mayBeTakenBack: true)
        try fixture.give(pattern(10, from: 200_000, version: 2), to: refuted)
        #expect(try fixture.wait { answer in refuted.cutBack { answer($0 == nil) } })
        let middle = try fixture.sink(startBytes: 200_000, isHashed: false)
        try fixture.give(pattern(300_000, from: 200_000, version: 3), to: middle)
        #expect(try fixture.pause(middle) == 500_000)
        let last = try fixture.sink(startBytes: 500_000)
        let receipt = try fixture.finish(last)
        let expected = pattern(200_000, version: 1) + pattern(300_000, from: 200_000, version: 3)
        #expect(fixture.content() == expected)
        #expect(receipt.sha256 == sha256(expected))
    }

    @Test("a body that its sum refutes is taken back, and the digest with it")
    func takenBack() throws {
        let fixture = try BlobFixture()
        let all = pattern(900_000)
        let first = try fixture.sink()
        try fixture.give(Array(all[..<400_000]), to: first)
        _ = try fixture.pause(first)
        let wrong = try fixture.sink(startBytes: 400_000, mayBeTakenBack: true)
        try fixture.give(pattern(500_000, from: 400_000, version: 5), to: wrong)
        let sum = BodyChecksum(.sha256, expected: Array(repeating: 0, count: 32))
        #expect(try fixture.wait { answer in wrong.verify(sum) { answer($0) } as Void }.get() == false)
        #expect(try fixture.wait { answer in wrong.cutBack { answer($0 == nil) } })
        #expect(fixture.content() == Array(all[..<400_000]))
        let right = try fixture.sink(startBytes: 400_000, mayBeTakenBack: true)
        try fixture.give(Array(all[400_000...]), to: right)
        #expect(try fixture.finish(right).sha256 == sha256(all))
        #expect(try fixture.takenCount == 0)
    }

    @Test("a sync beside the writing says what lasts, and more may come meanwhile")
    func syncBeside() throws {
        let fixture = try BlobFixture()
        let all = pattern(2_000_000)
        let sink = try fixture.sink()
        try fixture.give(Array(all[..<1_000_000]), to: sink)
        let synced = fixture.thread.queue(of: Int64.self)
        fixture.thread.loop.post { sink.syncWritten { synced.put((try? $0.get()) ?? -1) } }
        try fixture.give(Array(all[1_000_000...]), to: sink)
        let durable = try #require(synced.takeFirst())
        #expect(durable >= 0 && durable <= 2_000_000)
        #expect(try fixture.finish(sink).sha256 == sha256(all))
        #expect(fixture.store.counters.fileSyncs.load(ordering: .relaxed) == 2)
        #expect(fixture.store.counters.directorySyncs.load(ordering: .relaxed) >= 1)
    }

    @Test("a disk that is full is told once, when nothing is written any more, and every buffer comes back")
    func full() throws {
        let fixture = try BlobFixture()
        try fixture.link(to: "/dev/full")
        let sink = try fixture.sink()
        let failures = fixture.thread.queue(of: Bool.self)
        try fixture.thread.on {
            sink.failed = { failures.put($0.isNoSpace) }
            sink.write(pattern(900_000).span)
        }
        #expect(failures.takeFirst() == true)
        #expect(try fixture.takenCount == 0)
        let written: Int64 = try fixture.pause(sink)
        #expect(written == 0)
        let outcome: Result<ContentReceipt, SystemError> = try fixture.wait { answer in sink.finish { answer($0) } }
        #expect(throws: SystemError.self) { try outcome.get() }
        try fixture.thread.on { #expect(!sink.hasFailedSync) }
        try fixture.thread.on { sink.write(pattern(10).span) }
        #expect(try fixture.takenCount == 0, "what comes after a failure is dropped")
    }

    @Test("what comes after the disk refused has been received all the same: the body is as long as its client made it")
    func receivedAfterFailure() throws {
        let fixture = try BlobFixture()
        try fixture.link(to: "/dev/full")
        let sink = try fixture.sink()
        let failures = fixture.thread.queue(of: Bool.self)
        try fixture.thread.on {
            sink.failed = { failures.put($0.isNoSpace) }
            sink.write(pattern(1000).span)
        }
        #expect(failures.takeFirst() == true)
        try fixture.thread.on {
            sink.write(pattern(500).span)
            #expect(sink.receivedBytes == 1500)
        }
    }

    @Test("a sync that fails is a failure of the sink: a later one could say that all is well")
    func failedSync() throws {
        let fixture = try BlobFixture()
        // What is written into it is gone, and fsync(2) refuses it.
        try fixture.link(to: "/dev/null")
        let sink = try fixture.sink(isHashed: false)
        let failures = fixture.thread.queue(of: Bool.self)
        try fixture.thread.on { sink.failed = { _ in failures.put(true) } }
        try fixture.give(pattern(1000), to: sink)
        for _ in 0..<2 {
            let outcome: Result<Int64, SystemError> = try fixture.wait { answer in sink.sync { answer($0) } }
            #expect(throws: SystemError.self) { try outcome.get() }
        }
        #expect(failures.takeFirst() == true)
        try fixture.thread.on { #expect(sink.hasFailedSync) }
        #expect(try fixture.takenCount == 0)
    }

    @Test("an upload that is given up leaves no file and no buffer", arguments: [0, 1000, 2_000_000])
    func abandoned(count: Int) throws {
        let fixture = try BlobFixture()
        let sink = try fixture.sink()
        try fixture.thread.on {
            sink.write(pattern(count).span)
            sink.abandon()
            sink.abandon()
            sink.write(pattern(10).span)
        }
        try fixture.settle()
        #expect(fixture.content() == nil)
        #expect(try fixture.takenCount == 0)
    }

    @Test("many uploads share few buffers, and all of them come to their end", arguments: [1, 4])
    func many(diskThreads: Int) throws {
        let fixture = try BlobFixture(diskThreads: diskThreads)
        let count = 40
        let ends = fixture.thread.queue(of: Int.self)
        let mostTaken = OnLoop(0)
        let wasExhausted = OnLoop(false)
        // The disk is held until all have begun.
        let held = fixture.thread.queue(of: Bool.self)
        for _ in 0..<diskThreads { fixture.store.disk.submit { _ = held.takeFirst() } }
        for number in 0..<count {
            let id = DocumentID.number(number)
            let bytes = pattern(1_200_000, version: number)
            // Every other one goes on with what a former process left, and has no digest of it.
            let start = number % 2 == 0 ? 0 : 300_000
            if start > 0 { try fixture.put(Array(bytes[..<start]), id, token: Int64(number)) }
            let sink = try fixture.sink(id, token: Int64(number), startBytes: Int64(start))
            try fixture.thread.on {
                let rest = OnLoop(bytes[start...])
                let isOver = OnLoop(false)
                @Sendable func go() {
                    while !rest.value.isEmpty && !sink.isCongested {
                        sink.write(Array(rest.value.prefix(64 * 1024)).span)
                        rest.value = rest.value.dropFirst(64 * 1024)
                        mostTaken.value = max(mostTaken.value, fixture.buffers.value.takenCount)
                        if fixture.buffers.value.isExhausted { wasExhausted.value = true }
                    }
                    // The next piece is read when the sink is drained, or by the next turn.
                    guard rest.value.isEmpty, !isOver.value else { return }
                    isOver.value = true
                    sink.finish { result in
                        ends.put((try? result.get())?.sha256 == sha256(bytes) ? number : -1)
                    }
                }
                sink.drained = { go() }
                // A connection that finds no room reads nothing; it is called when its turn comes.
                if sink.isCongested { fixture.buffers.value.wait { go() } } else { go() }
            }
        }
        for _ in 0..<diskThreads { held.put(true) }
        var ended: Set<Int> = []
        for _ in 0..<count { ended.insert(try #require(ends.takeFirst(), "an upload starves: \(ended.count) ended")) }
        #expect(ended == Set(0..<count))
        try fixture.thread.on {
            #expect(wasExhausted.value, "the bound was reached")
            // One connection's bytes may go beyond it: they were read already.
            #expect(mostTaken.value <= UploadBuffers.countMax + 1)
        }
        #expect(try fixture.takenCount == 0)
    }

    @Test("uploads that all open their files at once, with every buffer taken, do not wait for each other")
    func openingTogether() throws {
        let fixture = try BlobFixture(diskThreads: 1)
        let held = fixture.thread.queue(of: Bool.self)
        let ends = fixture.thread.queue(of: Bool.self)
        for number in 0..<UploadBuffers.countMax {
            try fixture.put(pattern(100), .number(number), token: Int64(number))
        }
        // The disk is held until every upload has a buffer with a little in it.
        fixture.store.disk.submit { _ = held.takeFirst() }
        let sinks = try (0..<UploadBuffers.countMax).map {
            try fixture.sink(.number($0), token: Int64($0), startBytes: 100)
        }
        try fixture.thread.on {
            for sink in sinks {
                sink.drained = { ends.put(true) }
                sink.write(pattern(10, from: 100).span)
            }
            #expect(fixture.buffers.value.isExhausted)
            #expect(sinks.allSatisfy { $0.isCongested })
        }
        held.put(true)
        for number in sinks.indices { try #require(ends.takeFirst() == true, "upload \(number) is never drained") }
        for sink in sinks { #expect(try fixture.finish(sink).sha256 == sha256(pattern(110))) }
        #expect(try fixture.takenCount == 0)
    }
}
