/// Who may bring the bytes of one resumable upload: one request at a time. A newer one ends the older at once, which
/// may be dead without anybody knowing, and begins where that one stopped.
///
/// The older one is told to go, and says how much it has written when it has gone; requests that come meanwhile wait in
/// order, so each of them sees the true offset.
package struct UploadHolder: Sendable, Equatable {
    package enum Action: Sendable, Equatable {
        /// The request may begin.
        case grant(UInt64)
        /// The request stops, keeps what it has, and is heard of again by `released`.
        case evict(UInt64)
    }

    package private(set) var current: UInt64?
    private var isLeaving = false
    private var waiting: [UInt64] = []

    package init() {}

    package var isFree: Bool { current == nil }

    /// A request wants to bring bytes, or to know how many there are.
    package mutating func request(_ number: UInt64) -> [Action] {
        waiting.append(number)
        return proceed()
    }

    /// The holder has gone; nothing of it is written any more.
    package mutating func released(_ number: UInt64) -> [Action] {
        guard current == number else {
            waiting.removeAll { $0 == number }
            return []
        }
        current = nil
        isLeaving = false
        return proceed()
    }

    /// The upload is over, or is begun again by other means: who waits is told so by its owner.
    package mutating func clear() -> [UInt64] {
        defer { self = UploadHolder() }
        return waiting
    }

    private mutating func proceed() -> [Action] {
        var actions: [Action] = []
        if current == nil, !waiting.isEmpty {
            let next = waiting.removeFirst()
            current = next
            actions.append(.grant(next))
        }
        if let current, !isLeaving, !waiting.isEmpty {
            isLeaving = true
            actions.append(.evict(current))
        }
        return actions
    }
}
