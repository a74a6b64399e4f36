import Compression
import Core
import Hub
import JSON
import Loop
import System
import Wire

/// `serve --diagnostics`: an echo, and a topic whose messages go as they are through the very hub, outboxes and loops
/// that documents' events use. For conformance suites and measurements.
enum DiagnosticsRoutes {
    static let messageBytesMax = 16 << 20
    static let publishBytesMax = 64 * 1024

    static func echo(_ exchange: Exchange) {
        guard !exchange.server.shared.isDraining else { return exchange.respond(.restarting) }
        guard let opening = WebSocketOpening(exchange, .asOffered) else { return }
        opening.accept { EchoSocket($0, exchange.server, deflate: opening.deflate) }
    }

    /// `?conflate=1`: who does not keep up gets the newest message only.
    static func watch(_ exchange: Exchange) {
        guard !exchange.server.shared.isDraining else { return exchange.respond(.restarting) }
        guard let opening = WebSocketOpening(exchange, .withoutContext) else { return }
        let conflates = QueryItems(exchange.head.query)["conflate"] == "1"
        opening.accept { DiagnosticsWatcher($0, exchange.server, deflate: opening.deflate, conflates: conflates) }
    }

    static func publish(_ exchange: Exchange) {
        if let length = exchange.contentLength, length > Int64(publishBytesMax) { return exchange.respond(tooLarge) }
        exchange.takeBody(Publication(exchange))
    }

    /// `{"memory_pressure":55,"own_memory_bytes":N,"disk_free_bytes":N,"disk_total_bytes":N}` stands in for what is
    /// measured; what is left out is measured, so `{}` ends it.
    static func pressure(_ exchange: Exchange) {
        SmallBody.take(exchange) { value in
            var readings = PressureReadings()
            readings.memoryPressurePercent = value["memory_pressure"]?.numberValue
            readings.ownMemoryBytes = value["own_memory_bytes"]?.integerValue
            if let free = value["disk_free_bytes"]?.integerValue, let total = value["disk_total_bytes"]?.integerValue {
                guard 0...1 << 60 ~= total, 0...total ~= free else {
                    return exchange.respond(Problem(400, "bad_reading", "A disk has 0 to 1 << 60 bytes."))
                }
                readings.disk = .init(freeBytes: free, totalBytes: total)
            }
            exchange.server.shared.admission.inject(readings)
            exchange.respond(202, HTTPFields(), [])
        }
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
            guard !body.isEmpty else {
                return exchange.respond(Problem(400, "empty_message", "A message has at least one byte."))
            }
            // A text message is UTF-8, whoever publishes it (RFC 6455 §5.6).
            guard String(validating: body, as: UTF8.self) != nil else {
                return exchange.respond(Problem(400, "not_utf8", "A message is UTF-8 text."))
            }
            exchange.server.shared.diagnostics.publish(body)
            exchange.respond(202, HTTPFields(), [])
        }
    }
}

/// The topic itself: made by loop 0, so that its messages have one order. Who wants the newest only is told at the pace
/// of documents' ticks: a storm costs as many writes as there is anybody to see.
package final class DiagnosticsTopic: @unchecked Sendable {
    private let hub: Hub
    private var loop: EventLoop { hub.loops[0] }

    // All of these are touched on loop 0 alone.
    private var audience: TopicAudience
    private var newestAudience: TopicAudience
    private var offset: Int64 = 0
    private var pace = EventPace()
    private var newest: EncodedEvent?

    package init(_ hub: Hub) {
        self.hub = hub
        audience = TopicAudience(loopCount: hub.loops.count)
        newestAudience = audience
    }

    func publish(_ message: [UInt8]) {
        loop.perform { [self] in
            offset += 1
            let event = EncodedEvent(message: message, offset: offset)
            hub.publish(event, to: .diagnostics(newestOnly: false), audience)
            guard !newestAudience.isEmpty else { return }
            newest = event
            switch pace.decide(.tick, at: now) {
            case .tellNow: tellNewest()
            case .wait: break
            case .tellLater(let milliseconds):
                loop.schedule(afterMilliseconds: milliseconds) { [self] in
                    if pace.waitEnded(at: now) { tellNewest() }
                }
            }
        }
    }

    private func tellNewest() {
        if let newest { hub.publish(newest, to: .diagnostics(newestOnly: true), newestAudience) }
        newest = nil
    }

    private var now: Moment {
        Moment(monotonicMilliseconds: Clock.monotonicMilliseconds, unixMilliseconds: Clock.unixMilliseconds)
    }

    func join(loopIndex: Int, newestOnly: Bool) {
        loop.perform { [self] in
            if newestOnly { newestAudience.join(loop: loopIndex) } else { audience.join(loop: loopIndex) }
        }
    }

    func leave(loopIndex: Int, newestOnly: Bool) {
        loop.perform { [self] in
            if newestOnly { newestAudience.leave(loop: loopIndex) } else { audience.leave(loop: loopIndex) }
        }
    }
}

/// A watcher of the diagnostics topic.
final class DiagnosticsWatcher: WatcherSocket, TopicMember {
    var membership = Membership()
    private let conflates: Bool
    /// The newest message, for a peer that had no room for it.
    private var newest: EncodedEvent?

    init(_ stream: SocketStream, _ server: LoopServer, deflate: DeflateParameters?, conflates: Bool) {
        self.conflates = conflates
        super.init(stream, server, deflate: deflate)
        server.topics.attach(self, to: .diagnostics(newestOnly: conflates))
        server.shared.diagnostics.join(loopIndex: server.loop.index, newestOnly: conflates)
        server.shared.counters.watchers.add(1)
    }

    func deliver(_ run: EventRun) {
        guard conflates else { return send(run) }
        newest = sendNow(run.newestBytes(form)) ? nil : run.newest
        if newest != nil { stream.tellWhenDrained() }
    }

    override func drained() {
        guard let event = newest else { return }
        newest = nil
        stream.send(event.bytes(form, server.topics.compressors))
    }

    override func leave() {
        guard membership.isAttached else { return }
        server.topics.detach(self, from: .diagnostics(newestOnly: conflates))
        server.shared.diagnostics.leave(loopIndex: server.loop.index, newestOnly: conflates)
        server.shared.counters.watchers.add(-1)
    }
}
