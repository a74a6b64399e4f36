import Core
import JSON
import Logging
import Loop
import Wire

/// What an operator asks of a running server. A token with the scope `admin` may; where there are no tokens,
/// `serve --admin` opens the orders of the level to whoever reaches the port.
enum AdminRoutes {
    /// Nil when this caller may give orders.
    static func permission(_ exchange: Exchange) -> Problem? {
        if exchange.policy.access.isOpen && exchange.server.shared.configuration.servesAdmin { return nil }
        guard let refusal = exchange.caller.refusal(for: .admin) else {
            return exchange.policy.access.isOpen ? .noSuchRoute : nil
        }
        // Who shows no token is not told that there is anything here.
        return refusal == .unauthorized ? .noSuchRoute : Problem(refusal)
    }

    /// `GET /v1/admin/level`.
    static func level(_ exchange: Exchange) {
        if let problem = permission(exchange) { return exchange.respond(problem) }
        respond(exchange)
    }

    /// `POST /v1/admin/level`: `{"level":"read_only"}` sets a floor, `{"level":null}` leaves the level to what is
    /// measured.
    static func setLevel(_ exchange: Exchange) {
        if let problem = permission(exchange) { return exchange.respond(problem) }
        SmallBody.take(exchange) { value in
            let level: ServiceLevel
            switch value["level"] {
            case .null?: level = .healthy
            case .string(let name)?:
                guard let known = ServiceLevel(name: name) else { return exchange.respond(badLevel) }
                level = known
            default: return exchange.respond(badLevel)
            }
            let shared = exchange.server.shared
            shared.admission.setFloor(level)
            shared.logger.notice("an operator set the level", metadata: ["level": "\(level.name)"])
            respond(exchange)
        }
    }

    private static let badLevel = Problem(
        400, "bad_level",
        "level is one of \(ServiceLevel.allCases.map(\.name).joined(separator: ", ")), or null for what is measured."
    )

    private static func respond(_ exchange: Exchange) {
        let figures = exchange.server.shared.admission.figures
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("floor"); writer.value(figures.floor == .healthy ? .null : .string(figures.floor.name))
        for (key, value) in Problem.members(figures.report).sorted(by: { $0.key < $1.key }) {
            writer.key(key); writer.value(value)
        }
        writer.endObject()
        exchange.respond(200, json: writer.bytes, fields: ["Cache-Control": "no-store"])
    }

    /// `POST /v1/admin/reload`: reads the configuration again, as SIGHUP does.
    static func reload(_ exchange: Exchange) {
        if let refusal = exchange.caller.refusal(for: .admin) {
            // Who shows no token is not told that there is anything here.
            return exchange.respond(refusal == .unauthorized ? .noSuchRoute : Problem(refusal))
        }
        guard let reload = exchange.server.shared.reload else { return exchange.respond(.noSuchRoute) }
        reload.run(exchange.server.shared) { reading in
            exchange.loop.perform { respond(exchange, reading) }
        }
    }

    private static func respond(_ exchange: Exchange, _ reading: PolicyReading) {
        switch reading {
        case .failure(let refusal):
            let faults = refusal.faults.map(JSONValue.string)
            exchange.respond(
                Problem(
                    422, "configuration_refused",
                    "The configuration was not taken, and the one before it stays in force. \(refusal.faults[0])",
                    members: ["faults": .array(faults)]))
        case .success(let new):
            let settings = new.needingRestart.map(JSONValue.string)
            let body = JSONValue.object(["reloaded": .bool(true), "needing_restart": .array(settings)])
            exchange.respond(200, json: body.compactBytes, fields: ["Cache-Control": "no-store"])
        }
    }
}
