import Blobs
import Core
import Documents
import Hub
import JSON
import Loop

/// Bytes that are whole and durable become a document that waits for a worker, or one that has failed because nothing
/// can be made of them.
enum UploadCompletion {
    /// Answers on `loop`, when it is on record. A refusal means that the bytes are not the document's.
    static func record(
        _ receipt: ContentReceipt, _ permit: UploadPermit, declared: String?, pipeline: String, name: String,
        metadata: JSONObject?, server: LoopServer, loop: EventLoop,
        then completion: @escaping @Sendable (Result<EncodedEvent, DocumentRefusal>) -> Void
    ) {
        let shared = server.shared
        shared.counters.uploadsAccepted.add(1)
        shared.counters.uploadedBytes.add(Int(receipt.bytes))
        let pipelines = shared.configuration.pipelines
        let type =
            if case .known(let text) = pipelines.declared(field: declared, for: pipeline) {
                text as String?
            } else {
                pipelines.judge(prefix: receipt.prefix, name: name, for: pipeline)
            }
        let content = UploadedContent(token: receipt.token, bytes: receipt.bytes, sha256: receipt.sha256)
        shared.documents.ask(permit.document, from: loop) { owner, answer in
            if let metadata { owner.describe(permit, metadata: metadata) }
            if receipt.bytes == 0 {
                owner.uploadRefused(
                    permit, content, DocumentError(.unreadable, "The upload has no bytes. Choose the file again."),
                    then: answer)
            } else if let type {
                owner.uploadCompleted(permit, content, contentType: type, then: answer)
            } else {
                let accepted = (pipelines.acceptedTypes(pipeline) ?? []).joined(separator: ", ")
                owner.uploadRefused(
                    permit, content,
                    DocumentError(
                        .unsupportedType, "The bytes are of a type that is not taken. Send one of \(accepted)."),
                    then: answer)
            }
        } then: { (result: Result<EncodedEvent, DocumentRefusal>) in
            if case .success(let event) = result, event.status == .complete { shared.counters.resultsTakenOver.add(1) }
            completion(result)
        }
    }
}
