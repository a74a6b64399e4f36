import Testing

@testable import Loop

@Suite("Timers of a loop")
struct TimerHeapTests {
    @Test("timers come due in the order of their times, equal ones in the order of adding")
    func order() {
        var heap = TimerHeap()
        var ran: [Int] = []
        for (name, due) in [(0, 30), (1, 10), (2, 20), (3, 10)] { _ = heap.add(at: Int64(due)) { ran.append(name) } }
        #expect(heap.timeoutMilliseconds(now: 4) == 6)
        while let work = heap.takeDue(now: 20) { work() }
        #expect(ran == [1, 3, 2])
        #expect(heap.timeoutMilliseconds(now: 20) == 10)
    }

    @Test("a cancelled timer never runs and does not keep the loop awake")
    func cancelled() {
        var heap = TimerHeap()
        let token = heap.add(at: 5) { Issue.record("a cancelled timer ran") }
        heap.cancel(token)
        #expect(heap.timeoutMilliseconds(now: 0) == -1)
        #expect(heap.takeDue(now: 100) == nil)
    }

    @Test("many cancelled timers leave the heap before they come due")
    func compaction() {
        var heap = TimerHeap()
        var ran = 0
        var tokens: [TimerHeap.Token] = []
        for due in 0..<1000 { tokens.append(heap.add(at: Int64(due)) { ran += 1 }) }
        for (index, token) in tokens.enumerated() where index % 10 != 0 { heap.cancel(token) }
        #expect(heap.count == 100)
        while let work = heap.takeDue(now: 1000) { work() }
        #expect(ran == 100)
    }
}
