import Testing

@testable import Core

@Suite("The newest events of a document")
struct EventHistoryTests {
    private static func history(_ offsets: [Int64], eventsMax: Int = 256) -> EventHistory<Int64> {
        var history = EventHistory<Int64>(eventsMax: eventsMax)
        for offset in offsets { _ = history.append(offset, at: offset) }
        return history
    }

    private func start(_ after: String?, _ offsets: [Int64], eventsMax: Int = 256) -> WatchStart<Int64> {
        let current = offsets.last ?? 0
        return WatchStart(
            after: after.map { WatchPosition(parsing: $0) ?? WatchPosition(epoch: "", offset: 0) }, current: current,
            at: WatchPosition(epoch: "e", offset: current), history: Self.history(offsets, eventsMax: eventsMax))
    }

    @Test("what is after an offset is replayed, in order, whatever gaps the offsets have")
    func after() {
        let history = Self.history([2, 3, 7, 9])
        #expect(history.after(0) == [2, 3, 7, 9])
        #expect(history.after(3) == [7, 9])
        #expect(history.after(5) == [7, 9])
        #expect(history.after(9) == [])
        #expect(history.after(10) == nil, "never told")
    }

    @Test("beyond the bound the oldest goes, and what was lost is known to be lost")
    func bound() {
        var history = EventHistory<Int64>(eventsMax: 3)
        #expect(history.append(1, at: 1) == nil)
        #expect(history.append(2, at: 2) == nil)
        #expect(history.append(4, at: 4) == nil)
        #expect(history.append(6, at: 6) == 1)
        #expect(history.count == 3)
        #expect(history.after(0) == nil)
        #expect(history.after(1) == [2, 4, 6])
        #expect(history.dropFirst() == 2)
        #expect(history.after(1) == nil)
        #expect(history.after(3) == [4, 6])
        for offset in 10...1000 as ClosedRange<Int64> { _ = history.append(offset, at: offset) }
        #expect(history.count == 3 && history.after(997) == [998, 999, 1000])
        #expect(EventHistory<Int64>.eventsMaxDefault == 256)
    }

    @Test("a watch that resumes nothing begins with the current state and says nothing of it")
    func fresh() {
        #expect(start(nil, [1, 2, 3]).events == [3])
        #expect(start(nil, [1, 2, 3]).recovered == nil)
    }

    @Test("what is retained is replayed, and the watch is told that nothing was missed")
    func replay() {
        #expect(start("e-1", [1, 2, 3]).events == [2, 3])
        #expect(start("e-1", [1, 2, 3]).recovered == true)
    }

    @Test("when nothing is newer the current state comes once, at its own offset, recovered")
    func nothingNewer() {
        #expect(start("e-3", [1, 2, 3]).events == [3])
        #expect(start("e-3", [1, 2, 3]).recovered == true)
    }

    @Test(
        "what is not retained, of another epoch, of the future or no place at all gets the current state, not recovered",
        arguments: ["e-0", "f-2", "e-99", "nonsense"])
    func lost(after: String) {
        let start = start(after, [1, 2, 3, 4], eventsMax: 2)
        #expect(start.events == [4] && start.recovered == false)
    }
}

@Suite("Retained events of all documents")
struct RetainedEventsTests {
    private func id(_ number: UInt64) -> DocumentID { DocumentID(unixMilliseconds: 1, random: (0, number)) }

    @Test("within the bound nothing goes; beyond it the oldest, until it fits")
    func oldestFirst() {
        var retained = RetainedEvents(bytesMax: 100)
        for number in 1...4 as ClosedRange<UInt64> { retained.append(id(number), at: Int64(number), byteCount: 25) }
        #expect(retained.takeBeyondBound() == nil)
        retained.append(id(5), at: 5, byteCount: 40)
        #expect(retained.takeBeyondBound()?.document == id(1))
        retained.dropped(25)
        #expect(retained.takeBeyondBound()?.offset == 2)
        retained.dropped(25)
        #expect(retained.takeBeyondBound() == nil)
    }

    @Test("names of events that have gone otherwise do not pile up")
    func names() {
        var retained = RetainedEvents(bytesMax: 0)
        for offset in 0..<10_000 {
            retained.append(id(1), at: Int64(offset), byteCount: 10)
            retained.dropped(10)
            while retained.takeBeyondBound() != nil {}
        }
        #expect(retained.byteCount == 0 && retained.nameCount <= 64)
    }
}
