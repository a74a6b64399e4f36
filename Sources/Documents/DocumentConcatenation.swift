import Core
import Hub
import Loop

/// A part as the document that is made of it sees it.
package struct PartStanding: Sendable {
    package var document: DocumentID
    package var token: Int64?
    package var acknowledgedBytes: Int64
    package var length: Int64?
    package var isComplete: Bool
}

/// Parts, and documents that are made of them (tus, "Concatenation").
extension DocumentOwner {
    /// How far a part is. One that is not complete lets `concatenation` know when it is.
    package func part(
        _ id: DocumentID, of concatenation: DocumentID?,
        then answer: @escaping @Sendable (Result<PartStanding, DocumentRefusal>) -> Void
    ) {
        find(id) { result in
            answer(
                result.flatMap { live in
                    let document = live.document
                    guard document.isPart, document.status == .uploading else { return .failure(.notFound) }
                    let isComplete = document.isWhollyAcknowledged
                    if let concatenation, !isComplete { live.concatenations.insert(concatenation) }
                    return .success(
                        PartStanding(
                            document: id, token: document.upload.token,
                            acknowledgedBytes: document.upload.acknowledgedBytes,
                            length: document.declaredBytes, isComplete: isComplete))
                })
        }
    }

    /// The parts can never be put together: the document fails, whoever waits for it. The parts stay their clients'.
    package func failConcatenation(_ permit: UploadPermit, _ reason: DocumentError) {
        guard let document = live[permit.document], permit.isSame(as: document.permit) else { return }
        try? changeOnRecord(document, .failed(reason))
        endUpload(document, .cancelled, of: document.document.upload)
    }

    func tellConcatenations(_ live: LiveDocument) {
        guard live.document.isPart, live.document.isWhollyAcknowledged else { return }
        let waiting = live.concatenations
        live.concatenations = []
        for id in waiting { partCompleted(id) }
    }
}
