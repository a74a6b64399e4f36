/// How many new connections a listener may take now. A crowd that comes back at once after a broken network is let in
/// at a bounded rate: the rest waits in the kernel's queue, which has a bound of its own, and those who are in are
/// served meanwhile.
package struct AcceptPace: Sendable {
    package static let connectionsPerSecondDefault = 5000
    /// What may come at once after a quiet moment.
    package static let burstMax = 512

    private let connectionsPerSecond: Int
    /// In thousandths of a connection, so that short spans count.
    private var allowance: Int64
    private var lastMilliseconds: Int64?

    package init(connectionsPerSecond: Int = AcceptPace.connectionsPerSecondDefault) {
        precondition(connectionsPerSecond > 0, "a listener takes connections")
        self.connectionsPerSecond = connectionsPerSecond
        allowance = Int64(Self.burstMax) * 1000
    }

    /// Connections that may be taken at `now`.
    package mutating func allowed(now: Int64) -> Int {
        let elapsed = max(0, now - (lastMilliseconds ?? now))
        lastMilliseconds = now
        // A long quiet moment fills the burst; its product must not overflow.
        let gained = min(elapsed, 60_000) * Int64(connectionsPerSecond)
        allowance = min(allowance + gained, Int64(Self.burstMax) * 1000)
        return Int(allowance / 1000)
    }

    package mutating func took(_ count: Int) { allowance -= Int64(count) * 1000 }

    /// How long it takes until one more may be taken.
    package var waitMilliseconds: Int64 {
        let missing = max(0, 1000 - allowance)
        return max(1, (missing + Int64(connectionsPerSecond) - 1) / Int64(connectionsPerSecond))
    }
}
