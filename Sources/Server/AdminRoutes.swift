import Core
import JSON
import Logging
import Wire

/// What an operator orders. `serve --admin` opens these calls to whoever reaches the port: until callers have tokens
/// there is no other guard, so `permission` is the one place where one goes.
enum AdminRoutes {
    /// Nil when this caller may give orders.
    static func permission(_ exchange: Exchange) -> Problem? {
        exchange.server.shared.configuration.servesAdmin ? nil : .noSuchRoute
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
}
