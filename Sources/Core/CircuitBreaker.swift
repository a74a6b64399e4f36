// Theory of operation
//
// A breaker stands between Headway and one service that documents depend on. Closed, it lets every call through and
// counts failures that nothing contradicts: a success forgets them all, so that a service which fails at one document
// and serves the others stays in use. After `failuresMax` of them within the window it opens: nobody calls, and whoever
// would is told when to come back. When that time has come, one call is let through as a trial. Its success closes the
// breaker, its failure opens it anew.

/// Whether a service is to be called. A value: the time goes in, the answer comes out.
package struct CircuitBreaker: Sendable, Equatable {
    package struct Policy: Sendable, Equatable {
        package var failuresMax = 5
        package var windowMilliseconds: Int64 = 30_000
        package var openMilliseconds: Int64 = 15_000
        /// A service that asks for longer is taken at its word up to here.
        package var openMillisecondsMax: Int64 = 60 * 60_000
        /// A trial of which nothing was heard for so long is given up, and another call may try.
        package var trialMillisecondsMax: Int64 = 10 * 60_000

        package init() {}
    }

    package enum Permission: Sendable, Equatable {
        case call
        /// The one call that decides. Say `succeeded`, `failed` or `abandonTrial` when it has ended.
        case trial
        /// Not now. Nil: when the trial that is under way has ended.
        case wait(untilMilliseconds: Int64?)
    }

    private enum State: Sendable, Equatable {
        case closed
        case open(untilMilliseconds: Int64)
        case trial(sinceMilliseconds: Int64)
    }

    package let policy: Policy
    private var state: State = .closed
    /// When the failures were, the oldest first; at most `failuresMax`.
    private var failures: [Int64] = []
    private var detail = ""

    package init(policy: Policy = Policy()) { self.policy = policy }

    /// Asks to call now. Whoever gets `.trial` must tell how it went.
    package mutating func ask(nowMilliseconds now: Int64) -> Permission {
        switch state {
        case .closed: return .call
        case .open(let until) where now < until: return .wait(untilMilliseconds: until)
        case .trial(let since) where now < since + policy.trialMillisecondsMax: return .wait(untilMilliseconds: nil)
        case .open, .trial:
            state = .trial(sinceMilliseconds: now)
            return .trial
        }
    }

    /// A call went well. One that was begun before the breaker opened says nothing about the service as it is now.
    package mutating func succeeded() {
        switch state {
        case .open: break
        case .closed, .trial:
            state = .closed
            failures = []
            detail = ""
        }
    }

    /// A call failed in a way that speaks of the service and not of the call. `detail` completes the sentence "Waiting
    /// for the service: …"; `retryAfterMilliseconds` is how long the service itself asks to be left alone.
    package mutating func failed(nowMilliseconds now: Int64, detail: String, retryAfterMilliseconds: Int64? = nil) {
        switch state {
        case .open: break
        case .trial: open(now, detail, retryAfterMilliseconds)
        case .closed:
            self.detail = detail
            failures.append(now)
            failures.removeAll { $0 <= now - policy.windowMilliseconds || $0 > now }
            if failures.count >= policy.failuresMax { open(now, detail, retryAfterMilliseconds) }
        }
    }

    /// Opens it whatever was counted: a call was tried as often as it may be, and nothing else went well meanwhile.
    package mutating func trip(nowMilliseconds now: Int64, detail: String, retryAfterMilliseconds: Int64? = nil) {
        open(now, detail, retryAfterMilliseconds)
    }

    /// Nobody waits any more for the call that was the trial; the next one is it.
    package mutating func abandonTrial(nowMilliseconds now: Int64) {
        if case .trial = state { state = .open(untilMilliseconds: now) }
    }

    private mutating func open(_ now: Int64, _ detail: String, _ retryAfterMilliseconds: Int64?) {
        let wait = min(max(policy.openMilliseconds, retryAfterMilliseconds ?? 0), policy.openMillisecondsMax)
        state = .open(untilMilliseconds: now + wait)
        failures = []
        self.detail = detail
    }

    package func reading(nowMilliseconds now: Int64) -> BreakerReading {
        switch state {
        case .closed: BreakerReading(state: .closed, detail: detail, nextTryMilliseconds: nil)
        case .open(let until) where now < until:
            BreakerReading(state: .open, detail: detail, nextTryMilliseconds: until)
        case .open(let until): BreakerReading(state: .halfOpen, detail: detail, nextTryMilliseconds: until)
        case .trial: BreakerReading(state: .halfOpen, detail: detail, nextTryMilliseconds: nil)
        }
    }
}

/// What a breaker shows: in `/metrics`, `/readyz` and the messages of documents that wait.
package struct BreakerReading: Sendable, Equatable {
    package enum State: String, Sendable, CaseIterable {
        case closed
        case open
        case halfOpen = "half_open"
    }

    package var state: State
    /// What the last failure was; empty when all is well.
    package var detail: String
    /// On the clock of whoever asked. Nil: calls are let through, or a trial is under way.
    package var nextTryMilliseconds: Int64?

    package init(state: State, detail: String = "", nextTryMilliseconds: Int64? = nil) {
        self.state = state
        self.detail = detail
        self.nextTryMilliseconds = nextTryMilliseconds
    }
}

/// A service outside of Headway that documents wait for when it is down.
package enum Dependency: String, Sendable, CaseIterable {
    case embedding
    case storage
    case webhook

    /// As a sentence has it.
    package var words: String {
        switch self {
        case .embedding: "the embedding service"
        case .storage: "the object store"
        case .webhook: "the webhook's receiver"
        }
    }
}

/// Why a document is not worked on now though nothing is wrong with it: it goes back to the line, and no attempt is
/// counted.
package struct DependencyWait: Sendable, Equatable {
    package var dependency: Dependency
    /// Such as "it answers 503".
    package var detail: String
    /// When the line may try again, on the monotonic clock.
    package var nextTryMilliseconds: Int64

    package init(_ dependency: Dependency, detail: String, nextTryMilliseconds: Int64) {
        self.dependency = dependency
        self.detail = detail
        self.nextTryMilliseconds = nextTryMilliseconds
    }

    /// For the document's state: "Waiting for the embedding service: it answers 503. Next try in 15 s."
    package func message(nowMilliseconds now: Int64) -> String {
        let seconds = max(1, (nextTryMilliseconds - now + 999) / 1000)
        let cause = detail.isEmpty ? "it does not answer" : detail.cut(utf8BytesMax: Self.detailBytesMax)
        return "Waiting for \(dependency.words): \(cause). Next try in \(seconds) s."
    }

    package static let detailBytesMax = 400
}
