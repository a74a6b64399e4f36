import Core
import Wire

/// Finds the route for a request. Preflights and unknown paths are answered here; no handler sees them.
struct Router {
    typealias Handler = (Exchange) -> Void

    /// What can be done at one path, by method. GET answers HEAD as well.
    private struct Methods {
        var handlers: [(String, Handler)]

        var allowed: [String] {
            handlers.flatMap { $0.0 == "GET" ? ["GET", "HEAD"] : [$0.0] } + ["OPTIONS"]
        }

        func handler(for method: String) -> Handler? {
            handlers.first { $0.0 == method || ($0.0 == "GET" && method == "HEAD") }?.1
        }
    }

    /// What is answered even when no more connections are taken.
    static func isProbe(_ path: String) -> Bool { ["/healthz", "/readyz", "/metrics"].contains(path) }

    func route(_ exchange: Exchange) {
        if exchange.head.method == "OPTIONS" { return preflight(exchange) }
        let methods: Methods
        switch find(exchange) {
        case .failure(let problem): return exchange.respond(problem)
        case .success(let found): methods = found
        }
        guard let handler = methods.handler(for: exchange.method) else {
            return exchange.respond(.methodNotAllowed(methods.allowed))
        }
        handler(exchange)
    }

    private func preflight(_ exchange: Exchange) {
        var fields = HTTPFields()
        let isUpload = exchange.head.path == "/v1/uploads" || exchange.head.path.hasPrefix("/v1/uploads/")
        if isUpload { ResumableUploads.addOptions(to: &fields, on: exchange) }
        fields.set("Allow", CrossOrigin.methods)
        exchange.policy.crossOrigin.addPreflight(to: &fields, request: exchange.head.fields)
        exchange.respond(isUpload ? 200 : 204, fields, [])
    }

    private func find(_ exchange: Exchange) -> Result<Methods, Problem> {
        let raw = exchange.head.path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        var parts: [String] = []
        for part in raw {
            guard let decoded = PercentCoding.decode(part) else {
                return .failure(
                    Problem(400, "malformed_url", "The path holds a percent sign that begins no valid UTF-8 escape."))
            }
            parts.append(decoded)
        }
        if parts.first == "v1" { return versionOne(Array(parts.dropFirst())) }
        switch (parts.first ?? "", parts.count) {
        case ("healthz", 1): return get(ServiceRoutes.health)
        case ("readyz", 1): return get(ServiceRoutes.readiness)
        case ("metrics", 1): return get(needing(.metrics, ServiceRoutes.metrics))
        case ("drop", 1), ("drop", 2):
            let name = parts.count == 2 && !parts[1].isEmpty ? parts[1] : nil
            return .success(Methods(handlers: [("PUT", needing(.upload) { UploadRoutes.drop($0, name: name) })]))
        case ("diagnostics", 2) where exchange.server.shared.configuration.servesDiagnostics:
            switch parts[1] {
            case "echo": return get(DiagnosticsRoutes.echo)
            case "watch": return get(DiagnosticsRoutes.watch)
            case "publish": return .success(Methods(handlers: [("POST", DiagnosticsRoutes.publish)]))
            case "pressure": return .success(Methods(handlers: [("POST", DiagnosticsRoutes.pressure)]))
            default: return .failure(.noSuchRoute)
            }
        case ("upload-policy", 1): return .success(Methods(handlers: [("POST", needing(.upload, OlderDialect.upload))]))
        case ("upload-status", 2):
            return document(parts[1]) { id in [("GET", { OlderDialect.status($0, id) })] }
        default:
            guard exchange.server.shared.page.has(path: exchange.head.path) else { return .failure(.noSuchRoute) }
            return get(PageRoutes.file)
        }
    }

    private func versionOne(_ parts: [String]) -> Result<Methods, Problem> {
        switch (parts.first ?? "", parts.count) {
        case ("limits", 1): return get(ServiceRoutes.limits)
        case ("events", 1): return get(EventsRoutes.watch)
        case ("uploads", 1),
            ("uploads", 2) where parts.last == "":
            return .success(Methods(handlers: [("POST", needing(.upload, ResumableUploads.create))]))
        case ("uploads", 2):
            return document(parts[1]) { id in
                [
                    ("GET", { ResumableUploads.standing($0, id) }), ("PATCH", { ResumableUploads.append($0, id) }),
                    ("DELETE", { ResumableUploads.terminate($0, id) }),
                ]
            }
        case ("admin", 2) where parts[1] == "level":
            return .success(Methods(handlers: [("GET", AdminRoutes.level), ("POST", AdminRoutes.setLevel)]))
        case ("documents", 1):
            return .success(
                Methods(handlers: [
                    ("GET", needing(.read, DocumentRoutes.list)), ("POST", needing(.upload, UploadRoutes.create)),
                ]))
        case ("admin", 2) where parts[1] == "queue":
            return .success(Methods(handlers: [("GET", QueueRoutes.standing), ("POST", QueueRoutes.order)]))
        case ("admin", 3) where parts[1] == "queue" && parts[2] == "dead":
            return get(QueueRoutes.dead)
        case ("admin", 4) where parts[1] == "queue" && parts[2] == "dead" && parts[3] == "requeue":
            return .success(Methods(handlers: [("POST", QueueRoutes.requeue)]))
        case ("admin", 4) where parts[1] == "queue" && parts[2] == "dead":
            return document(parts[3]) { id in [("GET", { QueueRoutes.inspect($0, id) })] }
        case ("admin", 2) where parts[1] == "reload":
            return .success(Methods(handlers: [("POST", AdminRoutes.reload)]))
        case ("documents", 2):
            return document(parts[1]) { id in
                [("GET", { DocumentRoutes.state($0, id) }), ("DELETE", { DocumentRoutes.delete($0, id) })]
            }
        case ("documents", 3):
            switch parts[2] {
            case "events": return document(parts[1]) { id in [("GET", { WatchRoutes.watch($0, id) })] }
            case "content":
                return document(parts[1]) { id in
                    [("GET", { FileRoutes.content($0, id) }), ("PUT", { UploadRoutes.content($0, id) })]
                }
            case "result": return document(parts[1]) { id in [("GET", { FileRoutes.result($0, id) })] }
            case "text": return document(parts[1]) { id in [("GET", { FileRoutes.text($0, id) })] }
            case "cancel": return document(parts[1]) { id in [("POST", { DocumentRoutes.cancel($0, id) })] }
            case "retry": return document(parts[1]) { id in [("POST", { DocumentRoutes.retry($0, id) })] }
            default: return .failure(.noSuchRoute)
            }
        case ("documents", 4) where parts[2] == "files":
            let name = parts[3]
            return document(parts[1]) { id in [("GET", { FileRoutes.file($0, id, name) })] }
        default: return .failure(.noSuchRoute)
        }
    }

    /// A handler that only callers with this scope reach. What is addressed by the id of a document or an upload is not
    /// among these: whoever knows the id may use it, and a client whose token has run out does not lose its upload.
    private func needing(_ scope: Scope, _ handler: @escaping Handler) -> Handler {
        { exchange in
            if let problem = exchange.refusal(for: scope) { return exchange.respond(problem) }
            handler(exchange)
        }
    }

    private func get(_ handler: @escaping Handler) -> Result<Methods, Problem> {
        .success(Methods(handlers: [("GET", handler)]))
    }

    private func document(_ text: String, _ make: (DocumentID) -> [(String, Handler)]) -> Result<Methods, Problem> {
        // A name that cannot be a document's is not found, as any other that is not there.
        guard let id = DocumentID(text) else { return .failure(.notFound) }
        return .success(Methods(handlers: make(id)))
    }
}
