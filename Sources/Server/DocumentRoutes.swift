import Core
import Documents
import Hub
import JSON
import Loop
import Wire

/// A state as a reply that changes a document carries it: with `links`.
enum StateReply {
    /// Paths, or, where the server was told its public URL, whole ones.
    static func links(_ id: DocumentID, on exchange: Exchange) -> [(name: StaticString, url: String)] {
        let base = exchange.publicURL + "/v1/documents/\(id)"
        return [
            ("self", base), ("events", base + "/events"), ("content", base + "/content"), ("result", base + "/result"),
            ("text", base + "/text"), ("upload", UploadRequest.location(of: id, on: exchange)),
        ]
    }

    static func encode(_ event: EncodedEvent, on exchange: Exchange) -> [UInt8] {
        var writer = JSONWriter(reservingBytes: 512)
        writer.beginObject()
        for (name, url) in links(event.document, on: exchange) {
            writer.key(name); writer.string(url)
        }
        writer.endObject()
        return event.json(adding: "links", writer.bytes)
    }

    /// Where the document is, and where to watch it, as fields: a client that never reads bodies finds them too.
    static func fields(_ id: DocumentID, on exchange: Exchange) -> HTTPFields {
        var fields = HTTPFields()
        let url = exchange.publicURL + "/v1/documents/\(id)"
        fields.set("Location", url)
        fields.set("Document-ID", id.description)
        fields.set("Link", "<\(url)/events>; rel=\"monitor\"")
        return fields
    }
}

/// Listing, reading, cancelling, running again, deleting.
enum DocumentRoutes {
    static let listDefault = 50
    static let listMax = 500

    static func state(_ exchange: Exchange, _ id: DocumentID) {
        read(exchange, id) { event in
            var fields = HTTPFields()
            fields.set("ETag", event.entityTag)
            fields.set("Cache-Control", "no-cache")
            if let tag = exchange.head.fields["If-None-Match"],
                EntityTag.matches(ifNoneMatch: tag, tag: event.entityTag)
            {
                return exchange.respond(304, fields, [])
            }
            exchange.respond(200, json: StateReply.encode(event, on: exchange), fields: fields)
        }
    }

    /// Reads the last told state, or answers why there is none.
    static func read(_ exchange: Exchange, _ id: DocumentID, _ body: @escaping @Sendable (EncodedEvent) -> Void) {
        exchange.server.shared.documents.ask(id, from: exchange.loop) { owner, answer in
            owner.read(id, then: answer)
        } then: { (result: Result<EncodedEvent, DocumentRefusal>) in
            switch result {
            case .success(let event): body(event)
            case .failure(let refusal): exchange.respond(Problem(refusal))
            }
        }
    }

    private static func order(
        _ exchange: Exchange, _ id: DocumentID, status: Int,
        _ question:
            @escaping @Sendable (DocumentOwner, @escaping @Sendable (Result<EncodedEvent, DocumentRefusal>) -> Void) ->
            Void
    ) {
        exchange.server.shared.documents.ask(id, from: exchange.loop, question) { result in
            switch result {
            case .success(let event): exchange.respond(status, json: StateReply.encode(event, on: exchange))
            case .failure(let refusal): exchange.respond(Problem(refusal))
            }
        }
    }

    static func cancel(_ exchange: Exchange, _ id: DocumentID) {
        order(exchange, id, status: 200) { $0.cancel(id, then: $1) }
    }

    static func retry(_ exchange: Exchange, _ id: DocumentID) {
        order(exchange, id, status: 202) { $0.retry(id, then: $1) }
    }

    static func delete(_ exchange: Exchange, _ id: DocumentID) {
        exchange.server.shared.documents.ask(id, from: exchange.loop) { owner, answer in
            owner.delete(id, then: answer)
        } then: { (refusal: DocumentRefusal?) in
            if let refusal {
                exchange.respond(Problem(refusal))
            } else {
                exchange.respond(204, HTTPFields(), [])
            }
        }
    }

    static func list(_ exchange: Exchange) {
        let query = QueryItems(exchange.head.query)
        var status: DocumentStatus?
        if let text = query["status"], !text.isEmpty {
            guard let known = DocumentStatus(rawValue: text) else {
                let all = DocumentStatus.allCases.map(\.rawValue).joined(separator: ", ")
                return exchange.respond(Problem(400, "bad_status", "There is no status \(text); one of \(all)."))
            }
            status = known
        }
        var position: ListPosition?
        if let text = query["cursor"], !text.isEmpty {
            guard let parsed = ListPosition(cursor: text) else {
                return exchange.respond(Problem(400, "bad_cursor", "Send back next_cursor as it was given."))
            }
            position = parsed
        }
        var limit = listDefault
        if let text = query["limit"], !text.isEmpty {
            guard let number = Int(text), number > 0 else {
                return exchange.respond(Problem(400, "bad_limit", "limit is a number from 1 to \(listMax)."))
            }
            limit = min(number, listMax)
        }
        let shared = exchange.server.shared
        let loop = exchange.loop
        let wanted = status
        shared.records.list(status: wanted, after: position, limit: limit) { result in
            loop.post {
                switch result {
                case .failure(let failure): exchange.respond(.storage(failure))
                case .success(let page): overlay(exchange, page, wanted)
                }
            }
        }
    }

    /// What is in memory is newer than its record: a document shows the state that its watchers see, and none is shown
    /// with another status than `status`.
    private static func overlay(_ exchange: Exchange, _ page: RecordPage, _ status: DocumentStatus?) {
        exchange.server.shared.documents.events(of: page.records.map(\.id), from: exchange.loop) { live in
            let exchange = exchange
            var writer = JSONWriter(reservingBytes: 1024 * (page.records.count + 1))
            writer.beginObject()
            writer.key("documents")
            writer.beginArray()
            for record in page.records {
                if let event = live[record.id] {
                    let listed = ListedState(
                        status: status, told: event.status, at: event.position.offset,
                        recordedOffset: Document(record)?.offset ?? 0)
                    if listed == .nothing { continue }
                    if listed == .told {
                        writer.raw(event.json)
                        continue
                    }
                }
                if let document = Document(record) { writer.raw(document.encoded(now: exchange.server.now)) }
            }
            writer.endArray()
            writer.key("next_cursor")
            writer.optional(page.next?.cursor)
            writer.endObject()
            var fields = HTTPFields()
            fields.set("Cache-Control", "no-cache")
            exchange.respond(200, json: writer.bytes, fields: fields)
        }
    }
}
