import Blobs
import Core
import Documents
import Hub
import JSON
import Loop
import System
import Wire

/// How an accepted upload is answered.
enum UploadReply {
    /// 202 with the state (API.md).
    case accepted
    /// 200 in the older dialect.
    case olderDialect

    func send(_ event: EncodedEvent, on exchange: Exchange) {
        switch self {
        case .accepted:
            exchange.respond(
                202, json: StateReply.encode(event, on: exchange),
                fields: StateReply.fields(event.document, on: exchange))
        case .olderDialect: OlderDialect.respond(event, on: exchange)
        }
    }
}

/// One document's bytes on their way from one request to the disk.
///
/// The document is made first, so that it can be watched from its first byte; then the body is taken. The answer goes
/// out when the bytes and the record are durable. Whatever ends the request early ends in exactly one word to the
/// owner.
final class Upload: BodyConsumer, @unchecked Sendable {
    let exchange: Exchange
    private let permit: UploadPermit
    private let place: UploadPlace
    private let sink: ContentSink
    private let request: NewDocument
    private let reply: UploadReply
    private let progress: UploadProgressTeller
    private var isOver = false
    /// Said of the document after its bytes had begun; put on it before they are complete.
    var lateMetadata: JSONObject?

    private var documents: Documents { exchange.server.shared.documents }

    // MARK: Beginning

    /// Makes a new document and takes the right to bring its bytes.
    static func create(
        _ exchange: Exchange, _ request: NewDocument, total: Int64?, reply: UploadReply,
        then completion: @escaping @Sendable (Result<Upload, Problem>) -> Void
    ) {
        let place: UploadPlace
        switch exchange.server.shared.admission.admit(exchange, declaredBytes: total, kind: .new) {
        case .failure(let problem): return completion(.failure(problem))
        case .success(let taken): place = taken
        }
        let request = request.withID()
        let id = request.makeID()
        let document = request.document(id: id, total: total, awaitsContent: false, by: exchange)
        let reservation = request.reservation
        exchange.server.shared.documents.ask(id, from: exchange.loop) { owner, answer in
            owner.create(document, reserving: reservation, then: answer)
        } then: { (result: Result<EncodedEvent, DocumentRefusal>) in
            switch result {
            case .failure(let refusal):
                place.release()
                completion(.failure(Problem(refusal)))
            case .success: takePermit(exchange, place, request, total: total, reply: reply, then: completion)
            }
        }
    }

    /// Takes the right to bring the bytes of a document that exists.
    static func begin(
        _ exchange: Exchange, _ request: NewDocument, total: Int64?, reply: UploadReply,
        then completion: @escaping @Sendable (Result<Upload, Problem>) -> Void
    ) {
        let admitted = exchange.server.shared.admission.admit(
            exchange, declaredBytes: total, kind: .resume, upload: request.id, lackingBytes: request.size)
        switch admitted {
        case .failure(let problem): completion(.failure(problem))
        case .success(let place): takePermit(exchange, place, request, total: total, reply: reply, then: completion)
        }
    }

    /// The place is taken before the owner is asked, and given back at whatever end.
    private static func takePermit(
        _ exchange: Exchange, _ place: UploadPlace, _ request: NewDocument, total: Int64?, reply: UploadReply,
        then completion: @escaping @Sendable (Result<Upload, Problem>) -> Void
    ) {
        guard let id = request.id else { preconditionFailure("bytes belong to a document") }
        let eviction = Eviction(exchange.loop)
        let type = request.contentType
        exchange.server.shared.documents.ask(id, from: exchange.loop) { owner, answer in
            owner.beginUpload(id, total: total, contentType: type, evict: { eviction.happen($0) }, then: answer)
        } then: { (result: Result<UploadPermit, DocumentRefusal>) in
            switch result {
            case .failure(let refusal):
                place.release()
                completion(.failure(Problem(refusal)))
            case .success(let permit):
                let upload = Upload(exchange, place, permit, request, reply)
                eviction.upload = upload
                guard exchange.isAlive else { return upload.abort() }
                completion(.success(upload))
            }
        }
    }

    /// Brings the owner's word that the upload is ended home to the upload's loop.
    private final class Eviction: @unchecked Sendable {
        private let loop: EventLoop
        // Touched on `loop` alone.
        weak var upload: Upload?

        init(_ loop: EventLoop) { self.loop = loop }

        func happen(_ reason: UploadEviction) {
            loop.post { self.upload?.evicted(reason) }
        }
    }

    private init(
        _ exchange: Exchange, _ place: UploadPlace, _ permit: UploadPermit, _ request: NewDocument, _ reply: UploadReply
    ) {
        self.exchange = exchange
        self.place = place
        self.permit = permit
        self.request = request
        self.reply = reply
        // Never used before, so that two uploads of one document never meet in one file.
        let token = Int64(Randomness.integer() >> 1)
        sink = ContentSink(
            store: exchange.server.shared.store, document: permit.document, token: token,
            isHashed: request.wantsDigest, buffers: exchange.server.uploadBuffers, loop: exchange.loop)
        progress = UploadProgressTeller(loop: exchange.loop) {
            [documents = exchange.server.shared.documents] received in
            documents.perform(permit.document) { $0.uploadProgressed(permit, received: received) }
        }
        sink.drained = { [weak exchange] in exchange?.resumeBody() }
        sink.failed = { [weak self] error in self?.diskFailed(error) }
    }

    // MARK: Bytes

    func receive(_ bytes: Span<UInt8>) {
        guard !isOver else { return }
        let received = sink.receivedBytes + Int64(bytes.count)
        guard fits(received), grew(to: received) else { return }
        sink.write(bytes)
        if sink.isCongested { exchange.pauseBody() }
        progress.tell(sink.receivedBytes)
    }

    func receive(_ bytes: [UInt8]) { receive(bytes.span) }

    var directSink: ContentSink? { isOver ? nil : sink }
    func tookDirectly() {
        // A plain body's declared length was held against the limits before; a form's is an estimate.
        if fits(sink.receivedBytes), grew(to: sink.receivedBytes) { progress.tell(sink.receivedBytes) }
    }

    /// False when there are more bytes than the caller may send or has announced; then the upload has been refused.
    private func fits(_ bytes: Int64) -> Bool {
        // The other limits are admission's, which `grew` asks.
        if let limit = exchange.callerLimitBytes, bytes > limit {
            refuse(
                .tooLarge(limitBytes: limit),
                DocumentError(.tooLarge, "The upload is larger than the \(limit) bytes that are taken."))
        } else if let size = request.size, bytes > size {
            // A body without a length would else be taken to the end of the disk and refused then.
            refuse(
                Problem(
                    400, "length_mismatch",
                    "The document was created with \(size) bytes; more came. Send them again."),
                DocumentError(.uploadInterrupted, "More bytes came than were announced."))
        }
        return !isOver
    }

    /// False when the bytes may not be kept; then the upload has been refused.
    private func grew(to bytes: Int64) -> Bool {
        guard !isOver, let problem = place.grew(to: bytes) else { return !isOver }
        let isFull = problem.code == Problem.storageFull.code
        refuse(problem, DocumentError(isFull ? .storageFull : .uploadInterrupted, problem.detail))
        return false
    }

    func finish() {
        guard !isOver else { return }
        if let size = request.size, size != sink.receivedBytes {
            return refuse(
                Problem(
                    400, "length_mismatch",
                    "The document was created with \(size) bytes; \(sink.receivedBytes) came. Send them again."
                ),
                DocumentError(.uploadInterrupted, "Fewer bytes came than were announced."))
        }
        sink.finish { [self] result in
            guard !isOver else { return }
            switch result {
            case .failure(let error): diskFailed(error)
            case .success(let receipt): durable(receipt)
            }
        }
    }

    private func durable(_ receipt: ContentReceipt) {
        end(isComplete: true)
        UploadCompletion.record(
            receipt, permit, declared: request.contentType, pipeline: request.pipeline.name, name: request.name,
            metadata: lateMetadata,
            server: exchange.server, loop: exchange.loop
        ) { [self] result in
            switch result {
            case .success(let event): reply.send(event, on: exchange)
            case .failure(let refusal):
                // Another upload is the document's, or it was cancelled or deleted before this one was on record.
                sink.abandon()
                exchange.respond(Problem(refusal))
            }
        }
    }

    // MARK: Ends that nobody wished for

    private func end(isComplete: Bool = false) {
        isOver = true
        progress.end()
        // The next request begins at byte 0.
        place.release(after: sink.receivedBytes, lackingBytes: isComplete ? nil : request.size ?? 0)
    }

    private func lose(_ reason: DocumentError) {
        guard !isOver else { return }
        end()
        sink.abandon()
        let permit = permit
        documents.perform(permit.document) { $0.uploadLost(permit, reason) }
    }

    /// Answers, and tells the owner.
    func refuse(_ problem: Problem, _ reason: DocumentError) {
        guard !isOver else { return }
        lose(reason)
        exchange.respond(problem)
    }

    /// The client is gone, or sends what is no body.
    func abort() {
        lose(
            DocumentError(
                .uploadInterrupted, "The connection was lost before all bytes had arrived. Upload the document again."))
    }

    private func diskFailed(_ error: SystemError) {
        let full = error.isNoSpace
        refuse(
            full ? .storageFull : .storage(.failed("\(error)")),
            DocumentError(full ? .storageFull : .storageFailed, "The server could not keep the bytes (\(error))."))
    }

    private func evicted(_ reason: UploadEviction) {
        guard !isOver else { return }
        end()
        sink.abandon()
        switch reason {
        case .supersededByNewer, .begunAgain: exchange.respond(Problem(.superseded))
        case .cancelled: exchange.respond(.cancelledMeanwhile)
        }
    }
}
