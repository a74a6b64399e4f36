import Crypto
import Loop
import Wire

/// A request for a WebSocket that is in order, and what is agreed on with it.
struct WebSocketOpening: @unchecked Sendable {
    /// Used on the exchange's loop alone.
    private let exchange: Exchange
    private let key: String
    let deflate: DeflateParameters?

    /// Answers a request that is not in order, and is nil then.
    init?(_ exchange: Exchange, _ policy: DeflatePolicy) {
        do throws(WebSocketHandshakeError) {
            key = try WebSocketHandshake.validate(exchange.head)
        } catch {
            var problem = Problem(error.status, error.code, error.detail)
            for (name, value) in error.fields.pairs { problem.fields[name] = value }
            exchange.respond(problem)
            return nil
        }
        // A browser lets any page open a WebSocket, and tells whose page it was (RFC 6455 §10.2).
        if let origin = exchange.head.fields["Origin"],
            !exchange.policy.crossOrigin.allows(origin)
        {
            exchange.respond(.originNotAllowed)
            return nil
        }
        self.exchange = exchange
        deflate = DeflateParameters.negotiate(exchange.head.fields.values("Sec-WebSocket-Extensions"), policy)
    }

    /// Answers 101; `make` gets the stream.
    func accept(_ make: (SocketStream) -> any StreamDelegate) {
        var fields = HTTPFields()
        fields.set("Upgrade", "websocket")
        fields.set("Sec-WebSocket-Accept", WebSocketHandshake.acceptKey(for: key) { Digest.of($0, .sha1) })
        if let deflate { fields.set("Sec-WebSocket-Extensions", deflate.fieldValue) }
        exchange.upgrade(fields, to: make)
    }
}
