import Core
import JSON
import Loop
import Wire

/// What an operator asks of a running server.
enum AdminRoutes {
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
