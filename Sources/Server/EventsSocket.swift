import Core
import Hub
import JSON
import Loop
import Wire

/// `GET /v1/events` over WebSocket: many documents on one connection, which stays open after their ends.
final class EventsSocket: WatcherSocket, WatchedDocumentsReader {
    // Binary has no meaning here (API.md: 1003).
    private static let textSettings = WebSocketSettings(role: .server, limits: WebSocketLimits(acceptsBinary: false))

    /// Orders that wait for the one before them to be answered, and for the peer to have read the answers so far.
    static let ordersMax = 4096

    private var watched: WatchedDocuments?
    private var orders: [SubscribeRequest] = []
    private var isOrderUnderWay = false
    private var isCarryingOut = false

    init(_ stream: SocketStream, _ server: LoopServer, caller: Caller, deflate: DeflateParameters?) {
        super.init(stream, server, deflate: deflate, settings: Self.textSettings)
        watched = WatchedDocuments(server, for: caller, reader: self)
    }

    /// What the URL asked for already.
    func subscribe(_ targets: [SubscribeRequest.Target]) { carryOut(SubscribeRequest(subscribe: targets)) }

    override func received(_ kind: WebSocketMessageKind, _ payload: [UInt8]) {
        do throws(SubscribeRequest.Failure) {
            carryOut(try SubscribeRequest(parsing: payload))
        } catch {
            send(text: Self.error(Problem(400, "bad_message", error.detail), document: nil))
        }
    }

    private func carryOut(_ order: SubscribeRequest) {
        guard orders.count < Self.ordersMax else { return close(code: 1008, reason: "too many orders at once") }
        orders.append(order)
        carryOutNext()
    }

    /// One order after the other. An order may be answered before `subscribe` returns; the loop then goes on here, and
    /// not within that answer, or thousands of orders would stand on the stack.
    private func carryOutNext() {
        guard !isCarryingOut else { return }
        isCarryingOut = true
        defer { isCarryingOut = false }
        while !isOrderUnderWay, !orders.isEmpty, !isClosing, !isBackedUp, let watched {
            let order = orders.removeFirst()
            watched.unsubscribe(order.unsubscribe)
            guard !order.subscribe.isEmpty else { continue }
            isOrderUnderWay = true
            watched.subscribe(order.subscribe)
        }
    }

    func answered() {
        isOrderUnderWay = false
        carryOutNext()
    }

    override func drained() { carryOutNext() }

    override func leave() {
        orders = []
        watched?.leave()
    }

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
