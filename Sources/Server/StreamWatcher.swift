import Core
import Hub
import Loop
import Wire

/// A watch of one document as a stream of HTTP: Server-Sent Events, or one JSON object a line.
final class StreamWatcher: TopicMember, ResponseProducer, @unchecked Sendable {
    enum Format { case serverSentEvents, lines }

    static let heartbeatMilliseconds: Int64 = 15_000
    static let retryMilliseconds = 2000

    var endsWithPeer: Bool { true }

    private let exchange: Exchange
    private var seat: Seat
    private let format: Format
    private let form: EventForm
    var membership = Membership()
    private var delivery = Delivery()
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

    static func start(_ exchange: Exchange, _ seat: Seat, _ format: Format, _ start: WatchStart<EncodedEvent>) {
        let watcher = StreamWatcher(exchange, seat, format)
        exchange.begin(200, fields(format), length: nil, producer: watcher)
        seat.attach(watcher, on: exchange.server)
        watcher.begin(start)
    }

    private init(_ exchange: Exchange, _ seat: Seat, _ format: Format) {
        self.exchange = exchange
        self.seat = seat
        self.format = format
        form =
            switch format {
            case .serverSentEvents: .serverSentEvent(isChunked: exchange.streamsInChunks)
            case .lines: .line(isChunked: exchange.streamsInChunks)
            }
        lastWriteMilliseconds = exchange.loop.nowMilliseconds
    }

    private func begin(_ start: WatchStart<EncodedEvent>) {
        if format == .serverSentEvents { exchange.write(ServerSentEvents.retry(milliseconds: Self.retryMilliseconds)) }
        var rest = start.events[...]
        if let first = start.firstJSON {
            switch format {
            case .serverSentEvents:
                exchange.write(ServerSentEvents.event(id: rest[0].position.description, data: first))
            case .lines: exchange.write(first + [UInt8(ascii: "\n")])
            }
            rest = rest.dropFirst()
        }
        if !rest.isEmpty {
            exchange.writeFramed(EventRun(every: Array(rest), exchange.server.topics.compressors).bytes(form))
        }
        endIfTerminal(start.newest)
    }

    func deliver(_ run: EventRun) {
        guard !isOver else { return }
        switch delivery.take(run, isBackedUp: exchange.unsentBytes > 0) {
        case .send: write(run)
        case .wait: exchange.tellWhenDrained()
        case .tooSlow:
            // A stream has no close code: it ends early and is resumed by its client.
            isOver = true
            leave()
            exchange.breakOff()
        }
    }

    private func write(_ run: EventRun) {
        lastWriteMilliseconds = exchange.loop.nowMilliseconds
        exchange.writeFramed(run.bytes(form))
        endIfTerminal(run.newest)
    }

    private func endIfTerminal(_ event: EncodedEvent) {
        guard event.isTerminal else { return }
        isOver = true
        leave()
        exchange.end()
    }

    private func leave() { seat.leave(self, on: exchange.server) }

    func drained() {
        guard !isOver, let run = delivery.takeWaiting(exchange.server.topics.compressors) else { return }
        write(run)
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
        leave()
    }

    func drain() {
        guard !isOver else { return }
        isOver = true
        leave()
        // The stream ends without a terminal event, so its client comes back.
        exchange.closesConnection = true
        exchange.end()
    }
}
