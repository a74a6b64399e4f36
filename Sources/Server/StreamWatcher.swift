import Core
import Hub
import Loop
import Wire

/// A watch as a stream of HTTP: Server-Sent Events, or one JSON object a line.
final class StreamWatcher: Watcher, ResponseProducer, @unchecked Sendable {
    enum Format { case serverSentEvents, lines }

    static let heartbeatMilliseconds: Int64 = 15_000
    static let retryMilliseconds = 2000

    var endsWithPeer: Bool { true }

    private let exchange: Exchange
    private let subscription: Subscription
    private let format: Format
    private var outbox = Outbox<EncodedEvent>()
    private var lastWriteMilliseconds: Int64
    private var isOver = false

    static func fields(_ format: Format) -> HTTPFields {
        var fields = HTTPFields()
        fields.set("Content-Type", format == .serverSentEvents ? "text/event-stream" : "application/x-ndjson")
        fields.set("Cache-Control", "no-cache, no-transform")
        // nginx would hold events back until its buffer is full.
        fields.set("X-Accel-Buffering", "no")
        fields.set("Vary", "Accept")
        return fields
    }

    static func start(
        _ exchange: Exchange, _ subscription: Subscription, _ format: Format, _ event: EncodedEvent, after: String?
    ) {
        let watcher = StreamWatcher(exchange, subscription, format)
        exchange.begin(200, fields(format), length: nil, producer: watcher)
        subscription.attach(watcher)
        if format == .serverSentEvents { exchange.write(ServerSentEvents.retry(milliseconds: retryMilliseconds)) }
        if let first = event.firstJSON(after: after) {
            switch format {
            case .serverSentEvents:
                exchange.write(ServerSentEvents.event(id: "\(event.epoch)-\(event.offset)", data: first))
            case .lines: exchange.write(first + [UInt8(ascii: "\n")])
            }
            watcher.endIfTerminal(event)
        } else {
            watcher.deliver(event)
        }
    }

    private init(_ exchange: Exchange, _ subscription: Subscription, _ format: Format) {
        self.exchange = exchange
        self.subscription = subscription
        self.format = format
        lastWriteMilliseconds = exchange.loop.nowMilliseconds
    }

    func deliver(_ event: EncodedEvent) {
        guard !isOver else { return }
        if exchange.unsentBytes > SocketStream.outputHighWaterBytes || !outbox.isEmpty {
            let item = Outbox<EncodedEvent>.Item(
                event: event, document: event.document, weight: event.weight, byteCount: event.json.count)
            if !outbox.put(item) {
                // Too slow even for the steps. A stream has no close code: it ends early and is resumed by its client.
                isOver = true
                subscription.leave()
                exchange.breakOff()
            }
            return
        }
        write(event)
    }

    private func write(_ event: EncodedEvent) {
        lastWriteMilliseconds = exchange.loop.nowMilliseconds
        exchange.write(format == .serverSentEvents ? event.serverSentEvent : event.line)
        endIfTerminal(event)
    }

    private func endIfTerminal(_ event: EncodedEvent) {
        guard event.isTerminal else { return }
        isOver = true
        subscription.leave()
        exchange.end()
    }

    func drained() {
        for item in outbox.takeAll() { write(item.event) }
    }

    func sweep(now: Int64) {
        guard format == .serverSentEvents, !isOver, now - lastWriteMilliseconds >= Self.heartbeatMilliseconds else {
            return
        }
        lastWriteMilliseconds = now
        exchange.write(ServerSentEvents.heartbeat)
    }

    func abort() {
        isOver = true
        subscription.leave()
    }

    func drain() {
        guard !isOver else { return }
        isOver = true
        subscription.leave()
        // The stream ends without a terminal event, so its client comes back.
        exchange.closesConnection = true
        exchange.end()
    }
}
