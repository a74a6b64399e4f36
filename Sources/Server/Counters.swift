import Synchronization

/// A figure that any loop changes and any loop reads; nothing is ordered by it.
package struct Counter: ~Copyable, Sendable {
    private let count = Atomic<Int>(0)

    package init() {}

    package var value: Int { count.load(ordering: .relaxed) }
    package func add(_ change: Int) { count.add(change, ordering: .relaxed) }

    /// Adds one unless there are `max` already: a look and a later addition would let a crowd through between the two.
    package func addOne(upTo max: Int) -> Bool {
        var seen = count.load(ordering: .relaxed)
        while seen < max {
            let (exchanged, original) = count.compareExchange(
                expected: seen, desired: seen + 1, ordering: .relaxed)
            if exchanged { return true }
            seen = original
        }
        return false
    }
}

/// What `/metrics` shows.
package struct Counters: ~Copyable, Sendable {
    package let requests = Counter()
    package let connections = Counter()
    package let watchers = Counter()
    package let uploadsInFlight = Counter()
    package let uploadsAccepted = Counter()
    package let uploadedBytes = Counter()
}
