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
        let accept = exchange.head.fields["Accept"]
        // An explicit wish only: `*/*` is a poll.
        if wishes("text/event-stream", accept) {
            stream(exchange, id, .serverSentEvents)
        } else if wishes("application/x-ndjson", accept) {
            stream(exchange, id, .lines)
        } else {
            poll(exchange, id)
        }
    }

    private static func wishes(_ type: String, _ accept: String?) -> Bool {
        guard let accept else { return false }
        return accept.split(separator: ",").contains { part in
            MediaType(parsing: String(part))?.essence == type && !part.contains("q=0;") && !part.hasSuffix("q=0")
        }
    }

    /// `?after=<epoch>-<offset>`, or the last event's id as EventSource sends it. Nil when the watch is not resumed.
    static func resumePoint(_ exchange: Exchange) -> String? {
        if let given = exchange.head.fields["Last-Event-ID"], !given.isEmpty { return given }
        let query = QueryItems(exchange.head.query)
        for name in ["after", "last_event_id", "lastEventID"] {
            if let given = query[name], !given.isEmpty { return given }
        }
        return nil
    }

    private static func poll(_ exchange: Exchange, _ id: DocumentID) {
        DocumentRoutes.read(exchange, id) { event in
            var fields = HTTPFields()
            fields.set("ETag", event.entityTag)
            fields.set("Cache-Control", "no-cache")
            fields.set("Vary", "Accept")
            if let tag = exchange.head.fields["If-None-Match"],
                EntityTag.matches(ifNoneMatch: tag, tag: event.entityTag)
            {
                return exchange.respond(304, fields, [])
            }
            exchange.respond(200, json: Array(event.json.buffer), fields: fields)
        }
    }

    private static func stream(_ exchange: Exchange, _ id: DocumentID, _ format: StreamWatcher.Format) {
        let after = resumePoint(exchange)
        if exchange.isHead {
            return DocumentRoutes.read(exchange, id) { _ in
                exchange.respond(200, StreamWatcher.fields(format), [])
            }
        }
        Subscription.begin(id, on: exchange.server) { result in
            switch result {
            case .failure(let refusal): exchange.respond(Problem(refusal))
            case .success(let (event, subscription)):
                guard begins(exchange, subscription) else { return }
                if format == .serverSentEvents, event.isTerminal, after == "\(event.epoch)-\(event.offset)" {
                    // EventSource stops for good on 204 (WHATWG HTML §9.2.3).
                    exchange.respond(204, HTTPFields(), [])
                    return
                }
                StreamWatcher.start(exchange, subscription, format, event, after: after)
            }
        }
    }

    /// Whether the watch can begin, now that its state is there: the client may be gone, or the server about to go.
    private static func begins(_ exchange: Exchange, _ subscription: Subscription) -> Bool {
        guard exchange.isAlive else {
            subscription.leave()
            return false
        }
        guard !exchange.server.shared.isDraining else {
            subscription.leave()
            exchange.respond(.restarting)
            return false
        }
        return true
    }

    private static func upgrade(_ exchange: Exchange, _ id: DocumentID) {
        let key: String
        do throws(WebSocketHandshakeError) {
            key = try WebSocketHandshake.validate(exchange.head)
        } catch {
            var problem = Problem(error.status, error.code, error.detail)
            for (name, value) in error.fields.pairs { problem.fields[name] = value }
            return exchange.respond(problem)
        }
        let after = resumePoint(exchange)
        Subscription.begin(id, on: exchange.server) { result in
            switch result {
            case .failure(let refusal): exchange.respond(Problem(refusal))
            case .success(let (event, subscription)):
                guard begins(exchange, subscription) else { return }
                var fields = HTTPFields()
                fields.set("Upgrade", "websocket")
                fields.set("Sec-WebSocket-Accept", WebSocketHandshake.acceptKey(for: key) { Digest.of($0, .sha1) })
                exchange.upgrade(fields) { stream in
                    WebSocketWatcher(stream, subscription, event, after: after)
                }
            }
        }
    }
}

extension EncodedEvent {
    /// The first message of a resumed watch says whether nothing was missed. Without history that is so only when the
    /// watcher has seen this very state.
    func firstJSON(after: String?) -> [UInt8]? {
        guard let after else { return nil }
        return json(adding: "recovered", Array((after == "\(epoch)-\(offset)" ? "true" : "false").utf8))
    }
}
