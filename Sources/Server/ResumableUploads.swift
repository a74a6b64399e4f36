import Blobs
import Core
import Documents
import Hub
import JSON
import Loop
import System
import Wire

/// `/v1/uploads`: tus 1.0.0 and the IETF's resumable uploads on the same URLs, told apart by their fields.
enum ResumableUploads {
    // MARK: POST /v1/uploads

    static func create(_ exchange: Exchange) {
        do throws(UploadFieldError) {
            guard let dialect = try UploadDialect.of(exchange.head) else {
                // An ordinary request: its body is all there is.
                return UploadRoutes.create(exchange)
            }
            let fields = try UploadCreationFields(parsing: exchange.head, dialect: dialect)
            create(exchange, fields)
        } catch {
            refuse(exchange, error)
        }
    }

    private static func refuse(_ exchange: Exchange, _ error: UploadFieldError) {
        let said = try? UploadDialect.of(exchange.head)
        UploadRequest(exchange: exchange, dialect: said.flatMap { $0 } ?? .tus, id: .nobody).refuse(error)
    }

    private static func create(_ exchange: Exchange, _ fields: UploadCreationFields) {
        if let problem = UploadRoutes.admission(exchange, .creation, length: fields.length) {
            return exchange.respond(problem)
        }
        do throws(Problem) {
            let request = try newDocument(exchange, fields)
            let form = try fields.concatenation.map(Self.form) ?? .whole
            exchange.pauseBody()
            let id = request.makeID()
            var document = request.document(
                id: id, total: fields.length, awaitsContent: true, by: exchange)
            document.upload = ResumableUpload(
                form: form, metadataText: fields.metadata?.text, concatenationText: fields.concatenationText)
            document.upload.isHashed = request.wantsDigest
            let upload = UploadRequest(
                exchange: exchange, dialect: fields.dialect, id: id, isCreation: true,
                trailerChecksumFollows: fields.hasChecksumTrailer)
            let content = request.content(awaitsContent: true, announcedBytes: fields.length, form: form)
            IdempotentCreation.look(exchange, key: request.key, waitsForHolder: true) { [document] result in
                switch result {
                case .failure(let problem): upload.respond(problem)
                case .success(.make(let reservation)):
                    if case .concatenation(let parts) = form {
                        return Concatenation.create(upload, document, parts: parts, reserving: reservation)
                    }
                    record(document, upload, fields, reserving: reservation)
                case .success(.compare(let document)): RepeatedCreation.answer(upload, fields, content, document)
                }
            }
        } catch {
            exchange.respond(error)
        }
    }

    private static func form(_ concatenation: UploadConcatenation) throws(Problem) -> ResumableUpload.Form {
        switch concatenation {
        case .partial: return .part
        case .final(let names):
            var parts: [DocumentID] = []
            for name in names {
                guard let id = DocumentID(name) else { throw .noSuchPart(name) }
                parts.append(id)
            }
            return .concatenation(parts)
        }
    }

    private static func record(
        _ document: Document, _ upload: UploadRequest, _ fields: UploadCreationFields,
        reserving reservation: KeyReservation?
    ) {
        let exchange = upload.exchange
        let append = UploadAppend(
            offset: 0, length: fields.length, bodyBytes: exchange.contentLength, bodyCompletes: fields.bodyCompletes)
        let takesBytes = fields.hasBody || fields.bodyCompletes || fields.length == 0
        // What could not be taken anyhow is refused before there is anything that would be left behind.
        do throws(AppendRefusal) {
            if takesBytes {
                _ = try append.room(written: 0, knownLength: fields.length, limitBytes: upload.sizeLimitBytes)
            }
        } catch {
            return upload.refuse(error, at: 0)
        }
        make(document, upload, declaredBytes: fields.length, reserving: reservation) {
            var upload = upload
            upload.isOnRecord = true
            begin(upload) { [upload] grant, holding in
                guard takesBytes else {
                    release(grant, on: exchange)
                    return upload.answer(grant, isComplete: false)
                }
                upload.interim(grant, location: upload.location)
                take(upload, append, grant, holding, checksum: fields.checksum)
            }
        }
    }

    /// Takes a place for the upload and puts its document on record; a refusal is answered.
    static func make(
        _ document: Document, _ upload: UploadRequest, declaredBytes: Int64?, reserving reservation: KeyReservation?,
        then body: @escaping @Sendable () -> Void
    ) {
        let exchange = upload.exchange
        let place: OpenPlace
        switch exchange.server.shared.admission.open(exchange, document.id, declaredBytes: declaredBytes) {
        case .failure(let problem): return upload.respond(problem)
        case .success(let taken): place = taken
        }
        exchange.server.shared.documents.ask(document.id, from: exchange.loop) { owner, answer in
            owner.create(document, reserving: reservation, then: answer)
        } then: { (result: Result<EncodedEvent, DocumentRefusal>) in
            switch result {
            case .success: body()
            case .failure(let refusal):
                place.giveBack()
                upload.respond(Problem(refusal))
            }
        }
    }

    /// What a client says of the document in the dialect's own words.
    private static func newDocument(_ exchange: Exchange, _ fields: UploadCreationFields) throws(Problem) -> NewDocument
    {
        var request = try NewDocument(exchange)
        request.size = fields.length
        var type: String?
        if let metadata = fields.metadata {
            if let name = metadata["filename"] ?? metadata["name"] { request.name = name }
            type = metadata["filetype"] ?? metadata["type"]
            var free = JSONObject()
            for item in metadata.items where !["filename", "filetype"].contains(item.name) {
                free[item.name] = .string(String(decoding: item.value, as: UTF8.self))
            }
            try request.setMetadata(.object(free))
            if let text = metadata["pipeline"], !text.isEmpty { try request.setPipeline(text) }
            if let text = metadata["priority"], !text.isEmpty { try request.setPriority(text) }
        }
        if case .draft = fields.dialect {
            if let name = exchange.head.fields["Content-Disposition"].flatMap({ ContentDisposition.parse($0)?.filename }
            ) {
                request.name = name
            }
            type = exchange.head.fields["Content-Type"]
        }
        if let type, !type.isEmpty, fields.concatenation != .partial {
            try request.declare(field: type)
        }
        return request
    }

    // MARK: PATCH /v1/uploads/{id}

    static func append(_ exchange: Exchange, _ id: DocumentID) {
        do throws(UploadFieldError) {
            guard let dialect = try UploadDialect.of(exchange.head) else { return exchange.respond(.dialectMissing) }
            let fields = try UploadAppendFields(parsing: exchange.head, dialect: dialect)
            let upload = UploadRequest(
                exchange: exchange, dialect: dialect, id: id, trailerChecksumFollows: fields.hasChecksumTrailer)
            if exchange.server.shared.isDraining { return upload.respond(.restarting) }
            exchange.pauseBody()
            let append = UploadAppend(
                offset: fields.offset, length: fields.length, bodyBytes: exchange.contentLength,
                bodyCompletes: fields.bodyCompletes)
            begin(upload, append) { grant, holding in
                take(upload, append, grant, holding, checksum: fields.checksum)
            }
        } catch {
            refuse(exchange, error)
        }
    }

    /// Takes the right to go on; what is there of an upload that is over answers by itself.
    static func begin(
        _ upload: UploadRequest, _ append: UploadAppend? = nil,
        then body: @escaping @Sendable (UploadGrant, UploadHolding) -> Void
    ) {
        let exchange = upload.exchange
        let holding = UploadHolding(exchange.loop)
        exchange.server.shared.documents.ask(upload.id, from: exchange.loop) { owner, answer in
            owner.takeUpload(upload.id, evict: { holding.happen($0) }, then: answer)
        } then: { (result: Result<UploadGrant, DocumentRefusal>) in
            switch result {
            case .success(let grant):
                guard exchange.isAlive else { return release(grant, on: exchange) }
                // The URL alone is what it takes; the tier that counts is that of whoever created the upload.
                exchange.tierLimitBytes = grant.tierLimitBytes
                body(grant, holding)
            case .failure(.conflict(.alreadyUploaded)), .failure(.conflict(.alreadyTerminal)):
                answerEnded(upload, append)
            case .failure(let refusal): upload.respond(Problem(refusal))
            }
        }
    }

    static func release(_ grant: UploadGrant, on exchange: Exchange) {
        let written = grant.upload.writtenBytes
        exchange.server.shared.documents.perform(grant.permit.document) {
            $0.releaseUpload(grant.permit, written: written)
        }
    }

    private static func take(
        _ upload: UploadRequest, _ append: UploadAppend, _ grant: UploadGrant, _ holding: UploadHolding,
        checksum: UploadChecksum?
    ) {
        let exchange = upload.exchange
        if case .concatenation = grant.upload.form {
            release(grant, on: exchange)
            return upload.respond(.concatenationTakesNoBytes)
        }
        let room: UploadRoom
        do throws(AppendRefusal) {
            room = try append.room(
                written: grant.upload.writtenBytes, knownLength: grant.length, limitBytes: upload.sizeLimitBytes)
        } catch {
            let refusal = error
            // The offset that is told must last, like every other.
            return settle(upload, grant) { grant in
                release(grant, on: exchange)
                upload.refuse(refusal, at: grant.upload.acknowledgedBytes)
            }
        }
        let place: UploadPlace
        let admitted = exchange.server.shared.admission.admit(
            exchange, declaredBytes: append.bodyBytes, kind: .resume, upload: upload.id,
            lackingBytes: room.length.map { $0 - grant.upload.writtenBytes })
        switch admitted {
        case .success(let taken): place = taken
        case .failure(let problem):
            release(grant, on: exchange)
            return upload.respond(problem)
        }
        let transfer = ResumableTransfer(
            upload, grant: grant, place: place, room: room, bodyCompletes: append.bodyCompletes,
            isHashed: grant.upload.isHashed && grant.upload.form != .part, checksum: checksum, holding: holding)
        transfer.begin()
    }

    /// Makes durable what a request wrote that ended before anybody asked; calls when it is on record.
    static func settle(
        _ upload: UploadRequest, _ grant: UploadGrant, then body: @escaping @Sendable (UploadGrant) -> Void
    ) {
        let (bytes, exchange) = (grant.upload.writtenBytes, upload.exchange)
        guard bytes > grant.upload.acknowledgedBytes, let token = grant.upload.token else { return body(grant) }
        let shared = exchange.server.shared
        shared.store.makeContentDurable(of: upload.id, token: token, bytes: bytes) { failure in
            exchange.loop.post {
                if let failure {
                    let transfer = UploadTransfer(startBytes: bytes, awaitsSum: false)
                    let lost = transfer.keptBytes(.syncFailed, written: bytes)
                    shared.documents.perform(upload.id) { $0.releaseUpload(grant.permit, written: lost) }
                    return upload.respond(.storage(failure))
                }
                shared.documents.ask(upload.id, from: exchange.loop) { owner, answer in
                    owner.acknowledge(grant.permit, offset: bytes, then: answer)
                } then: { (result: Result<UploadGrant, DocumentRefusal>) in
                    switch result {
                    case .success(let grant): body(grant)
                    case .failure(let refusal):
                        release(grant, on: exchange)
                        upload.respond(Problem(refusal))
                    }
                }
            }
        }
    }

    // MARK: HEAD and GET /v1/uploads/{id}

    static func standing(_ exchange: Exchange, _ id: DocumentID) {
        guard exchange.method == "HEAD" else { return DocumentRoutes.state(exchange, id) }
        do throws(UploadFieldError) {
            // HEAD of the draft's last form shows nothing of itself.
            let said = try UploadDialect.of(exchange.head)
            let upload = UploadRequest(
                exchange: exchange, dialect: said ?? .tus, id: id, answersBoth: said == nil)
            exchange.pauseBody()
            begin(upload) { grant, holding in
                if said == .tus, grant.upload.form == .whole, grant.length == grant.upload.writtenBytes {
                    return end(upload, grant, holding)
                }
                settle(upload, grant) { grant in
                    release(grant, on: exchange)
                    var standing = upload.standing(grant)
                    if grant.upload.form == .part { standing.isComplete = grant.length == standing.offset }
                    upload.answerStanding(standing)
                }
            }
        } catch {
            refuse(exchange, error)
        }
    }

    /// All bytes are there, and the request that should have ended the upload was lost. To a client of tus the offset
    /// says that it is done and need not come again, so the upload ends here.
    private static func end(_ upload: UploadRequest, _ grant: UploadGrant, _ holding: UploadHolding) {
        let nothing = UploadAppend(offset: grant.upload.writtenBytes, length: nil, bodyBytes: 0, bodyCompletes: false)
        take(upload, nothing, grant, holding, checksum: nil)
    }

    /// Answers for an upload that takes no more bytes: it is whole, or it came to an end before.
    private static func answerEnded(_ upload: UploadRequest, _ append: UploadAppend?) {
        let exchange = upload.exchange
        exchange.server.shared.documents.ask(upload.id, from: exchange.loop) { owner, answer in
            owner.endedUpload(upload.id, then: answer)
        } then: { (result: Result<EndedUpload, DocumentRefusal>) in
            switch result {
            case .failure(let refusal): upload.respond(Problem(refusal))
            case .success(let ended):
                guard let bytes = ended.bytes else { return upload.respond(.uploadGone(ended.error)) }
                if let append {
                    if case .concatenation = ended.upload.form { return upload.respond(.concatenationTakesNoBytes) }
                    guard upload.dialect == .tus, append.offset == bytes, append.bodyBytes == 0 else {
                        return upload.refuse(.completed(offset: bytes))
                    }
                    return upload.answerComplete(ended.event, bytes: bytes)
                }
                // A creation that is repeated in the moment in which the upload ends learns where it is all the same.
                if upload.isCreation { return upload.answerComplete(ended.event, bytes: bytes) }
                upload.answerStanding(
                    UploadStanding(
                        offset: bytes, length: bytes, isComplete: true, expiresUnixMilliseconds: nil,
                        sizeLimitBytes: upload.sizeLimitBytes, metadata: ended.upload.metadataText,
                        concatenation: ended.upload.concatenationText),
                    document: ended.event)
            }
        }
    }

    // MARK: DELETE /v1/uploads/{id}

    /// The upload and all that was made of it go.
    static func terminate(_ exchange: Exchange, _ id: DocumentID) {
        do throws(UploadFieldError) {
            let upload = UploadRequest(
                exchange: exchange, dialect: try UploadDialect.of(exchange.head) ?? .finalForm, id: id)
            exchange.server.shared.documents.ask(id, from: exchange.loop) { owner, answer in
                owner.delete(id, then: answer)
            } then: { (refusal: DocumentRefusal?) in
                if let refusal { return upload.respond(Problem(refusal)) }
                exchange.respond(204, UploadReplies.terminationFields(upload.dialect), [])
            }
        } catch {
            refuse(exchange, error)
        }
    }

    // MARK: OPTIONS

    static func addOptions(to fields: inout HTTPFields, on exchange: Exchange) {
        let standing = UploadStanding(
            offset: nil, length: nil, isComplete: false, expiresUnixMilliseconds: nil,
            sizeLimitBytes: exchange.sizeLimitBytes, metadata: nil, concatenation: nil)
        let reply = UploadReplies.response(
            .options, standing, dialect: .tus, nowUnixMilliseconds: exchange.server.now.unixMilliseconds)
        for (name, value) in reply.fields.pairs { fields.set(name, value) }
    }
}

extension Problem {
    static let dialectMissing = Problem(
        400, "upload_dialect_missing",
        "Say how the upload goes on: Tus-Resumable: 1.0.0 for tus, or Upload-Complete for the IETF's resumable uploads."
    )
    static let concatenationTakesNoBytes = Problem(
        403, "concatenation_takes_no_bytes", "This upload is made of its parts. Send the bytes to those.")
    static func noSuchPart(_ name: String) -> Problem {
        Problem(
            400, "no_such_part",
            "There is no part \(name). Create parts with Upload-Concat: partial, and name their URLs.")
    }

    /// The upload cannot go on and never will. 410, so that a client begins a new one.
    static func uploadGone(_ error: DocumentError?) -> Problem {
        switch error?.code {
        case DocumentError.Code.uploadExpired.rawValue:
            Problem(410, "upload_expired", "Nothing was added to the upload for too long. Begin a new one.")
        default: Problem(410, "upload_ended", "The upload was ended before its bytes were whole. Begin a new one.")
        }
    }
}
