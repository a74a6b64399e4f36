import Core
import Documents
import Hub
import Loop
import Wire

/// `POST /v1/uploads` under a key that names an upload: the same upload, as far as it is now. Bytes that come along are
/// taken only to be compared; the client goes on where the answer says that the upload is.
enum RepeatedCreation {
    static func answer(
        _ repeated: UploadRequest, _ fields: UploadCreationFields, _ content: CreationContent, _ document: Document
    ) {
        guard content.created(document) else { return repeated.respond(.keyReused) }
        let exchange = repeated.exchange
        let upload = UploadRequest(
            exchange: exchange, dialect: repeated.dialect, id: document.id, isCreation: true)
        guard document.hasContent else { return answerStanding(upload, document) }
        let length = exchange.contentLength
        let bringsAll = fields.hasBody && (fields.bodyCompletes || fields.length != nil && fields.length == length)
        guard bringsAll else { return answerEnded(upload) }
        exchange.takeBody(
            RepeatedUpload(exchange, document, content) { result in
                switch result {
                case .success: answerEnded(upload)
                case .failure(let problem): upload.respond(problem)
                }
            })
    }

    private static func answerStanding(_ upload: UploadRequest, _ document: Document) {
        if case .concatenation = document.upload.form { return upload.answerConcatenation(document) }
        let exchange = upload.exchange
        ResumableUploads.begin(upload) { grant, _ in
            ResumableUploads.settle(upload, grant) { grant in
                ResumableUploads.release(grant, on: exchange)
                let isWhole = grant.upload.form == .part && grant.length == grant.upload.acknowledgedBytes
                upload.answer(grant, isComplete: isWhole)
            }
        }
    }

    private static func answerEnded(_ upload: UploadRequest) {
        let id = upload.id
        upload.exchange.server.shared.documents.ask(id, from: upload.exchange.loop) { owner, answer in
            owner.endedUpload(id, then: answer)
        } then: { (result: Result<EndedUpload, DocumentRefusal>) in
            switch result {
            case .failure(let refusal): upload.respond(Problem(refusal))
            case .success(let ended):
                guard let bytes = ended.bytes else { return upload.respond(.uploadGone(ended.error)) }
                upload.answerComplete(ended.event, bytes: bytes)
            }
        }
    }
}
