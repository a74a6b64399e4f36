import Blobs
import Core
import JSON
import Pipeline
import System
import Wire

/// Is it alive, does it take work, what are its figures and limits.
enum ServiceRoutes {
    private static func uncached() -> HTTPFields { ["Cache-Control": "no-store"] }

    static func health(_ exchange: Exchange) {
        exchange.respond(200, json: Array(#"{"status":"ok"}"#.utf8), fields: uncached())
    }

    static func readiness(_ exchange: Exchange) {
        let shared = exchange.server.shared
        var reasons: [String] = []
        if shared.isDraining { reasons.append("restarting") }
        if let room = try? shared.store.room(), room.spareBytes <= 0 { reasons.append("storage_full") }
        if shared.counters.uploadsInFlight.value >= exchange.policy.uploadsInFlightMax {
            reasons.append("too_many_uploads")
        }
        guard reasons.isEmpty else {
            return exchange.respond(
                Problem(
                    503, "not_ready", "No new work is taken now.", fields: ["Retry-After": "5"],
                    members: ["reasons": .array(reasons.map(JSONValue.string))]))
        }
        exchange.respond(200, json: Array(#"{"status":"ready"}"#.utf8), fields: uncached())
    }

    static func limits(_ exchange: Exchange) {
        let isFull = UploadRoutes.admission(exchange) != nil
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("size_limit_bytes"); writer.optional(exchange.sizeLimitBytes)
        writer.key("tier"); writer.string(exchange.caller.tier.rawValue)
        writer.key("accepted_types")
        writer.beginArray()
        for type in DocumentType.allCases { writer.string(type.rawValue) }
        writer.endArray()
        writer.key("uploads_shed"); writer.bool(isFull)
        writer.key("level"); writer.string(isFull ? "shedding" : "normal")
        writer.endObject()
        exchange.respond(200, json: writer.bytes, fields: uncached())
    }

    static func metrics(_ exchange: Exchange) {
        let shared = exchange.server.shared
        let counters = { (name: String, kind: String, help: String, value: Int) in
            "# HELP \(name) \(help)\n# TYPE \(name) \(kind)\n\(name) \(value)\n"
        }
        var text = ""
        text += counters(
            "headway_http_requests_total", "counter", "Requests begun.", shared.counters.requests.value)
        text += counters(
            "headway_connections_total", "counter", "Connections accepted.", shared.counters.connections.value)
        text += counters(
            "headway_watchers", "gauge", "Watchers of documents that are not finished.",
            shared.counters.watchers.value)
        text += counters(
            "headway_uploads_in_flight", "gauge", "Uploads whose bytes are arriving.",
            shared.counters.uploadsInFlight.value)
        text += counters(
            "headway_uploads_total", "counter", "Uploads that became durable.",
            shared.counters.uploadsAccepted.value)
        text += counters(
            "headway_uploaded_bytes_total", "counter", "Bytes of uploads that became durable.",
            shared.counters.uploadedBytes.value)
        text += counters(
            "headway_documents_waiting", "gauge", "Documents in the line for a worker.", shared.pipeline.waitingCount)
        text += counters(
            "headway_resident_bytes", "gauge", "Resident memory of the server process.",
            Int(ThisProcess.usage?.residentBytes ?? 0))
        var fields = uncached()
        let isOpenMetrics = exchange.head.fields["Accept"]?.contains("application/openmetrics-text") ?? false
        fields.set(
            "Content-Type",
            isOpenMetrics
                ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                : "text/plain; version=0.0.4; charset=utf-8")
        // OpenMetrics names a counter without its suffix in TYPE and HELP, and ends with a mark.
        if isOpenMetrics { text = openMetrics(text) + "# EOF\n" }
        exchange.respond(200, fields, Array(text.utf8))
    }

    private static func openMetrics(_ text: String) -> String {
        text.split(separator: "\n").map { line in
            guard line.hasPrefix("# ") else { return String(line) }
            var words = line.split(separator: " ", maxSplits: 3).map(String.init)
            if words.count > 2, words[2].hasSuffix("_total") { words[2] = String(words[2].dropLast(6)) }
            return words.joined(separator: " ")
        }.joined(separator: "\n") + "\n"
    }
}
