import JSON

/// What a client of many documents' events asks for:
/// `{"subscribe":["id",{"id":"…","after":"…"},"*","mine"],"unsubscribe":[…]}` (API.md, `GET /v1/events`).
package struct SubscribeRequest: Equatable, Sendable {
    package enum Target: Equatable, Sendable {
        /// A document by its name as it was sent, and the place to go on from.
        case document(String, after: String?)
        case everything
        /// All that the caller's subject has made.
        case mine

        /// A name as it was sent; what stands for many documents cannot be gone on from.
        package init(named name: String, after: String? = nil) {
            switch name {
            case "*": self = .everything
            case "mine": self = .mine
            default: self = .document(name, after: after)
            }
        }
    }

    /// Why a text is no request; each is answered with `bad_message` and does not end the connection.
    package enum Failure: Error, Equatable {
        case notJSON
        case notARequest
        case badEntry

        package var detail: String {
            switch self {
            case .notJSON: "The message is not JSON."
            case .notARequest: "Send {\"subscribe\":[\"id\"]} or {\"unsubscribe\":[\"id\"]}."
            case .badEntry: "An entry is a document's id, {\"id\":\"…\",\"after\":\"…\"}, \"*\" or \"mine\"."
            }
        }
    }

    package private(set) var subscribe: [Target] = []
    package private(set) var unsubscribe: [Target] = []

    package init(subscribe: [Target]) { self.subscribe = subscribe }

    package init(parsing text: [UInt8]) throws(Failure) {
        guard let value = try? JSONValue.parse(text) else { throw .notJSON }
        guard case .object(let object) = value else { throw .notARequest }
        let (wanted, unwanted) = (object["subscribe"], object["unsubscribe"])
        guard wanted != nil || unwanted != nil else { throw .notARequest }
        if let wanted { subscribe = try Self.targets(wanted) }
        if let unwanted { unsubscribe = try Self.targets(unwanted) }
    }

    private static func targets(_ value: JSONValue) throws(Failure) -> [Target] {
        // One entry alone may stand without brackets.
        let entries = value.arrayValue ?? [value]
        var targets: [Target] = []
        for entry in entries { targets.append(try target(entry)) }
        return targets
    }

    private static func target(_ entry: JSONValue) throws(Failure) -> Target {
        switch entry {
        case .string(let id): return Target(named: id)
        case .object(let object):
            guard let id = object["id"]?.stringValue else { throw .badEntry }
            switch object["after"] {
            case nil, .null?: return Target(named: id)
            case .string(let after)?: return Target(named: id, after: after)
            default: throw .badEntry
            }
        default: throw .badEntry
        }
    }
}
