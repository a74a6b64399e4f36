/// Which end of the connection this is. A client masks what it sends, with keys that must be unpredictable
/// (RFC 6455 §5.3); the randomness is passed in.
package enum WebSocketRole: Sendable {
    case server
    case client(nextMask: @Sendable () -> UInt32)

    var isServer: Bool { if case .server = self { true } else { false } }
}

package struct WebSocketLimits: Sendable {
    /// A message's payload, all fragments together. Beyond: 1009, before the payload is read.
    package var messageBytesMax: Int
    /// Pongs in a row that wait for `drainOutput`. Beyond: only the newest ping is answered, as RFC 6455 §5.5.3 allows.
    package var pongBacklogBytesMax: Int
    /// False refuses binary messages with 1003, as soon as one begins.
    package var acceptsBinary: Bool

    package init(messageBytesMax: Int = 64 * 1024, pongBacklogBytesMax: Int = 4 * 1024, acceptsBinary: Bool = true) {
        self.messageBytesMax = messageBytesMax
        self.pongBacklogBytesMax = pongBacklogBytesMax
        self.acceptsBinary = acceptsBinary
    }

    package static let `default` = WebSocketLimits()
}

/// What all connections of one kind have in common; one value serves thousands of them.
package final class WebSocketSettings: Sendable {
    package let role: WebSocketRole
    package let limits: WebSocketLimits

    package init(role: WebSocketRole, limits: WebSocketLimits = .default) {
        self.role = role
        self.limits = limits
    }
}
