package enum WebSocketMessageKind: Sendable, Equatable { case text, binary }

/// One WebSocket connection after its handshake (RFC 6455 §5 to §7), as a value: octets in, events and octets out.
///
/// ```
/// while let message = connection.takeMessage(&bytes, at: &position) { … }  // whole messages, where they lie
/// connection.receive(bytes.span.extracting(position...))                   // whatever else there is
/// while let event = connection.nextEvent() { … }                           // perhaps connection.send(…)
/// write(connection.drainOutput())                                          // pongs, messages, the close frame
/// ```
///
/// `takeMessage` is a short cut for the common case and may be left out: `receive` takes everything, with the same
/// result. After `.closed` the caller drains the output, ends the stream and forgets the connection; input is ignored.
///
/// Idle, it holds two references and no memory of its own. It has one owner: a copy would share what is under way.
package struct WebSocketConnection {
    package enum Event: Sendable, Equatable {
        /// A whole message; text is valid UTF-8.
        case message(WebSocketMessageKind, [UInt8])
        /// The pong is queued.
        case ping([UInt8])
        case pong([UInt8])
        /// The peer has closed (`nil`: it gave no code), or was failed (see `failure`). The last event.
        case closed(code: UInt16?, reason: String)
    }

    private let settings: WebSocketSettings
    private let compression: (any MessageCompression)?
    private var machine: WebSocketMachine?

    /// With `compression` the peer may send compressed messages, and is sent them (RFC 7692).
    package init(_ settings: WebSocketSettings, compression: (any MessageCompression)? = nil) {
        self.settings = settings
        self.compression = compression
    }

    /// A close frame was sent or received: nothing may be sent any more.
    package var isClosing: Bool { machine?.isClosing ?? false }

    /// Why the connection was failed, if it was; to be looked at when `.closed` comes.
    package var failure: WebSocketError? { machine?.failure }

    private mutating func busy() -> WebSocketMachine {
        if let machine { return machine }
        let made = WebSocketMachine(settings, compression: compression)
        machine = made
        return made
    }

    /// A message that lies whole in the read buffer, with its mask taken off.
    package struct WholeMessage {
        package let kind: WebSocketMessageKind
        /// Of `bytes`.
        package let range: Range<Int>
    }

    /// The next message, if it is one frame, lies whole in `bytes` from `position` on, and nothing is half received;
    /// `position` is then behind it. It is unmasked where it lies and costs no memory. Nil for everything else, also
    /// for what is wrong: `receive` says what.
    package func takeMessage(_ bytes: inout MutableSpan<UInt8>, at position: inout Int) -> WholeMessage? {
        guard machine == nil else { return nil }
        let left = bytes.count - position
        // RFC 6455 §5.2: two octets, and four of the mask, which a server's peer must send.
        guard left >= 6, settings.role.isServer else { return nil }
        let (first, second) = (bytes[position], bytes[position + 1])
        let kind: WebSocketMessageKind
        switch first {
        case 0x81: kind = .text
        case 0x82 where settings.limits.acceptsBinary: kind = .binary
        default: return nil
        }
        var headerCount = 6
        var count = Int(second & 0x7F)
        guard second & 0x80 != 0, count < 127 else { return nil }
        if count == 126 {
            guard left >= 8 else { return nil }
            headerCount = 8
            count = Int(bytes[position + 2]) << 8 | Int(bytes[position + 3])
            guard count >= 126 else { return nil }
        }
        guard count <= settings.limits.messageBytesMax, left - headerCount >= count else { return nil }
        let start = position + headerCount
        let range = start..<start + count
        let mask = WebSocketMask(bytes[start - 4], bytes[start - 3], bytes[start - 2], bytes[start - 1])
        mask.apply(to: &bytes, in: range)
        if kind == .text {
            var validator = UTF8Validator()
            guard validator.accept(bytes.span.extracting(range)), validator.isComplete else {
                // Put on again, so that `receive` sees what came.
                mask.apply(to: &bytes, in: range)
                return nil
            }
        }
        position = range.upperBound
        return WholeMessage(kind: kind, range: range)
    }

    /// Takes what was read from the peer. Then take all events and drain the output: both grow with the input only.
    package mutating func receive(_ bytes: Span<UInt8>) {
        guard bytes.count > 0 else { return }
        busy().receive(bytes)
    }

    /// What has been received, in order; nil when there is nothing more for now.
    package mutating func nextEvent() -> Event? { machine?.nextEvent() }

    /// What must now be sent: pongs, a close frame, messages queued by `send`.
    package mutating func drainOutput() -> [UInt8] {
        guard let machine else { return [] }
        let output = machine.drainOutput()
        if machine.isIdle { self.machine = nil }
        return output
    }

    /// Queues a message, masked if this is a client, compressed if that was agreed on and pays. Does nothing once the
    /// connection is closing.
    package mutating func send(_ kind: WebSocketMessageKind, _ payload: [UInt8]) { busy().send(kind, payload.span) }

    package mutating func send(_ kind: WebSocketMessageKind, _ payload: Span<UInt8>) { busy().send(kind, payload) }

    /// Queues a ping. Does nothing once the connection is closing.
    package mutating func sendPing(_ payload: [UInt8] = []) { busy().sendPing(payload) }

    /// Queues our close frame; nothing may be sent after it. Wait for `.closed`, with a time limit of the caller's,
    /// then end the stream. Does nothing when the connection is closing already.
    package mutating func close(code: UInt16, reason: String) { busy().close(code: code, reason: reason) }
}
