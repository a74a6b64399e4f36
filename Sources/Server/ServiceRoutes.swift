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

    /// 503 from the level on at which uploads are shed.
    static func readiness(_ exchange: Exchange) {
        let report = exchange.server.shared.admission.figures.report
        let members = Problem.members(report)
        if report.level.shedsUploads {
            return exchange.respond(
                Problem(
                    503, "not_ready", "No new uploads are taken now.", fields: ["Retry-After": "5"], members: members))
        }
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("status"); writer.string("ready")
        for (key, value) in members.sorted(by: { $0.key < $1.key }) {
            writer.key(key); writer.value(value)
        }
        DependencyReport.write(exchange.server.shared.pipeline.embedding?.reading, to: &writer)
        writer.endObject()
        exchange.respond(200, json: writer.bytes, fields: uncached())
    }

    static func limits(_ exchange: Exchange) {
        let shared = exchange.server.shared
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("size_limit_bytes"); writer.optional(exchange.sizeLimitBytes)
        let day = shared.admission.day(of: exchange.caller)
        writer.key("bytes_per_day_max"); writer.optional(day?.bytesMax)
        writer.key("bytes_per_day_left"); writer.optional(day?.leftBytes)
        writer.key("tier"); writer.string(exchange.caller.tier.rawValue)
        writer.key("accepted_types")
        writer.beginArray()
        for type in DocumentType.allCases { writer.string(type.rawValue) }
        writer.endArray()
        writer.key("uploads_shed"); writer.bool(shared.admission.sheds(exchange))
        writer.key("level"); writer.string(shared.admission.figures.report.level.name)
        DependencyReport.writeModel(shared.pipeline.embedding?.reading, to: &writer)
        writer.endObject()
        exchange.respond(200, json: writer.bytes, fields: uncached())
    }

    static func metrics(_ exchange: Exchange) {
        let shared = exchange.server.shared
        let admission = shared.admission.figures
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
            admission.uploadsInFlight)
        text += counters(
            "headway_uploads_open", "gauge", "Uploads that were created, are not over, and were heard of lately.",
            admission.uploadsOpen)
        text += counters(
            "headway_uploads_total", "counter", "Uploads that became durable.",
            shared.counters.uploadsAccepted.value)
        text += counters(
            "headway_uploaded_bytes_total", "counter", "Bytes of uploads that became durable.",
            shared.counters.uploadedBytes.value)
        text += counters(
            "headway_results_taken_over_total", "counter", "Uploads whose bytes had been processed before.",
            shared.counters.resultsTakenOver.value)
        text += counters(
            "headway_documents_waiting", "gauge", "Documents in the line for a worker.", shared.pipeline.waitingCount)
        text += counters(
            "headway_resident_bytes", "gauge", "Resident memory of the server process.",
            Int(ThisProcess.usage?.residentBytes ?? 0))
        text += levelMetrics(admission)
        text += DependencyReport.metrics(shared.pipeline.embedding?.reading)
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

    private static func levelMetrics(_ figures: UploadAdmission.Figures) -> String {
        func family(_ name: String, _ kind: String, _ help: String, _ label: String, _ rows: [(String, Int)]) -> String
        {
            rows.reduce("# HELP \(name) \(help)\n# TYPE \(name) \(kind)\n") { text, row in
                text + "\(name)\(label.isEmpty ? "" : "{\(label)=\"\(row.0)\"}") \(row.1)\n"
            }
        }
        let report = figures.report
        return family(
            "headway_level", "gauge", "The level of service: 1 where it is.", "level",
            ServiceLevel.allCases.map { ($0.name, $0 == report.level ? 1 : 0) })
            + family(
                "headway_level_reason", "gauge", "What speaks for the level: 1 where it does.", "reason",
                LevelCause.allCases.map { ($0.rawValue, report.causes.contains($0) ? 1 : 0) })
            + family(
                "headway_uploads_refused_total", "counter", "Uploads that were refused or ended, by reason.", "reason",
                AdmissionRefusal.codes.map { ($0, figures.refusals[$0, default: 0]) })
            + family(
                "headway_promised_bytes", "gauge", "Bytes that uploads may still bring, in flight or between requests.",
                "",
                [("", Int(figures.promisedBytes))])
            + family(
                "headway_disk_spare_bytes", "gauge", "What uploads may still take of the disk.", "",
                figures.spareBytes.map { [("", Int($0))] } ?? [])
            + family(
                "headway_protection", "gauge", "What the kernel takes from workers and tools: 1 where it can.", "kind",
                KernelProtection.Kind.allCases.map { ($0.rawValue, KernelProtection.current.has($0) ? 1 : 0) })
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
