import Core
import Documents
import Hub
import JSON
import Loop
import Wire

/// `/v1/events`: many documents on one connection, by any transport.
enum EventsRoutes {
    /// Documents that one URL may name.
    static let documentsMax = 100

    static func watch(_ exchange: Exchange) {
        let names = names(exchange)
        guard names.count <= documentsMax else {
            return exchange.respond(
                Problem(
                    400, "too_many_documents",
                    "A URL names at most \(documentsMax) documents. Open a WebSocket and subscribe to more, or watch *."
                ))
        }
        let isEverything = names.contains("*")
        if let problem = refusal(exchange, names) { return exchange.respond(problem) }
        if WebSocketHandshake.isUpgrade(exchange.head) { return upgrade(exchange, isEverything ? ["*"] : names) }
        guard !names.isEmpty else {
            return exchange.respond(
                Problem(
                    400, "no_documents",
                    "Name the documents: ?document=ID&document=ID, or ?document=* for all. A WebSocket may name "
                        + "them later."
                ))
        }
        if let format = WatchRoutes.streamFormat(exchange) {
            stream(exchange, isEverything ? ["*"] : names, format)
        } else if isEverything {
            DocumentRoutes.list(exchange)
        } else if names.contains("mine") {
            exchange.respond(
                Problem(
                    400, "stream_only",
                    "What is yours is told as a stream: by WebSocket, or with Accept: text/event-stream."
                ))
        } else {
            states(exchange, names)
        }
    }

    /// The documents of the URL, and `*` or `mine`. Each is watched once, however often and in whatever case it is
    /// named.
    private static func names(_ exchange: Exchange) -> [String] {
        let query = QueryItems(exchange.head.query)
        var seen: Set<String> = []
        let names = query.values("document").flatMap { value in
            value.split(separator: ",").map { DocumentID($0)?.description ?? String($0) }
        }
        return ((query["mine"] == nil ? [] : ["mine"]) + names).filter { seen.insert($0).inserted }
    }

    /// Names that stand for many documents.
    static let groupNames = ["*", "mine"]

    private static func refusal(_ exchange: Exchange, _ names: [String]) -> Problem? {
        if names.contains("*"), let problem = exchange.refusal(for: .watchAll) { return problem }
        return names.contains("mine") ? exchange.caller.subjectRefusal.map(Problem.init) : nil
    }

    private static func upgrade(_ exchange: Exchange, _ names: [String]) {
        guard let opening = WebSocketOpening(exchange, .withoutContext) else { return }
        guard !exchange.server.shared.isDraining else { return exchange.respond(.restarting) }
        opening.accept { stream in
            let socket = EventsSocket(
                stream, exchange.server, caller: exchange.caller, deflate: opening.deflate)
            if !names.isEmpty {
                socket.subscribe(names.map { SubscribeRequest.Target(named: $0) })
            }
            return socket
        }
    }

    private static func stream(_ exchange: Exchange, _ names: [String], _ format: StreamWatcher.Format) {
        guard !exchange.isHead else { return exchange.respond(200, StreamWatcher.fields(format), []) }
        guard !exchange.server.shared.isDraining else { return exchange.respond(.restarting) }
        // What is no place in these documents is a place that is not retained in any of them.
        let resume = WatchRoutes.resumeText(exchange).map {
            WatchPositions(parsing: $0, count: names.count) ?? .lost(count: names.count)
        }
        let hasGroup = !Set(names).isDisjoint(with: groupNames)
        guard format == .serverSentEvents, let resume, !hasGroup else {
            return EventsStream(exchange, format, names: names, resume: resume).start()
        }
        // An EventSource that has seen every end stops for good on 204 (WHATWG HTML §9.2.3).
        gather(exchange, names) { events in
            let hasSeenAll = zip(names.indices, events).allSatisfy { index, event in
                event.map { $0.isTerminal && $0.position == resume.positions[index] } ?? true
            }
            // The client may be gone by now, or the server about to go.
            guard exchange.isAlive else { return }
            guard !exchange.server.shared.isDraining else { return exchange.respond(.restarting) }
            if hasSeenAll { return exchange.respond(204, HTTPFields(), []) }
            EventsStream(exchange, format, names: names, resume: resume).start()
        }
    }

    /// Polling: the states of all that are named.
    private static func states(_ exchange: Exchange, _ names: [String]) {
        gather(exchange, names) { events in
            var writer = JSONWriter(reservingBytes: 1024 * events.count)
            writer.beginObject()
            writer.key("documents")
            writer.beginArray()
            for event in events { if let event { writer.raw(event.json) } }
            writer.endArray()
            writer.endObject()
            var fields = HTTPFields()
            fields.set("Cache-Control", "no-cache")
            fields.set("Vary", "Accept")
            exchange.respond(200, json: writer.bytes, fields: fields)
        }
    }

    private final class Gathering: @unchecked Sendable {
        var remaining: Int
        var events: [EncodedEvent?]

        init(count: Int) {
            remaining = count
            events = Array(repeating: nil, count: count)
        }
    }

    /// The states of named documents in their order; nil for one that is not there.
    private static func gather(
        _ exchange: Exchange, _ names: [String], _ body: @escaping @Sendable ([EncodedEvent?]) -> Void
    ) {
        let gathering = Gathering(count: names.count)
        let done: @Sendable (Int, EncodedEvent?) -> Void = { index, event in
            gathering.events[index] = event
            gathering.remaining -= 1
            if gathering.remaining == 0 { body(gathering.events) }
        }
        for (index, name) in names.enumerated() {
            guard let id = DocumentID(name) else {
                done(index, nil)
                continue
            }
            exchange.server.shared.documents.ask(id, from: exchange.loop) { owner, answer in
                owner.read(id, then: answer)
            } then: { (result: Result<EncodedEvent, DocumentRefusal>) in
                done(index, try? result.get())
            }
        }
    }
}
