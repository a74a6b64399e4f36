/// When a WebSocket's peer is asked whether it is still there, and when it is given up. Looked at now and then: one
/// timer serves all connections of a loop.
package struct Heartbeat: Sendable, Equatable {
    package static let pingMilliseconds: Int64 = 25_000
    package static let pongMilliseconds: Int64 = 10_000
    /// How long the peer may take to answer our close frame.
    package static let closeMilliseconds: Int64 = 5000

    private enum Phase: UInt8 { case open, awaitingPong, closing }

    package enum Decision: Sendable, Equatable { case nothing, ping, end }

    private var phase = Phase.open
    /// When the phase began, or the last ping was sent.
    private var sinceMilliseconds: Int64

    package init(now: Int64) { sinceMilliseconds = now }

    package var isClosing: Bool { phase == .closing }

    /// The peer has answered our ping.
    package mutating func heard() {
        if phase == .awaitingPong { phase = .open }
    }

    /// A close frame was sent or answered; only the end is awaited. A second time changes nothing.
    package mutating func beginClosing(now: Int64) {
        guard phase != .closing else { return }
        (phase, sinceMilliseconds) = (.closing, now)
    }

    /// What was sent last has not left yet: the peer's time to answer it has not begun.
    package mutating func postpone(now: Int64) {
        if phase != .open { sinceMilliseconds = now }
    }

    package mutating func look(now: Int64) -> Decision {
        let elapsed = now - sinceMilliseconds
        switch phase {
        case .open:
            guard elapsed >= Self.pingMilliseconds else { return .nothing }
            (phase, sinceMilliseconds) = (.awaitingPong, now)
            return .ping
        case .awaitingPong: return elapsed > Self.pongMilliseconds ? .end : .nothing
        case .closing: return elapsed > Self.closeMilliseconds ? .end : .nothing
        }
    }
}
