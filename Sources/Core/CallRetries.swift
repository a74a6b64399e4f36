/// How often a call to a service is made anew, and after what waits.
package struct CallRetries: Sendable, Equatable {
    package var attemptsMax = 5
    package var firstWaitMilliseconds: Int64 = 500
    package var waitMillisecondsMax: Int64 = 30_000
    /// A service that asks to be left alone for longer than this keeps nobody waiting with a call in hand: its breaker
    /// opens for that time.
    package var retryAfterMillisecondsMax: Int64 = 15_000

    package init() {}

    /// The wait after attempt number `attempt`, from 1: doubled each time, of which between a half and all is taken, so
    /// that calls which failed together do not come back together. `randomness` is from 0 to 1. What the service asks
    /// for is waited at least, with up to a tenth on top. Nil: no further attempt.
    package func waitMilliseconds(
        afterAttempt attempt: Int, retryAfterMilliseconds: Int64?, randomness: Double
    ) -> Int64? {
        precondition((0...1).contains(randomness), "randomness is from 0 to 1")
        guard attempt < attemptsMax else { return nil }
        let doubled = firstWaitMilliseconds << Int64(min(max(0, attempt - 1), 20))
        let wait = Double(min(doubled, waitMillisecondsMax)) * (0.5 + randomness / 2)
        guard let retryAfterMilliseconds else { return Int64(wait) }
        guard retryAfterMilliseconds <= retryAfterMillisecondsMax else { return nil }
        return max(Int64(wait), retryAfterMilliseconds + Int64(Double(retryAfterMilliseconds) * randomness / 10))
    }
}
