import Compression
import Core
import Hub
import Loop
import Synchronization
import Wire

/// `serve --diagnostics`: an echo, and a topic whose messages go as they are through the very hub, outboxes and loops
/// that documents' events use. For conformance suites and measurements.
enum DiagnosticsRoutes {
    static let messageBytesMax = 16 << 20
    static let publishBytesMax = 64 * 1024

    static func echo(_ exchange: Exchange) {
        guard let opening = WebSocketOpening(exchange, .asOffered) else { return }
        opening.accept { EchoSocket($0, exchange.server, deflate: opening.deflate) }
    }

    /// `?conflate=1`: who does not keep up gets the newest message only.
    static func watch(_ exchange: Exchange) {
        guard let opening = WebSocketOpening(exchange, .withoutContext) else { return }
        let conflates = QueryItems(exchange.head.query)["conflate"] == "1"
        opening.accept { DiagnosticsWatcher($0, exchange.server, deflate: opening.deflate, conflates: conflates) }
    }

    static func publish(_ exchange: Exchange) {
        if let length = exchange.contentLength, length > Int64(publishBytesMax) { return exchange.respond(tooLarge) }
        exchange.takeBody(Publication(exchange))
    }

    private static let tooLarge = Problem(
        413, "body_too_large", "A message may have \(publishBytesMax) bytes.")

    /// The body of one message.
    private final class Publication: BodyConsumer {
        private let exchange: Exchange
        private var body: [UInt8] = []

        init(_ exchange: Exchange) { self.exchange = exchange }

        func receive(_ bytes: Span<UInt8>) {
            guard body.count + bytes.count <= publishBytesMax else { return exchange.respond(tooLarge) }
            bytes.withUnsafeBufferPointer { body.append(contentsOf: $0) }
        }

        func abort() {}

        func finish() {
            // A text message is UTF-8, whoever publishes it (RFC 6455 §5.6).
            guard String(validating: body, as: UTF8.self) != nil else {
                return exchange.respond(Problem(400, "not_utf8", "A message is UTF-8 text."))
            }
            exchange.server.shared.diagnostics.publish(body)
            exchange.respond(202, HTTPFields(), [])
        }
    }
}

/// The topic itself: made by loop 0, so that its messages have one order.
package final class DiagnosticsTopic: Sendable {
    private let hub: Hub
    // Who watches on each loop, and how many messages there were. Read on loop 0 alone, which owns both.
    private struct State: Sendable {
        var audience: TopicAudience
        var offset: Int64 = 0
    }
    // Never contended: a Mutex only so that the compiler sees that too.
    private let state: Mutex<State>

    package init(_ hub: Hub) {
        self.hub = hub
        state = Mutex(State(audience: TopicAudience(loopCount: hub.loops.count)))
    }

    func publish(_ message: [UInt8]) {
        hub.loops[0].perform { [self] in
            let (event, audience) = state.withLock { state in
                state.offset += 1
                return (EncodedEvent(message: message, offset: state.offset), state.audience)
            }
            hub.publish(event, to: .diagnostics, audience)
        }
    }

    func join(loopIndex: Int) { hub.loops[0].perform { self.state.withLock { $0.audience.join(loop: loopIndex) } } }
    func leave(loopIndex: Int) { hub.loops[0].perform { self.state.withLock { $0.audience.leave(loop: loopIndex) } } }
}

/// A watcher of the diagnostics topic.
final class DiagnosticsWatcher: WatcherSocket, TopicMember {
    var membership = Membership()
    private let conflates: Bool

    init(_ stream: SocketStream, _ server: LoopServer, deflate: DeflateParameters?, conflates: Bool) {
        self.conflates = conflates
        super.init(stream, server, deflate: deflate)
        server.topics.attach(self, to: .diagnostics)
        server.shared.diagnostics.join(loopIndex: server.loop.index)
        server.shared.counters.watchers.add(1)
    }

    func deliver(_ run: EventRun) {
        if conflates { sendNewest(run) } else { send(run) }
    }

    override func leave() {
        guard membership.isAttached else { return }
        server.topics.detach(self, from: .diagnostics)
        server.shared.diagnostics.leave(loopIndex: server.loop.index)
        server.shared.counters.watchers.add(-1)
    }
}
