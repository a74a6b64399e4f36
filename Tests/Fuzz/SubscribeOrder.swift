import JSON
import Wire

// Input: a text message of a client of many documents' events.

func check(_ text: [UInt8]) {
    let request: SubscribeRequest
    do throws(SubscribeRequest.Failure) {
        request = try SubscribeRequest(parsing: text)
    } catch {
        Oracle.demand(!error.detail.isEmpty, "a refusal says what to send", error)
        Oracle.demand(
            (error == .notJSON) == ((try? JSONValue.parse(text)) == nil), "what is JSON is told apart", error)
        return
    }
    // Written as it was understood, it is understood the same.
    let written = "{\"subscribe\":\(list(request.subscribe)),\"unsubscribe\":\(list(request.unsubscribe))}"
    let again = try? SubscribeRequest(parsing: Array(written.utf8))
    Oracle.demand(again == request, "an order means what it says", "\(request)\n\(written)")
}

private func list(_ targets: [SubscribeRequest.Target]) -> String {
    let entries = targets.map { target -> String in
        switch target {
        case .everything: return "\"*\""
        case .mine: return "\"mine\""
        case .document(let name, let after):
            let id = JSONValue.string(name).compactText
            return after.map { "{\"id\":\(id),\"after\":\(JSONValue.string($0).compactText)}" } ?? "{\"id\":\(id)}"
        }
    }
    return "[" + entries.joined(separator: ",") + "]"
}
