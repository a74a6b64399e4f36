import Core
import Documents
import Hub
import JSON
import Logging
import Loop
import Pipeline
import Wire

/// The queue as an operator sees it: how it stands, paused and resumed; and the dead letter, which are the documents
/// that failed while they were worked on and that nothing tries again by itself.
enum QueueRoutes {
    /// Documents that one order puts back; the answer says whether there are more.
    static let requeuedMax = 500
    /// Failed documents that one order or one page looks at in search of some that can run again.
    static let lookedMax = 10_000

    /// `GET /v1/admin/queue`.
    static func standing(_ exchange: Exchange) {
        if let problem = AdminRoutes.permission(exchange) { return exchange.respond(problem) }
        respond(exchange)
    }

    /// `POST /v1/admin/queue`: `{"paused":true}` lets nothing begin until `{"paused":false}`; what runs goes on.
    static func order(_ exchange: Exchange) {
        if let problem = AdminRoutes.permission(exchange) { return exchange.respond(problem) }
        SmallBody.take(exchange) { value in
            guard let isPaused = value["paused"]?.boolValue else {
                return exchange.respond(
                    Problem(400, "bad_order", "An order for the queue is {\"paused\":true} or {\"paused\":false}."))
            }
            let shared = exchange.server.shared
            shared.logger.notice("an operator \(isPaused ? "paused" : "resumed") the queue")
            shared.pipeline.pause(isPaused) { isOnRecord in
                exchange.loop.perform {
                    guard isOnRecord else {
                        return exchange.respond(
                            Problem(
                                503, "storage_failed",
                                "The order is in force, but could not be put on record: it holds until the next start. "
                                    + "Give it again."))
                    }
                    respond(exchange)
                }
            }
        }
    }

    private static func respond(_ exchange: Exchange) {
        exchange.server.shared.pipeline.standing { standing in
            exchange.loop.perform {
                var writer = JSONWriter()
                writer.beginObject()
                writer.key("paused"); writer.bool(standing.isPaused)
                writer.key("waiting"); writer.integer(standing.waiting)
                writer.key("delayed"); writer.integer(standing.delayed)
                writer.key("running"); writer.integer(standing.running)
                writer.key("workers"); writer.integer(standing.workers)
                writer.endObject()
                exchange.respond(200, json: writer.bytes, fields: ["Cache-Control": "no-store"])
            }
        }
    }

    // MARK: The dead letter

    /// `GET /v1/admin/queue/dead`: the newest first, each with what is known of its runs.
    static func dead(_ exchange: Exchange) {
        if let problem = AdminRoutes.permission(exchange) { return exchange.respond(problem) }
        guard let position = position(exchange) else { return exchange.respond(badCursor) }
        list(exchange, after: position) { found, next in
            var writer = JSONWriter(reservingBytes: 4096)
            writer.beginObject()
            writer.key("documents")
            writer.beginArray()
            for document in found { encode(document, exchange, into: &writer) }
            writer.endArray()
            writer.key("next_cursor"); writer.optional(next?.cursor)
            writer.endObject()
            exchange.respond(200, json: writer.bytes, fields: ["Cache-Control": "no-store"])
        }
    }

    /// `GET /v1/admin/queue/dead/{id}`: one of them; any other document is not found here.
    static func inspect(_ exchange: Exchange, _ id: DocumentID) {
        if let problem = AdminRoutes.permission(exchange) { return exchange.respond(problem) }
        let loop = exchange.loop
        exchange.server.shared.records.load(id) { result in
            loop.post {
                switch result {
                case .failure(let failure): exchange.respond(.storage(failure))
                case .success(let record):
                    guard let document = record.flatMap(Document.init), document.canRunAgain else {
                        return exchange.respond(.notFound)
                    }
                    var writer = JSONWriter(reservingBytes: 1024)
                    encode(document, exchange, into: &writer)
                    exchange.respond(200, json: writer.bytes, fields: ["Cache-Control": "no-store"])
                }
            }
        }
    }

    private static func encode(_ document: Document, _ exchange: Exchange, into writer: inout JSONWriter) {
        writer.beginObject()
        document.encodeMembers(into: &writer, now: exchange.server.now)
        writer.key("runs")
        document.failedRuns.encode(into: &writer)
        writer.key("checkpoint")
        if let checkpoint = document.checkpoint { checkpoint.encode(into: &writer) } else { writer.null() }
        writer.endObject()
    }

    private static let badCursor = Problem(400, "bad_cursor", "Send back next_cursor as it was given.")

    /// Where to go on: `.some(nil)` from the beginning, nil for what is no cursor.
    private static func position(_ exchange: Exchange) -> ListPosition?? {
        guard let text = QueryItems(exchange.head.query)["cursor"], !text.isEmpty else { return .some(nil) }
        return ListPosition(cursor: text).map { .some($0) }
    }

    /// The next of those that can run again, with the place behind them. Failed documents that cannot, because their
    /// bytes are of no use, are passed over; where there are very many an answer has none, and leads on.
    private static func list(
        _ exchange: Exchange, after position: ListPosition?, looked: Int = 0,
        then body: @escaping @Sendable (_ found: [Document], _ next: ListPosition?) -> Void
    ) {
        let loop = exchange.loop
        exchange.server.shared.records.list(status: .failed, after: position, limit: requeuedMax) { result in
            loop.post {
                switch result {
                case .failure(let failure): exchange.respond(.storage(failure))
                case .success(let page):
                    let found = page.records.compactMap(Document.init).filter(\.canRunAgain)
                    let looked = looked + page.records.count
                    guard found.isEmpty, let next = page.next, looked < lookedMax else { return body(found, page.next) }
                    list(exchange, after: next, looked: looked, then: body)
                }
            }
        }
    }

    /// `POST /v1/admin/queue/dead/requeue`: puts all of them back into the line, up to `requeuedMax` at a time;
    /// `?cursor=` goes on where an answer ended. One alone is put back by its own `/retry`.
    static func requeue(_ exchange: Exchange) {
        if let problem = AdminRoutes.permission(exchange) { return exchange.respond(problem) }
        guard let position = position(exchange) else { return exchange.respond(badCursor) }
        list(exchange, after: position) { found, next in
            let ids = found.map(\.id)
            let gathering = Requeuing(remaining: ids.count) { count in
                var writer = JSONWriter()
                writer.beginObject()
                writer.key("requeued"); writer.integer(count)
                writer.key("more"); writer.bool(next != nil)
                writer.key("next_cursor"); writer.optional(next?.cursor)
                writer.endObject()
                exchange.respond(202, json: writer.bytes, fields: ["Cache-Control": "no-store"])
            }
            for id in ids {
                exchange.server.shared.documents.ask(id, from: exchange.loop) { owner, answer in
                    owner.retry(id, then: answer)
                } then: { (result: Result<EncodedEvent, DocumentRefusal>) in
                    // One that was taken up meanwhile, or deleted, needs nothing more.
                    if case .success = result { gathering.add(1) } else { gathering.add(0) }
                }
            }
            if ids.isEmpty { gathering.finish() }
        }
    }

    /// Counts the answers on one loop.
    private final class Requeuing: @unchecked Sendable {
        private var remaining: Int
        private var count = 0
        private let completion: (Int) -> Void

        init(remaining: Int, completion: @escaping (Int) -> Void) {
            self.remaining = remaining
            self.completion = completion
        }

        func add(_ requeued: Int) {
            count += requeued
            remaining -= 1
            if remaining == 0 { finish() }
        }

        func finish() { completion(count) }
    }
}
