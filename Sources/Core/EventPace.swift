/// When a document's events go out: a step at once, ticks at most one every `intervalMilliseconds`.
package struct EventPace: Sendable, Equatable {
    package static let intervalMilliseconds: Int64 = 50

    package enum Decision: Sendable, Equatable {
        case tellNow
        /// Something waits already, or nothing changed.
        case wait
        /// Tell what will then be the newest state, after so many milliseconds.
        case tellLater(milliseconds: Int64)
    }

    private var lastToldMilliseconds: Int64?
    private var isWaiting = false

    package init() {}

    package mutating func decide(_ weight: ChangeWeight, at now: Moment) -> Decision {
        switch weight {
        case .none: return .wait
        case .step: return tell(now)
        case .tick:
            if isWaiting { return .wait }
            guard let last = lastToldMilliseconds else { return tell(now) }
            let rest = last + Self.intervalMilliseconds - now.monotonicMilliseconds
            if rest <= 0 { return tell(now) }
            isWaiting = true
            return .tellLater(milliseconds: rest)
        }
    }

    /// The wait that `tellLater` asked for is over: whether there is still something to tell.
    package mutating func waitEnded(at now: Moment) -> Bool {
        guard isWaiting else { return false }
        _ = tell(now)
        return true
    }

    private mutating func tell(_ now: Moment) -> Decision {
        isWaiting = false
        lastToldMilliseconds = now.monotonicMilliseconds
        return .tellNow
    }
}
