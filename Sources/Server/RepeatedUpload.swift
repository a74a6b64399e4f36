import Core
import Crypto
import Documents
import Hub
import JSON
import Loop
import Wire

/// Where the bytes of a creating call go: to the disk, or past those that came before under the same key.
protocol FileIntake: BodyConsumer, Sendable {
    /// Said of the document after its bytes had begun.
    var lateMetadata: JSONObject? { get set }
    /// Answers, and tells whoever must know.
    func refuse(_ problem: Problem, _ reason: DocumentError)
}

extension Upload: FileIntake {
    /// Takes the bytes of a creating call. With `fieldsMayFollow` (a form) what is said of the document is whole only
    /// behind the bytes, and so is their length.
    static func intake(
        _ exchange: Exchange, _ request: NewDocument, total: Int64?, reply: UploadReply, fieldsMayFollow: Bool = false,
        then completion: @escaping @Sendable (Result<any FileIntake, Problem>) -> Void
    ) {
        IdempotentCreation.look(exchange, key: request.key) { result in
            switch result {
            case .failure(let problem): completion(.failure(problem))
            case .success(.make(let reservation)):
                var request = request
                request.reservation = reservation
                create(exchange, request, total: total, reply: reply) { completion($0.map { $0 }) }
            case .success(.compare(let document)):
                let content = request.content()
                if !fieldsMayFollow, !content.created(document) || total.map({ $0 != document.bytesTotal }) ?? false {
                    return completion(.failure(.keyReused))
                }
                completion(
                    .success(
                        RepeatedUpload(exchange, document, content) { answer in
                            switch answer {
                            case .success(let event): reply.send(event, on: exchange)
                            case .failure(let problem): exchange.respond(problem)
                            }
                        }))
            }
        }
    }
}

/// The bytes of a call that was made before: they are hashed and compared, and never stored. Hashed on the loop: what
/// one read brings takes a tenth of a millisecond, and needs no memory beyond the read buffer.
final class RepeatedUpload: FileIntake, @unchecked Sendable {
    private let exchange: Exchange
    private let document: Document
    private var content: CreationContent
    private let answer: @Sendable (Result<EncodedEvent, Problem>) -> Void
    private var digest = Digest(.sha256)
    private var receivedBytes: Int64 = 0
    private var isOver = false
    var lateMetadata: JSONObject?

    /// `answer` gets the document's state as it is then, or why there is none.
    init(
        _ exchange: Exchange, _ document: Document, _ content: CreationContent,
        answer: @escaping @Sendable (Result<EncodedEvent, Problem>) -> Void
    ) {
        self.exchange = exchange
        self.document = document
        self.content = content
        self.answer = answer
    }

    func receive(_ bytes: Span<UInt8>) {
        guard !isOver else { return }
        receivedBytes += Int64(bytes.count)
        if let total = document.bytesTotal, receivedBytes > total { return end(.failure(.keyReused)) }
        bytes.withUnsafeBytes { digest.update($0) }
    }

    func finish() {
        guard !isOver else { return }
        if let lateMetadata { content.metadata = lateMetadata }
        content.sha256 = Digest.hexadecimal(digest.finish())
        guard receivedBytes == document.bytesTotal, content.created(document) else {
            return end(.failure(.keyReused))
        }
        isOver = true
        let (id, answer) = (document.id, answer)
        exchange.server.shared.documents.ask(id, from: exchange.loop) { owner, answer in
            owner.read(id, then: answer)
        } then: { (result: Result<EncodedEvent, DocumentRefusal>) in
            answer(result.mapError(Problem.init))
        }
    }

    func abort() { isOver = true }

    func refuse(_ problem: Problem, _ reason: DocumentError) { end(.failure(problem)) }

    private func end(_ result: Result<EncodedEvent, Problem>) {
        guard !isOver else { return }
        isOver = true
        answer(result)
    }
}
