/// What a WebSocket connection keeps while something is under way (RFC 6455 §5 to §7).
///
/// Two machines run in it. *Receiving* goes header → payload → header; a frame's payload is unmasked, checked and
/// kept as it arrives, so that wrong UTF-8 is refused at its first octet, and a message is given out whole. A message
/// that is compressed is kept as it came and inflated at its end. *Closing* goes
///
/// ```
/// open ── close() ──▶ closeSent ── the peer's close ──▶ closed
///   └──── the peer's close (answered), or its mistake (failed with a code) ──▶ closed
/// ```
///
/// Taking an event is what answers it: the pong or the closing frame is queued then, so that what the caller sends
/// for an earlier message goes before it. Once `closeSent`, nothing more is sent and nothing but `.closed` is
/// reported. After `.closed` input is ignored.
final class WebSocketMachine {
    private enum Phase { case open, closeSent, closed }

    typealias Event = WebSocketConnection.Event

    private let settings: WebSocketSettings
    private let compression: (any MessageCompression)?
    private var role: WebSocketRole { settings.role }
    private var limits: WebSocketLimits { settings.limits }

    private var phase = Phase.open
    private var events = EventQueue()
    private var output: [UInt8] = []
    /// So many bytes at the output's end are pongs.
    private var trailingPongBytes = 0

    /// Why the connection was failed, if it was; to be looked at when `.closed` comes.
    private(set) var failure: WebSocketError?
    /// The payload of the close frame that answers the peer's close or its mistake; nil while there was neither.
    /// Nothing is received any more once it is there.
    private var closeAnswer: [UInt8]?

    // The frame that is being received.
    private var header = WebSocketFrameHeader()
    private var payloadRemaining = 0
    private var mask = WebSocketMask.none
    private var controlPayload: [UInt8] = []

    // The message that its fragments make. Control frames may come between them (RFC 6455 §5.4).
    private var messageKind: WebSocketMessageKind?
    private var message: [UInt8] = []
    private var isCompressed = false
    private var utf8 = UTF8Validator()

    init(_ settings: WebSocketSettings, compression: (any MessageCompression)?) {
        self.settings = settings
        self.compression = compression
    }

    /// Nothing is half received, nothing waits to be taken: the connection can do without this.
    var isIdle: Bool {
        phase == .open && closeAnswer == nil && header.octetCount == 0 && messageKind == nil && events.isEmpty
            && output.isEmpty
    }

    /// A close frame was sent or received: nothing may be sent any more.
    var isClosing: Bool { phase != .open }

    /// Takes what was read from the peer. Then take all events and drain the output: both grow with the input only.
    func receive(_ bytes: Span<UInt8>) {
        var position = 0
        do throws(WebSocketError) {
            // A frame may have no payload: its end is due even when the input is used up.
            while closeAnswer == nil, try step(bytes, at: &position) {}
        } catch {
            fail(error)
        }
    }

    /// What has been received, in order; nil when there is nothing more for now.
    func nextEvent() -> Event? {
        while let event = events.removeFirst() {
            switch event {
            case .closed:
                // RFC 6455 §5.5.1 and §7.1.7: a close frame is answered, a mistake is told, unless ours went before.
                if phase == .open, let closeAnswer { queue(.close, closeAnswer) }
                phase = .closed
                return event
            case .ping(let payload):
                guard phase == .open else { continue }
                queuePong(payload)
                return event
            case .message, .pong:
                guard phase == .open else { continue }
                return event
            }
        }
        return nil
    }

    /// What must now be sent: pongs, a close frame, messages queued by `send`.
    func drainOutput() -> [UInt8] {
        defer { (output, trailingPongBytes) = ([], 0) }
        return output
    }

    /// Queues a message, masked if this is a client. Does nothing once the connection is closing.
    func send(_ kind: WebSocketMessageKind, _ payload: Span<UInt8>) {
        guard phase == .open else { return }
        let opcode: WebSocketOpcode = kind == .text ? .text : .binary
        trailingPongBytes = 0
        if let compression, payload.count >= compression.bytesMin {
            var compressed: [UInt8] = []
            compression.deflate(payload, into: &compressed)
            role.appendFrame(opcode, compressed.span, isCompressed: true, to: &output)
        } else {
            role.appendFrame(opcode, payload, to: &output)
        }
    }

    /// Queues a ping. Does nothing once the connection is closing.
    func sendPing(_ payload: [UInt8] = []) {
        precondition(payload.count <= WebSocketFrame.controlPayloadBytesMax, "A ping carries at most 125 bytes.")
        guard phase == .open else { return }
        queue(.ping, payload)
    }

    /// Queues our close frame; nothing may be sent after it. Wait for `.closed`, with a time limit of the caller's,
    /// then end the stream. Does nothing when the connection is closing already.
    func close(code: UInt16, reason: String) {
        guard phase == .open else { return }
        queue(.close, WebSocketFrame.closePayload(code: code, reason: reason))
        phase = .closeSent
        message = []
    }

    // MARK: Receiving

    /// One step of the receiving machine; false when it needs more input.
    private func step(_ bytes: Span<UInt8>, at position: inout Int) throws(WebSocketError) -> Bool {
        if !header.isComplete {
            while position < bytes.count && !header.isComplete {
                try header.take(bytes[position], role: role, allowsCompression: compression != nil)
                position += 1
                if header.octetCount == 1 { try checkSequence() }
            }
            guard header.isComplete else { return false }
            try beginPayload()
        }
        if payloadRemaining > 0 {
            guard position < bytes.count else { return false }
            let taken = min(payloadRemaining, bytes.count - position)
            try takePayload(bytes.extracting(position..<position + taken))
            position += taken
            payloadRemaining -= taken
            guard payloadRemaining == 0 else { return false }
        }
        try endFrame()
        header = WebSocketFrameHeader()
        return position < bytes.count
    }

    /// RFC 6455 §5.4: fragments of one message follow each other, only control frames between them.
    private func checkSequence() throws(WebSocketError) {
        switch header.opcode {
        case .continuation:
            if messageKind == nil { throw .continuationWithoutMessage }
        case .text, .binary:
            if messageKind != nil { throw .messageWithinMessage }
            if header.opcode == .binary && !limits.acceptsBinary { throw .binaryNotAccepted }
        case .close, .ping, .pong: break
        }
    }

    private func beginPayload() throws(WebSocketError) {
        payloadRemaining = header.payloadCount
        mask = header.mask
        switch header.opcode {
        case .text: (messageKind, isCompressed, utf8) = (.text, header.isCompressed, UTF8Validator())
        case .binary: (messageKind, isCompressed) = (.binary, header.isCompressed)
        case .continuation, .close, .ping, .pong: break
        }
        // What is compressed can be a little longer than what comes out of it (RFC 1951 §3.2.4: five octets a block).
        let bytesMax = limits.messageBytesMax + (isCompressed ? limits.messageBytesMax / 1024 + 64 : 0)
        if !header.opcode.isControl, header.payloadCount > bytesMax - message.count {
            throw .messageTooLong(bytesMax: limits.messageBytesMax)
        }
    }

    private func takePayload(_ bytes: Span<UInt8>) throws(WebSocketError) {
        if header.opcode.isControl {
            mask.append(bytes, to: &controlPayload)
            return
        }
        // Behind our close frame messages are of no use any more; only the peer's close is awaited.
        guard phase == .open else { return }
        let start = message.count
        mask.append(bytes, to: &message)
        guard messageKind == .text, !isCompressed else { return }
        // RFC 6455 §8.1. At once, not at the message's end: a peer that sends garbage learns it early.
        var validator = utf8
        guard validator.accept(message.span.extracting(start..<message.count)) else { throw .invalidUTF8 }
        utf8 = validator
    }

    private func endFrame() throws(WebSocketError) {
        let control = controlPayload
        controlPayload = []
        switch header.opcode {
        case .continuation, .text, .binary:
            guard header.isFinal, let kind = messageKind else { return }
            if phase == .open {
                if isCompressed { try inflate(kind) }
                if kind == .text, !utf8.isComplete { throw .invalidUTF8 }
                events.append(.message(kind, message))
            }
            (messageKind, isCompressed, message) = (nil, false, [])
        case .ping: events.append(.ping(control))
        case .pong: events.append(.pong(control))
        case .close: try takeClose(control)
        }
    }

    /// RFC 7692 §6.2. The output is bounded while it is made: a bomb costs no more than the largest message.
    private func inflate(_ kind: WebSocketMessageKind) throws(WebSocketError) {
        guard let compression else { return }
        var inflated: [UInt8] = []
        do throws(MessageInflationError) {
            try compression.inflate(message.span, bytesMax: limits.messageBytesMax, into: &inflated)
        } catch {
            switch error {
            case .invalid: throw .invalidCompression
            case .tooLong: throw .messageTooLong(bytesMax: limits.messageBytesMax)
            }
        }
        message = inflated
        guard kind == .text else { return }
        var validator = utf8
        guard validator.accept(message.span) else { throw .invalidUTF8 }
        utf8 = validator
    }

    /// RFC 6455 §5.5.1 and §7.4: no payload, or a code that may be sent and a reason in UTF-8.
    private func takeClose(_ payload: [UInt8]) throws(WebSocketError) {
        var (code, reason): (UInt16?, String) = (nil, "")
        if !payload.isEmpty {
            guard payload.count >= 2 else { throw .closePayloadTooShort }
            let sent = UInt16(payload[0]) << 8 | UInt16(payload[1])
            guard WebSocketCloseCode.isSendable(sent) else { throw .closeCodeInvalid(sent) }
            guard let text = String(validating: payload[2...], as: UTF8.self) else { throw .invalidUTF8 }
            (code, reason) = (sent, text)
        }
        // RFC 6455 §5.5.1: the answer echoes the code; the reason is the peer's own.
        end(code: code, reason: reason, answer: Array(payload.prefix(2)))
    }

    /// RFC 6455 §7.1.7: fail the connection.
    private func fail(_ error: WebSocketError) {
        failure = error
        let answer = WebSocketFrame.closePayload(code: error.closeCode, reason: error.reason)
        end(code: error.closeCode, reason: error.reason, answer: answer)
    }

    private func end(code: UInt16?, reason: String, answer: [UInt8]) {
        closeAnswer = answer
        (message, controlPayload) = ([], [])
        events.append(.closed(code: code, reason: reason))
    }

    // MARK: Sending

    private func queue(_ opcode: WebSocketOpcode, _ payload: [UInt8]) {
        trailingPongBytes = 0
        role.appendFrame(opcode, payload.span, to: &output)
    }

    /// RFC 6455 §5.5.3.
    private func queuePong(_ payload: [UInt8]) {
        if trailingPongBytes + payload.count > limits.pongBacklogBytesMax {
            output.removeLast(trailingPongBytes)
            trailingPongBytes = 0
        }
        let start = output.count
        role.appendFrame(.pong, payload.span, to: &output)
        trailingPongBytes += output.count - start
    }
}

extension WebSocketMachine {
    /// Events in order, the first without an allocation: mostly there is one a time, and thousands of connections wait.
    private struct EventQueue {
        private var first: Event?
        private var rest: [Event] = []
        private var taken = 0

        var isEmpty: Bool { first == nil && rest.isEmpty }

        mutating func append(_ event: Event) {
            if first == nil && rest.isEmpty { first = event } else { rest.append(event) }
        }

        mutating func removeFirst() -> Event? {
            if let event = first {
                first = nil
                return event
            }
            guard taken < rest.count else { return nil }
            let event = rest[taken]
            taken += 1
            if taken == rest.count { (rest, taken) = ([], 0) }
            return event
        }
    }
}

extension WebSocketRole {
    /// Appends a whole message's frame, masked if this end must mask.
    fileprivate func appendFrame(
        _ opcode: WebSocketOpcode, _ payload: Span<UInt8>, isCompressed: Bool = false, to output: inout [UInt8]
    ) {
        WebSocketFrame.appendHeader(
            opcode, payloadCount: payload.count, isMasked: !isServer, isCompressed: isCompressed, to: &output)
        switch self {
        case .server:
            // The buffer is only read, and only within the closure.
            unsafe payload.withUnsafeBufferPointer { unsafe output.append(contentsOf: $0) }
        case .client(let nextMask):
            var mask = WebSocketMask(nextMask())
            let octets = mask.octets
            for index in octets.indices { output.append(octets[index]) }
            mask.append(payload, to: &output)
        }
    }
}
