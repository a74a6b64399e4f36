import Core
import Hub
import JSON
import Loop
import Wire

/// `GET /v1/events` over WebSocket: many documents on one connection, which stays open after their ends.
final class EventsSocket: WatcherSocket, WatchedDocumentsReader {
    // Binary has no meaning here (API.md: 1003).
    private static let textSettings = WebSocketSettings(role: .server, limits: WebSocketLimits(acceptsBinary: false))

    private var watched: WatchedDocuments?

    init(_ stream: SocketStream, _ server: LoopServer, deflate: DeflateParameters?) {
        super.init(stream, server, deflate: deflate, settings: Self.textSettings)
        watched = WatchedDocuments(server, reader: self)
    }

    /// What the URL asked for already.
    func subscribe(_ targets: [SubscribeRequest.Target]) { watched?.subscribe(targets) }

    override func received(_ kind: WebSocketMessageKind, _ payload: [UInt8]) {
        do throws(SubscribeRequest.Failure) {
            let request = try SubscribeRequest(parsing: payload)
            watched?.unsubscribe(request.unsubscribe)
            if !request.subscribe.isEmpty { watched?.subscribe(request.subscribe) }
        } catch {
            send(text: Self.error(Problem(400, "bad_message", error.detail), document: nil))
        }
    }

    override func leave() { watched?.leave() }

    // MARK: What is watched

    func subscribed(_ names: [String], refused: [(name: String, problem: Problem)]) {
        if !names.isEmpty {
            var writer = JSONWriter()
            writer.beginObject()
            writer.key("subscribed")
            writer.beginArray()
            for name in names { writer.string(name) }
            writer.endArray()
            writer.endObject()
            send(text: writer.bytes)
        }
        for (name, problem) in refused { send(text: Self.error(problem, document: name)) }
    }

    func take(_ start: WatchStart<EncodedEvent>) { begin(start) }
    func take(_ run: EventRun) { send(run) }

    /// `{"error":{"code","detail"},"document_id":"…"}`.
    static func error(_ problem: Problem, document: String?) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("error")
        writer.beginObject()
        writer.key("code"); writer.string(problem.code)
        writer.key("detail"); writer.string(problem.detail)
        writer.endObject()
        if let document {
            writer.key("document_id"); writer.string(document)
        }
        writer.endObject()
        return writer.bytes
    }
}
