import Core
import Hub
import Loop
import Wire

/// A watch of one document over WebSocket: one state a text message, pings, and a close that says why.
final class WebSocketWatcher: TopicMember, StreamDelegate, Swept, @unchecked Sendable {
    /// A watcher has little to say.
    static let settings = WebSocketSettings(role: .server, limits: WebSocketLimits(acceptsBinary: true))

    private let server: LoopServer
    private let stream: SocketStream
    private let seat: Seat
    private let form: EventForm
    var membership = Membership()
    private var hasSeat: Bool
    private var connection: WebSocketConnection
    private var outbox = Outbox<EncodedEvent>()
    private var heartbeat: Heartbeat
    var sweepPlace: Int32 = -1

    init(
        _ stream: SocketStream, _ server: LoopServer, _ seat: Seat, _ start: WatchStart<EncodedEvent>,
        deflate: DeflateParameters?
    ) {
        self.server = server
        self.stream = stream
        self.seat = seat
        form = deflate.map { .deflatedWebSocket(windowBits: $0.serverWindowBits) } ?? .webSocket
        hasSeat = start.isTaken
        connection = WebSocketConnection(
            Self.settings, compression: deflate.map { server.topics.compressors[$0.serverWindowBits] })
        heartbeat = Heartbeat(now: stream.loop.nowMilliseconds)
        server.sweeper.add(self)
        if hasSeat { seat.attach(self, on: server) }
        begin(start)
    }

    private func begin(_ start: WatchStart<EncodedEvent>) {
        var rest = start.events[...]
        if let first = start.firstJSON {
            stream.write(WebSocketFrame.text(first))
            rest = rest.dropFirst()
        }
        if !rest.isEmpty { stream.write(EventRun(rest, server.topics.compressors).bytes(form)) }
        endIfTerminal(start.newest)
    }

    // MARK: Events

    func deliver(_ run: EventRun) {
        guard !heartbeat.isClosing else { return }
        if stream.pendingBytes == 0 && outbox.isEmpty {
            stream.send(run.bytes(form))
            endIfTerminal(run.newest)
        } else {
            hold(run)
        }
    }

    /// The peer does not keep up: ticks give way to newer ones, steps stay, within a bound.
    private func hold(_ run: EventRun) {
        for event in run.events {
            let item = Outbox<EncodedEvent>.Item(
                event: event, document: event.document, weight: event.weight, byteCount: event.jsonCount)
            guard outbox.put(item) else { return close(code: 1008, reason: "too slow") }
        }
        stream.tellWhenDrained()
    }

    func streamDrained() {
        guard !outbox.isEmpty, !heartbeat.isClosing else { return }
        let events = outbox.takeAll().map(\.event)
        let run = EventRun(events[...], server.topics.compressors)
        stream.write(run.bytes(form))
        endIfTerminal(run.newest)
    }

    private func endIfTerminal(_ event: EncodedEvent) {
        if event.isTerminal { close(code: 1000, reason: event.status.rawValue) }
    }

    // MARK: The peer

    func streamReceived(_ bytes: inout MutableSpan<UInt8>) {
        connection.receive(bytes.span)
        while let event = connection.nextEvent() {
            switch event {
            // Watchers have nothing to say; unknown text is ignored (CLIENTS.md).
            case .message, .ping: break
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
    }

    func streamEnded() {
        // TCP ended without a close frame: nothing more can be agreed on.
        stream.close()
    }

    func streamClosed() {
        server.sweeper.remove(self)
        leave()
    }

    private func leave() {
        guard hasSeat else { return }
        hasSeat = false
        seat.leave(self, on: server)
    }

    // MARK: Ending

    private func close(code: UInt16, reason: String) {
        guard !heartbeat.isClosing else { return }
        heartbeat.beginClosing(now: stream.loop.nowMilliseconds)
        leave()
        connection.close(code: code, reason: reason)
        stream.write(connection.drainOutput())
    }

    func drain() { close(code: 1012, reason: "service restart") }

    func sweep(now: Int64) {
        switch heartbeat.look(now: now) {
        case .nothing: break
        case .ping: stream.write(WebSocketFrame.ping([]))
        case .end: stream.close()
        }
    }
}
