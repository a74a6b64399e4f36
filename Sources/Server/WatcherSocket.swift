import Core
import Hub
import Loop
import Wire

/// A WebSocket whose peer watches: it is sent events, says little, is asked now and then whether it is there, and is
/// let go when it does not keep up. What is watched is its subclasses' business.
class WatcherSocket: StreamDelegate, Swept {
    /// A peer that takes nothing of what waits for so long is gone.
    static let sendMilliseconds: Int64 = 60_000
    static let settings = WebSocketSettings(role: .server)

    final let server: LoopServer
    final let stream: SocketStream
    final let form: EventForm
    private final var connection: WebSocketConnection
    private final var delivery = Delivery()
    private final var heartbeat: Heartbeat
    final var sweepPlace: Int32 = -1

    init(
        _ stream: SocketStream, _ server: LoopServer, deflate: DeflateParameters?,
        settings: WebSocketSettings = WatcherSocket.settings
    ) {
        self.server = server
        self.stream = stream
        form = deflate.map { .deflatedWebSocket(windowBits: $0.serverWindowBits) } ?? .webSocket
        connection = WebSocketConnection(
            settings, compression: deflate.map { server.topics.compressors[$0.serverWindowBits] })
        heartbeat = Heartbeat(now: stream.loop.nowMilliseconds)
        server.sweeper.add(self)
    }

    // MARK: For subclasses

    /// An event is on its way to the peer, the newest of those that were sent together.
    func sent(_ newest: EncodedEvent) {}

    /// The peer has said something. Unknown text is ignored (CLIENTS.md).
    func received(_ kind: WebSocketMessageKind, _ payload: [UInt8]) {}

    /// The peer has taken all that waited.
    func drained() {}

    /// Nothing more will be sent: give back every seat. May come more than once.
    func leave() {}

    /// Whether only the end is awaited.
    final var isClosing: Bool { heartbeat.isClosing }

    // MARK: Events

    final func send(_ run: EventRun) {
        guard !isClosing else { return }
        // The common case, and the cost of a broadcast: nothing waits, and the kernel takes it all.
        if !delivery.isWaiting && stream.sendNow(run.bytes(form)) { return sent(run.newest) }
        switch delivery.take(run, isBackedUp: stream.pendingBytes > 0) {
        case .send:
            stream.send(run.bytes(form))
            sent(run.newest)
        case .wait: stream.tellWhenDrained()
        case .tooSlow: close(code: 1008, reason: "too slow")
        }
    }

    /// Sends bytes that nobody else has to wait for; false when something waits before them.
    final func sendNow(_ shared: SharedBytes) -> Bool { isClosing || stream.sendNow(shared) }

    /// More waits for the peer than it should be given before it has read some.
    final var isBackedUp: Bool { stream.pendingBytes > SocketStream.outputHighWaterBytes }

    /// What waits of this document is not wanted any more.
    final func forget(_ document: DocumentID) { delivery.forget(document) }

    /// Begins a watch: all of it, whatever waits.
    final func begin(_ start: WatchStart<EncodedEvent>) {
        guard !isClosing else { return }
        // What has waited is older, and goes before.
        if let run = delivery.takeWaiting(server.topics.compressors) { stream.write(run.bytes(form)) }
        var rest = start.events[...]
        if let first = start.firstJSON {
            stream.write(WebSocketFrame.text(first))
            rest = rest.dropFirst()
        }
        if !rest.isEmpty { stream.write(EventRun(every: Array(rest), server.topics.compressors).bytes(form)) }
        sent(start.newest)
    }

    /// Sends a message that is no event.
    final func send(text: [UInt8]) {
        if !isClosing { stream.write(WebSocketFrame.text(text)) }
    }

    final func streamDrained() {
        stream.resumeReading()
        guard !isClosing else { return }
        if let run = delivery.takeWaiting(server.topics.compressors) {
            stream.write(run.bytes(form))
            sent(run.newest)
        }
        drained()
    }

    // MARK: The peer

    final func streamReceived(_ bytes: inout MutableSpan<UInt8>) {
        connection.receive(bytes.span)
        while let event = connection.nextEvent() {
            switch event {
            case .message(let kind, let payload): received(kind, payload)
            case .ping: break
            case .pong: heartbeat.heard()
            case .closed:
                leave()
                // The sweep ends a peer that does not even read the answer to its own close frame.
                heartbeat.beginClosing(now: stream.loop.nowMilliseconds)
                stream.write(connection.drainOutput())
                return stream.closeAfterFlush()
            }
        }
        let output = connection.drainOutput()
        if !output.isEmpty { stream.write(output) }
        // A peer that asks and asks without reading its answers is not listened to until it has read them.
        if isBackedUp { stream.pauseReading() }
    }

    final func streamEnded() {
        // TCP ended without a close frame: nothing more can be agreed on.
        stream.close()
    }

    final func streamClosed() {
        server.sweeper.remove(self)
        leave()
    }

    // MARK: Ending

    final func close(code: UInt16, reason: String) {
        guard !isClosing else { return }
        heartbeat.beginClosing(now: stream.loop.nowMilliseconds)
        leave()
        connection.close(code: code, reason: reason)
        stream.write(connection.drainOutput())
    }

    final func drain() { close(code: 1012, reason: "service restart") }

    final func sweep(now: Int64) {
        if stream.pendingBytes > 0 {
            // A ping or a close frame is behind what waits: its time begins when it has left.
            heartbeat.postpone(now: now)
            if now - stream.lastProgressMilliseconds > Self.sendMilliseconds { stream.close() }
            return
        }
        switch heartbeat.look(now: now) {
        case .nothing: break
        case .ping: stream.write(WebSocketFrame.ping([]))
        case .end: stream.close()
        }
    }
}
