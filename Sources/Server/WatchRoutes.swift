import Core
import Crypto
import Documents
import Hub
import JSON
import Loop
import Wire

/// `/v1/documents/{id}/events`: one URL, four transports.
enum WatchRoutes {
    static func watch(_ exchange: Exchange, _ id: DocumentID) {
        if WebSocketHandshake.isUpgrade(exchange.head) { return upgrade(exchange, id) }
        if let format = streamFormat(exchange) { return stream(exchange, id, format) }
        poll(exchange, id)
    }

    /// The stream that is wished for explicitly: `*/*` is a poll.
    static func streamFormat(_ exchange: Exchange) -> StreamWatcher.Format? {
        let accept = exchange.head.fields["Accept"]
        let events = AcceptField.namedQuality(of: "text", subtype: "event-stream", in: accept)
        let lines = AcceptField.namedQuality(of: "application", subtype: "x-ndjson", in: accept)
        if events == 0 && lines == 0 { return nil }
        return events >= lines ? .serverSentEvents : .lines
    }

    /// `?after=<epoch>-<offset>`, or the last event's id as EventSource sends it. Nil when the watch is not resumed.
    static func resumeText(_ exchange: Exchange) -> String? {
        if let given = exchange.head.fields["Last-Event-ID"], !given.isEmpty { return given }
        let query = QueryItems(exchange.head.query)
        for name in ["after", "last_event_id", "lastEventID"] {
            if let given = query[name], !given.isEmpty { return given }
        }
        return nil
    }

    /// What is no place in any document's events is a place that is not retained.
    static func resumePoint(_ text: String?) -> WatchPosition? {
        text.map { WatchPosition(parsing: $0) ?? WatchPosition(epoch: "", offset: 0) }
    }

    // MARK: Polling

    private static func poll(_ exchange: Exchange, _ id: DocumentID) {
        let tag = exchange.head.fields["If-None-Match"]
        if let tag, !exchange.isHead, let seconds = PreferField.waitSeconds(exchange.head.fields.values("Prefer")),
            seconds > 0
        {
            return longPoll(exchange, id, tag: tag, seconds: seconds)
        }
        DocumentRoutes.read(exchange, id) { event in
            if let tag, EntityTag.matches(ifNoneMatch: tag, tag: event.entityTag) {
                return answerUnchanged(exchange, tag: event.entityTag)
            }
            answer(exchange, event)
        }
    }

    private static func longPoll(_ exchange: Exchange, _ id: DocumentID, tag: String, seconds: Int) {
        Seat.take(id, after: nil, on: exchange.server) { result in
            switch result {
            case .failure(let refusal): exchange.respond(Problem(refusal))
            case .success((var seat, let start)):
                let event = start.newest
                let isUnchanged = EntityTag.matches(ifNoneMatch: tag, tag: event.entityTag)
                guard isUnchanged, seat.isTaken, exchange.isAlive, !exchange.server.shared.isDraining else {
                    seat.leave(nil, on: exchange.server)
                    if isUnchanged { return answerUnchanged(exchange, tag: event.entityTag) }
                    return answer(exchange, event)
                }
                LongPoll.start(exchange, seat, seconds: seconds, tag: event.entityTag)
            }
        }
    }

    private static func pollFields(_ tag: String, _ waitSeconds: Int?) -> HTTPFields {
        var fields = HTTPFields()
        fields.set("ETag", tag)
        fields.set("Cache-Control", "no-cache")
        fields.set("Vary", "Accept")
        if let waitSeconds { fields.set("Preference-Applied", "wait=\(waitSeconds)") }
        return fields
    }

    static func answer(_ exchange: Exchange, _ event: EncodedEvent, waitSeconds: Int? = nil) {
        exchange.respond(200, json: event.json, fields: pollFields(event.entityTag, waitSeconds))
    }

    static func answerUnchanged(_ exchange: Exchange, tag: String, waitSeconds: Int? = nil) {
        exchange.respond(304, pollFields(tag, waitSeconds), [])
    }

    // MARK: Streams

    private static func stream(_ exchange: Exchange, _ id: DocumentID, _ format: StreamWatcher.Format) {
        if exchange.isHead {
            return DocumentRoutes.read(exchange, id) { _ in
                exchange.respond(200, StreamWatcher.fields(format), [])
            }
        }
        let after = resumePoint(resumeText(exchange))
        begin(exchange, id, after: after) { seat, start in
            if format == .serverSentEvents, start.newest.isTerminal, after == start.newest.position {
                // EventSource stops for good on 204 (WHATWG HTML §9.2.3).
                return exchange.respond(204, HTTPFields(), [])
            }
            StreamWatcher.start(exchange, seat, format, start)
        }
    }

    /// Takes a seat for a client that is still there, from a server that is not about to go.
    private static func begin(
        _ exchange: Exchange, _ id: DocumentID, after: WatchPosition?,
        then body: @escaping @Sendable (Seat, WatchStart<EncodedEvent>) -> Void
    ) {
        Seat.take(id, after: after, on: exchange.server) { result in
            switch result {
            case .failure(let refusal): exchange.respond(Problem(refusal))
            case .success((var seat, let start)):
                guard exchange.isAlive, !exchange.server.shared.isDraining else {
                    seat.leave(nil, on: exchange.server)
                    return exchange.respond(.restarting)
                }
                body(seat, start)
            }
        }
    }

    // MARK: WebSocket

    private static func upgrade(_ exchange: Exchange, _ id: DocumentID) {
        guard let opening = WebSocketOpening(exchange, .withoutContext) else { return }
        begin(exchange, id, after: resumePoint(resumeText(exchange))) { seat, start in
            opening.accept { stream in
                WebSocketWatcher(stream, exchange.server, seat, start, deflate: opening.deflate)
            }
        }
    }
}
