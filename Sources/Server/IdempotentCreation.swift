import Core
import Documents
import Hub
import Loop
import Wire

/// What a call under an `Idempotency-Key` comes to, before anything of it is stored.
enum IdempotentCreation {
    /// The key of a creating call, in its caller's name; nil where there is none.
    static func key(_ exchange: Exchange) throws(Problem) -> String? {
        let values = exchange.head.fields.values("Idempotency-Key")
        guard let value = values.first else { return nil }
        guard values.count == 1, let key = IdempotencyKey.parse(value) else { throw .badIdempotencyKey }
        // A space is in no key, so no name and key ever read as another two.
        return "\(scope(of: exchange.caller)) \(key)"
    }

    /// In whose name a caller's keys stand: two tokens may choose the same one. Callers without a token share theirs,
    /// for a client that asks again may do so from another address.
    private static func scope(of caller: Caller) -> String { caller.credential == .token ? caller.key : "" }

    enum Outcome: Sendable {
        /// A new document is to be made, with the key if there is one.
        case make(KeyReservation?)
        /// There is one, which the repeated call is held against.
        case compare(Document)
    }

    /// Looks what the key names; answers on the exchange's loop.
    static func look(
        _ exchange: Exchange, key: String?, waitsForHolder: Bool = false,
        then completion: @escaping @Sendable (Result<Outcome, Problem>) -> Void
    ) {
        guard let key else { return completion(.success(.make(nil))) }
        let shared = exchange.server.shared
        shared.records.document(underKey: key) { result in
            exchange.loop.post {
                switch result {
                case .failure(let failure): completion(.failure(.storage(failure)))
                case .success(nil): completion(.success(.make(KeyReservation(key: key, replacing: nil))))
                case .success(let named?):
                    let renewal = Outcome.make(KeyReservation(key: key, replacing: named.document))
                    if named.isForgotten(at: exchange.server.now.unixMilliseconds) {
                        return completion(.success(renewal))
                    }
                    ask(exchange, named.document, renewal, waitsForHolder, then: completion)
                }
            }
        }
    }

    private static func ask(
        _ exchange: Exchange, _ id: DocumentID, _ renewal: Outcome, _ waitsForHolder: Bool,
        then completion: @escaping @Sendable (Result<Outcome, Problem>) -> Void
    ) {
        exchange.server.shared.documents.ask(id, from: exchange.loop) { owner, answer in
            owner.keyUse(id, waitsForHolder: waitsForHolder, then: answer)
        } then: { (result: Result<KeyUse, DocumentRefusal>) in
            switch result {
            case .failure(let refusal): completion(.failure(Problem(refusal)))
            case .success(.free): completion(.success(renewal))
            case .success(.inUse): completion(.failure(.keyInUse))
            case .success(.taken(let document)): completion(.success(.compare(document)))
            }
        }
    }
}

extension Problem {
    static let badIdempotencyKey = Problem(
        400, "bad_idempotency_key",
        "Idempotency-Key is one key of 1 to \(IdempotencyKey.bytesMax) visible ASCII characters, such as a UUID.")
    static let keyInUse = Problem(
        409, "idempotency_key_in_use",
        "The first request with this Idempotency-Key is still running. Send this one again in a few seconds.",
        fields: ["Retry-After": "2"])
    static let keyReused = Problem(
        422, "idempotency_key_reused",
        "This Idempotency-Key was used for another document. Take a new key for other content.")
}
