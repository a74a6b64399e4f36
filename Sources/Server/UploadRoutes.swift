import Blobs
import Core
import Documents
import Hub
import JSON
import Loop
import System
import Wire

/// Every way in: multipart, raw, JSON first and bytes later, and `curl -T`.
enum UploadRoutes {
    /// `POST /v1/documents`.
    static func create(_ exchange: Exchange) {
        if let problem = admission(exchange) { return exchange.respond(problem) }
        let type = exchange.head.fields["Content-Type"].flatMap(MediaType.init(parsing:))
        switch type?.essence {
        case "multipart/form-data": multipart(exchange, type, reply: .accepted)
        case "application/json":
            do throws(Problem) {
                let request = try NewDocument(exchange)
                afterLook(at: request.key == nil ? request.id : nil, exchange) { CreationRequest.take(exchange) }
            } catch {
                exchange.respond(error)
            }
        default:
            let query = QueryItems(exchange.head.query)
            let name =
                query["name"]
                ?? exchange.head.fields["Content-Disposition"].flatMap { ContentDisposition.parse($0)?.filename }
            raw(exchange, name: name, reply: .accepted)
        }
    }

    /// `PUT /drop/{name}`.
    static func drop(_ exchange: Exchange, name: String?) {
        if let problem = admission(exchange) { return exchange.respond(problem) }
        raw(exchange, name: name, reply: .accepted)
    }

    static func multipart(_ exchange: Exchange, _ type: MediaType?, reply: UploadReply) {
        guard let boundary = type?.parameters["boundary"], !boundary.isEmpty, boundary.utf8.count <= 70 else {
            return exchange.respond(
                Problem(
                    400, "boundary_missing", "multipart/form-data needs a boundary parameter of 1 to 70 characters."))
        }
        do throws(Problem) {
            let request = try NewDocument(exchange)
            // A call that is repeated under its key names a document that there is.
            afterLook(at: request.key == nil ? request.id : nil, exchange) {
                exchange.takeBody(MultipartUpload(exchange, boundary: boundary, request, reply: reply))
            }
        } catch {
            exchange.respond(error)
        }
    }

    /// Refuses an id that is in use before any byte of the body is asked for; `take` is called when it is free, or none
    /// was chosen. The owner decides again when the document is made.
    static func afterLook(at id: DocumentID?, _ exchange: Exchange, then take: @escaping @Sendable () -> Void) {
        guard let id else { return take() }
        exchange.pauseBody()
        exchange.server.shared.documents.ask(id, from: exchange.loop) { owner, answer in
            owner.isInUse(id, then: answer)
        } then: { (result: Result<Bool, DocumentRefusal>) in
            switch result {
            case .success(false): take()
            case .success(true): exchange.respond(.idInUse)
            case .failure(let refusal): exchange.respond(Problem(refusal))
            }
        }
    }

    static func raw(_ exchange: Exchange, name: String?, reply: UploadReply) {
        do throws(Problem) {
            var request = try NewDocument(exchange)
            request.name = name ?? request.name
            try request.declare(field: exchange.head.fields["Content-Type"])
            exchange.pauseBody()
            Upload.intake(exchange, request, total: exchange.contentLength, reply: reply) { result in
                switch result {
                case .success(let intake): exchange.takeBody(intake)
                case .failure(let problem): exchange.respond(problem)
                }
            }
        } catch {
            exchange.respond(error)
        }
    }

    /// `PUT /v1/documents/{id}/content`.
    static func content(_ exchange: Exchange, _ id: DocumentID) {
        // The URL alone is what it takes. The tier that counts is known with the document.
        exchange.tierLimitBytes = nil
        if let problem = admission(exchange, .resume) { return exchange.respond(problem) }
        exchange.pauseBody()
        exchange.server.shared.documents.ask(id, from: exchange.loop) { owner, answer in
            owner.uploadTarget(id, then: answer)
        } then: { (result: Result<UploadTarget, DocumentRefusal>) in
            switch result {
            case .failure(let refusal): exchange.respond(Problem(refusal))
            case .success(let target): bring(exchange, id, to: target)
            }
        }
    }

    private static func bring(
        _ exchange: Exchange, _ id: DocumentID, to target: UploadTarget
    ) {
        exchange.tierLimitBytes = target.tierLimitBytes
        if let limit = exchange.sizeLimitBytes, let length = exchange.contentLength, length > limit {
            return exchange.respond(.tooLarge(limitBytes: limit))
        }
        if let size = target.declaredBytes, let length = exchange.contentLength, size != length {
            return exchange.respond(
                Problem(
                    400, "length_mismatch",
                    "The document was created with a size of \(size) bytes; the request has \(length)."))
        }
        var request = NewDocument(id: id, pipelines: exchange.server.shared.configuration.pipelines)
        do throws(Problem) {
            try request.setDigest(QueryItems(exchange.head.query))
            if !target.isHashed { request.wantsDigest = false }
            // Before the type: it says which are taken.
            try request.setPipeline(target.pipeline)
            try request.declare(field: target.contentType)
            try request.declare(field: exchange.head.fields["Content-Type"])
        } catch {
            return exchange.respond(error)
        }
        request.name = target.name
        request.size = target.declaredBytes
        Upload.begin(exchange, request, total: exchange.contentLength, reply: .accepted) { result in
            switch result {
            case .success(let upload): exchange.takeBody(upload)
            case .failure(let problem): exchange.respond(problem)
            }
        }
    }

    /// Whether the upload of this request can be taken. Asked before a byte of the body is read.
    static func admission(_ exchange: Exchange, _ kind: Admission.Kind = .new, length: Int64? = nil) -> Problem? {
        exchange.server.shared.admission.refusal(exchange, declaredBytes: length ?? exchange.contentLength, kind: kind)
    }
}

extension Exchange {
    /// The declared length of the body; nil for a chunked one.
    var contentLength: Int64? {
        switch head.framing {
        case .none: 0
        case .length(let count): count
        case .chunked: nil
        }
    }
}
