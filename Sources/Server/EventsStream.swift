import Core
import Hub
import Loop
import Wire

/// `GET /v1/events?document=…` as a stream of HTTP: the events of many documents as Server-Sent Events or JSON lines.
/// It ends when all of them are terminal; with `*` or `mine` it stays open.
///
/// The id of an event says where the reader is in all documents of the URL (`WatchPositions`), so that one id is enough
/// to go on from.
final class EventsStream: ResponseProducer, WatchedDocumentsReader, @unchecked Sendable {
    var endsWithPeer: Bool { true }

    private let exchange: Exchange
    private let format: StreamWatcher.Format
    private let names: [String]
    private var places: [DocumentID: Int] = [:]
    private let resume: WatchPositions?
    /// What this reader was told; what it says of itself is never told to it again.
    private var positions: WatchPositions
    private var unfinished: Set<Int>
    /// Its one name stands for many documents, none of which has a place in the id of an event.
    private let watchesGroup: Bool
    private var watched: WatchedDocuments?
    private var delivery = Delivery()
    private var lastWriteMilliseconds: Int64
    private var isOver = false

    /// `names` are documents' ids and `mine`, or `*` alone.
    init(_ exchange: Exchange, _ format: StreamWatcher.Format, names: [String], resume: WatchPositions?) {
        self.exchange = exchange
        self.format = format
        self.names = names
        watchesGroup = names.count == 1 && EventsRoutes.groupNames.contains(names[0])
        self.resume = resume
        positions = WatchPositions(count: names.count)
        unfinished = Set(names.indices)
        lastWriteMilliseconds = exchange.loop.nowMilliseconds
        for (index, name) in names.enumerated() {
            if let id = DocumentID(name) { places[id] = index }
        }
    }

    func start() {
        guard exchange.isAlive else { return }
        exchange.begin(200, StreamWatcher.fields(format), length: nil, producer: self)
        if format == .serverSentEvents {
            exchange.write(ServerSentEvents.retry(milliseconds: StreamWatcher.retryMilliseconds))
        }
        let watched = WatchedDocuments(exchange.server, for: exchange.caller, reader: self)
        self.watched = watched
        watched.subscribe(
            names.enumerated().map { index, name in
                SubscribeRequest.Target(named: name, after: resume?.positions[index]?.description)
            })
    }

    // MARK: What is watched

    func subscribed(_ names: [String], refused: [(name: String, problem: Problem)]) {
        for (name, problem) in refused {
            write(EventsSocket.error(problem, document: name))
            if let index = self.names.firstIndex(of: name) { unfinished.remove(index) }
        }
        endIfFinished()
    }

    func forget(_ document: DocumentID) {}
    func answered() {}

    func take(_ start: WatchStart<EncodedEvent>) {
        guard !isOver else { return }
        // What has waited is older.
        drained()
        for (index, event) in start.events.enumerated() {
            note(event)
            write(index == 0 ? start.firstJSON ?? event.json : event.json)
        }
        endIfFinished()
    }

    func take(_ run: EventRun) {
        guard !isOver else { return }
        switch delivery.take(run, isBackedUp: exchange.unsentBytes > 0) {
        case .send: send(run.events)
        case .wait: exchange.tellWhenDrained()
        case .tooSlow:
            end()
            exchange.breakOff()
        }
    }

    private func send(_ events: [EncodedEvent]) {
        for event in events {
            note(event)
            write(event.json)
        }
        endIfFinished()
    }

    private func note(_ event: EncodedEvent) {
        guard let index = places[event.document] else { return }
        positions.positions[index] = event.position
        if event.isTerminal { unfinished.remove(index) }
    }

    private func write(_ json: [UInt8]) {
        lastWriteMilliseconds = exchange.loop.nowMilliseconds
        switch format {
        case .serverSentEvents:
            let id = watchesGroup ? names[0] : positions.description
            exchange.write(ServerSentEvents.event(id: id, data: json))
        case .lines: exchange.write(json + [UInt8(ascii: "\n")])
        }
    }

    // MARK: Ends

    private func endIfFinished() {
        guard !isOver, unfinished.isEmpty else { return }
        end()
        exchange.end()
    }

    private func end() {
        isOver = true
        watched?.leave()
        watched = nil
    }

    func drained() {
        guard !isOver, let run = delivery.takeWaiting(exchange.server.topics.compressors) else { return }
        send(run.events)
    }

    func sweep(now: Int64) {
        guard format == .serverSentEvents, !isOver, now - lastWriteMilliseconds >= StreamWatcher.heartbeatMilliseconds
        else { return }
        lastWriteMilliseconds = now
        exchange.write(ServerSentEvents.heartbeat)
    }

    func abort() { end() }

    func drain() {
        guard !isOver else { return }
        end()
        // The stream ends without a terminal event, so its client comes back.
        exchange.closesConnection = true
        exchange.end()
    }
}
