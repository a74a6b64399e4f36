import Core
import Hub
import JSON
import Loop
import Wire

/// The two calls that older front ends know, exact (API.md, "Older dialect").
enum OlderDialect {
    /// `POST /upload-policy`.
    static func upload(_ exchange: Exchange) {
        if let problem = UploadRoutes.admission(exchange) { return exchange.respond(problem) }
        let type = exchange.head.fields["Content-Type"].flatMap(MediaType.init(parsing:))
        if type?.essence == "multipart/form-data" {
            UploadRoutes.multipart(exchange, type, reply: .olderDialect)
        } else {
            UploadRoutes.raw(exchange, name: QueryItems(exchange.head.query)["name"], reply: .olderDialect)
        }
    }

    static func respond(_ event: EncodedEvent, on exchange: Exchange) {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("document_id"); writer.string(event.document.description)
        writer.key("status"); writer.string("processing")
        writer.key("estimated_completion"); writer.string("2-5 minutes")
        writer.endObject()
        exchange.respond(200, json: writer.bytes, fields: StateReply.fields(event.document, on: exchange))
    }

    /// `GET /upload-status/{document_id}`.
    static func status(_ exchange: Exchange, _ id: DocumentID) {
        DocumentRoutes.read(exchange, id) { event in
            guard let state = try? JSONValue.parse(event.json) else { return exchange.respond(.notFound) }
            var writer = JSONWriter()
            writer.beginObject()
            writer.key("status"); writer.string(word(event.status))
            writer.key("progress"); writer.integer(Int64(state["progress"]?.numberValue ?? 0))
            writer.key("stage"); writer.value(state["stage"] ?? .null)
            writer.key("estimated_completion"); writer.value(state["estimated_completion"] ?? .null)
            writer.endObject()
            var fields = HTTPFields()
            fields.set("Cache-Control", "no-cache")
            exchange.respond(200, json: writer.bytes, fields: fields)
        }
    }

    static func word(_ status: DocumentStatus) -> String {
        switch status {
        case .uploading, .queued: "queued"
        case .processing: "processing"
        case .complete: "complete"
        case .failed, .cancelled: "failed"
        }
    }
}
