import Core
import Hub
import Loop
import Wire

/// A watch over WebSocket: one state a text message, pings, and a close that says why.
final class WebSocketWatcher: Watcher, StreamDelegate, Swept, @unchecked Sendable {
    static let pingMilliseconds: Int64 = 25_000
    static let pongMilliseconds: Int64 = 10_000
    /// How long the peer may take to answer our close frame.
    static let closeMilliseconds: Int64 = 5000

    private let stream: SocketStream
    private let subscription: Subscription
    private var connection = WebSocketConnection(WebSocketSettings(role: .server))
    private var outbox = Outbox<EncodedEvent>()
    private var lastPingMilliseconds: Int64
    private var unansweredPingMilliseconds: Int64?
    private var closingSinceMilliseconds: Int64?

    private var loop: EventLoop { stream.loop }

    init(_ stream: SocketStream, _ subscription: Subscription, _ event: EncodedEvent, after: String?) {
        self.stream = stream
        self.subscription = subscription
        lastPingMilliseconds = stream.loop.nowMilliseconds
        subscription.server.sweeper.add(self)
        subscription.attach(self)
        if let first = event.firstJSON(after: after) {
            stream.write(WebSocketFrame.text(first))
            endIfTerminal(event)
        } else {
            write(event)
        }
    }

    // MARK: Events

    func deliver(_ event: EncodedEvent) {
        guard closingSinceMilliseconds == nil else { return }
        if stream.pendingBytes > SocketStream.outputHighWaterBytes || !outbox.isEmpty {
            let item = Outbox<EncodedEvent>.Item(
                event: event, document: event.document, weight: event.weight, byteCount: event.json.count)
            if !outbox.put(item) { close(code: 1008, reason: "too slow") }
            return
        }
        write(event)
    }

    private func write(_ event: EncodedEvent) {
        stream.write(event.webSocket)
        endIfTerminal(event)
    }

    private func endIfTerminal(_ event: EncodedEvent) {
        if event.isTerminal { close(code: 1000, reason: event.status.rawValue) }
    }

    func streamDrained() {
        for item in outbox.takeAll() where closingSinceMilliseconds == nil { write(item.event) }
    }

    // MARK: The peer

    func streamReceived(_ bytes: inout MutableSpan<UInt8>) {
        connection.receive(bytes.span)
        while let event = connection.nextEvent() {
            switch event {
            // Watchers have nothing to say; unknown text is ignored (CLIENTS.md).
            case .message, .ping: break
            case .pong: unansweredPingMilliseconds = nil
            case .closed:
                subscription.leave()
                // The sweep ends a peer that does not even read the answer to its own close frame.
                closingSinceMilliseconds = closingSinceMilliseconds ?? loop.nowMilliseconds
                stream.write(connection.drainOutput())
                return stream.closeAfterFlush()
            }
        }
        let output = connection.drainOutput()
        if !output.isEmpty { stream.write(output) }
    }

    func streamEnded() {
        // TCP ended without a close frame: nothing more can be agreed on.
        stream.close()
    }

    func streamClosed() { leave() }

    private func leave() {
        subscription.server.sweeper.remove(self)
        subscription.leave()
    }

    // MARK: Ending

    private func close(code: UInt16, reason: String) {
        guard closingSinceMilliseconds == nil else { return }
        closingSinceMilliseconds = loop.nowMilliseconds
        subscription.leave()
        connection.close(code: code, reason: reason)
        stream.write(connection.drainOutput())
    }

    func drain() { close(code: 1012, reason: "service restart") }

    func sweep(now: Int64) {
        if let since = closingSinceMilliseconds {
            if now - since > Self.closeMilliseconds { stream.close() }
        } else if let since = unansweredPingMilliseconds {
            if now - since > Self.pongMilliseconds { stream.close() }
        } else if now - lastPingMilliseconds >= Self.pingMilliseconds {
            lastPingMilliseconds = now
            unansweredPingMilliseconds = now
            stream.write(WebSocketFrame.ping([]))
        }
    }
}
