/// Timers of one loop: a binary heap by due time, equal times in the order of adding. Add and take are O(log n); a
/// cancelled timer leaves its place when it comes due.
package struct TimerHeap {
    package struct Token: Hashable { fileprivate let number: UInt64 }

    private struct Entry {
        var dueMilliseconds: Int64
        var number: UInt64
    }

    private var heap: [Entry] = []
    private var works: [UInt64: () -> Void] = [:]
    private var lastNumber: UInt64 = 0

    package init() {}

    package var count: Int { works.count }

    package mutating func add(at dueMilliseconds: Int64, _ work: @escaping () -> Void) -> Token {
        lastNumber += 1
        works[lastNumber] = work
        heap.append(Entry(dueMilliseconds: dueMilliseconds, number: lastNumber))
        siftUp(heap.count - 1)
        return Token(number: lastNumber)
    }

    package mutating func cancel(_ token: Token) {
        works[token.number] = nil
        // Cancelled timers are the rule (each request has one): they must not pile up until they come due.
        if heap.count > 64 && heap.count > 2 * works.count { compact() }
    }

    /// How long a loop may sleep: -1 for ever, 0 when something is due.
    package mutating func timeoutMilliseconds(now: Int64) -> Int32 {
        dropCancelled()
        guard let first = heap.first else { return -1 }
        return Int32(clamping: max(0, first.dueMilliseconds - now))
    }

    /// The next piece of work that is due, or nil.
    package mutating func takeDue(now: Int64) -> (() -> Void)? {
        dropCancelled()
        guard let first = heap.first, first.dueMilliseconds <= now else { return nil }
        removeFirst()
        return works.removeValue(forKey: first.number)
    }

    private mutating func dropCancelled() {
        while let first = heap.first, works[first.number] == nil { removeFirst() }
    }

    private mutating func compact() {
        heap.removeAll { works[$0.number] == nil }
        for index in stride(from: heap.count / 2 - 1, through: 0, by: -1) { siftDown(index) }
    }

    private mutating func removeFirst() {
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        siftDown(0)
    }

    private func isBefore(_ left: Int, _ right: Int) -> Bool {
        let (a, b) = (heap[left], heap[right])
        return a.dueMilliseconds != b.dueMilliseconds ? a.dueMilliseconds < b.dueMilliseconds : a.number < b.number
    }

    private mutating func siftUp(_ start: Int) {
        var child = start
        while child > 0 {
            let parent = (child - 1) / 2
            guard isBefore(child, parent) else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    private mutating func siftDown(_ start: Int) {
        var parent = start
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && isBefore(child, least) {
                least = child
            }
            if least == parent { return }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
