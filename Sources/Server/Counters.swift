import Synchronization

/// A figure that any loop changes and any loop reads; nothing is ordered by it.
package struct Counter: ~Copyable, Sendable {
    private let count = Atomic<Int>(0)

    package init() {}

    package var value: Int { count.load(ordering: .relaxed) }
    package func add(_ change: Int) { count.add(change, ordering: .relaxed) }
}

/// What `/metrics` shows.
package struct Counters: ~Copyable, Sendable {
    package let requests = Counter()
    package let connections = Counter()
    package let watchers = Counter()
    package let uploadsAccepted = Counter()
    package let uploadedBytes = Counter()
    package let resultsTakenOver = Counter()
}
