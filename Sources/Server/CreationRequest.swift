import Core
import Documents
import Hub
import JSON
import Loop
import Wire

/// `POST /v1/documents` with JSON: the document first, its bytes later.
final class CreationRequest: BodyConsumer, @unchecked Sendable {
    static let bodyBytesMax = 256 * 1024

    private let exchange: Exchange
    private var body: [UInt8] = []

    static func take(_ exchange: Exchange) {
        if let length = exchange.contentLength, length > Int64(bodyBytesMax) { return exchange.respond(tooLarge) }
        exchange.takeBody(CreationRequest(exchange))
    }

    private static let tooLarge = Problem(
        413, "body_too_large",
        "A description may have \(bodyBytesMax) bytes. Send the document's own bytes by PUT to links.content.")

    private init(_ exchange: Exchange) { self.exchange = exchange }

    func receive(_ bytes: Span<UInt8>) {
        guard body.count + bytes.count <= Self.bodyBytesMax else { return exchange.respond(Self.tooLarge) }
        bytes.withUnsafeBufferPointer { body.append(contentsOf: $0) }
    }

    func abort() {}

    func finish() {
        do throws(Problem) {
            create(try request())
        } catch {
            exchange.respond(error)
        }
    }

    private func request() throws(Problem) -> NewDocument {
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONValue.parse(body)
        } catch {
            throw Problem(400, "malformed_json", "The body is not JSON: \(error.reason) at byte \(error.offset).")
        }
        guard case .object(let object) = value else {
            throw Problem(400, "malformed_json", "The body is a JSON object.")
        }
        var request = try NewDocument(exchange)
        // Whether a type is taken depends on the pipeline, wherever in the object that stands.
        if let text = object["pipeline"]?.stringValue { try request.setPipeline(text) }
        for (key, value) in object.members where value != .null {
            switch (key, value) {
            case ("document_id", .string(let text)): try request.setID(text)
            case ("name", .string(let text)): request.name = text
            case ("size", _):
                guard let size = value.integerValue, size >= 0 else {
                    throw Problem(400, "bad_size", "size is a number of bytes.")
                }
                request.size = size
            case ("content_type", .string(let text)): try request.declare(field: text)
            case ("metadata", _): try request.setMetadata(value)
            case ("pipeline", .string): break
            case ("webhook_url", .string(let text)): try request.setWebhook(text)
            case ("priority", .string(let text)): try request.setPriority(text)
            case ("password", .string(let text)): try request.setPassword(text)
            case ("document_id", _), ("name", _), ("content_type", _), ("pipeline", _), ("webhook_url", _),
                ("priority", _), ("password", _):
                throw Problem(400, "bad_\(key)", "\(key) is a string.")
            default: break
            }
        }
        return request
    }

    private func create(_ request: NewDocument) {
        let exchange = exchange
        IdempotentCreation.look(exchange, key: request.key) { result in
            switch result {
            case .failure(let problem): exchange.respond(problem)
            case .success(.make(let reservation)): Self.make(exchange, request, reservation)
            case .success(.compare(let document)):
                guard request.content(awaitsContent: true, announcedBytes: request.size).created(document) else {
                    return exchange.respond(.keyReused)
                }
                DocumentRoutes.read(exchange, document.id) { Self.answer(exchange, $0) }
            }
        }
    }

    private static func answer(_ exchange: Exchange, _ event: EncodedEvent) {
        exchange.respond(
            201, json: StateReply.encode(event, on: exchange), fields: StateReply.fields(event.document, on: exchange))
    }

    private static func make(_ exchange: Exchange, _ request: NewDocument, _ reservation: KeyReservation?) {
        // Better now than when the client comes with the bytes.
        let id = request.makeID()
        let place: OpenPlace
        switch exchange.server.shared.admission.open(exchange, id, declaredBytes: request.size) {
        case .failure(let problem): return exchange.respond(problem)
        case .success(let taken): place = taken
        }
        let document = request.document(id: id, total: request.size, awaitsContent: true, by: exchange)
        exchange.server.shared.documents.ask(id, from: exchange.loop) { owner, answer in
            owner.create(document, reserving: reservation, then: answer)
        } then: { (result: Result<EncodedEvent, DocumentRefusal>) in
            switch result {
            case .success(let event): answer(exchange, event)
            case .failure(let refusal):
                place.giveBack()
                exchange.respond(Problem(refusal))
            }
        }
    }
}
