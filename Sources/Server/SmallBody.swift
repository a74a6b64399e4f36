import JSON
import Wire

/// A request's body as one JSON value, for orders of a few bytes.
final class SmallBody: BodyConsumer {
    static let bytesMax = 4096

    private let exchange: Exchange
    private let completion: (JSONValue) -> Void
    private var bytes: [UInt8] = []

    /// Calls `completion` with the value; a body that is too long or no JSON is answered here.
    static func take(_ exchange: Exchange, then completion: @escaping (JSONValue) -> Void) {
        if let length = exchange.contentLength, length > Int64(bytesMax) { return exchange.respond(tooLarge) }
        exchange.takeBody(SmallBody(exchange, completion))
    }

    private static let tooLarge = Problem(413, "body_too_large", "An order may have \(bytesMax) bytes.")

    private init(_ exchange: Exchange, _ completion: @escaping (JSONValue) -> Void) {
        self.exchange = exchange
        self.completion = completion
    }

    func receive(_ piece: Span<UInt8>) {
        guard bytes.count + piece.count <= Self.bytesMax else { return exchange.respond(Self.tooLarge) }
        piece.withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
    }

    func abort() {}

    func finish() {
        guard let value = try? JSONValue.parse(bytes) else {
            return exchange.respond(Problem(400, "malformed_json", "The body is not JSON."))
        }
        completion(value)
    }
}
