import Core
import Hub
import Loop

// Theory of operation
//
// A part has on its record which documents are made of it and wait for it (`ResumableUpload.finals`). Their owners are
// told by letters, each of which finds them as they are then:
//
//   the part is whole            the document is put together, if its other parts are whole too
//   bytes come to the part       the document's time begins anew (not told at every byte: `uploadStepMilliseconds`)
//   the part goes                the document fails at once: what is missing comes no more
//   the part's time is over      it stays while one of them waits, until that one's time is over as well
//
// So the bytes of any part keep the document, and the document keeps all of its parts.

/// A part as the document that is made of it sees it.
package struct PartStanding: Sendable {
    package var document: DocumentID
    package var token: Int64?
    package var acknowledgedBytes: Int64
    package var length: Int64?
    package var isComplete: Bool
    /// One more document may be made of it.
    package var mayBeAwaited: Bool
}

/// Parts, and documents that are made of them (tus, "Concatenation").
extension DocumentOwner {
    /// How far a part is. It remembers that `final` waits for it.
    package func part(
        _ id: DocumentID, of final: DocumentID?,
        then answer: @escaping @Sendable (Result<PartStanding, DocumentRefusal>) -> Void
    ) {
        find(id) { [self] result in
            answer(result.flatMap { standing($0, of: final) })
        }
    }

    private func standing(_ live: LiveDocument, of final: DocumentID?) -> Result<PartStanding, DocumentRefusal> {
        guard live.document.isPart, live.document.status == .uploading else { return .failure(.notFound) }
        do throws(DocumentConflict) {
            if let final, try live.document.becomeAwaited(by: final) { write(live.document, live) }
        } catch {
            return .failure(.conflict(error))
        }
        let document = live.document
        return .success(
            PartStanding(
                document: document.id, token: document.upload.token,
                acknowledgedBytes: document.upload.acknowledgedBytes, length: document.declaredBytes,
                isComplete: document.isWhollyAcknowledged, mayBeAwaited: document.mayBeAwaited))
    }

    // MARK: What a part tells

    func partCompleted(_ live: LiveDocument) {
        guard live.document.isPart, live.document.isWhollyAcknowledged else { return }
        for final in live.document.upload.finals { concatenation.wanted(final) }
    }

    func partGrew(_ live: LiveDocument) {
        guard live.document.isPart, !live.document.upload.finals.isEmpty else { return }
        let time = now.unixMilliseconds
        guard abs(time - live.finalsToldMilliseconds) >= lifetimes.uploadStepMilliseconds else { return }
        live.finalsToldMilliseconds = time
        for final in live.document.upload.finals {
            concatenation.perform(final) { $0.keepConcatenation(final, since: time) }
        }
    }

    func partEnded(_ live: LiveDocument) {
        guard live.document.isPart, live.document.status != .uploading else { return }
        for final in live.document.upload.finals { concatenation.perform(final) { $0.failForLostPart(final) } }
    }

    // MARK: What the document makes of it

    private func keepConcatenation(_ id: DocumentID, since milliseconds: Int64) {
        find(id) { [self] result in
            guard case .success(let live) = result, live.document.isConcatenation, live.document.status == .uploading,
                milliseconds - live.document.updatedAtMilliseconds >= lifetimes.uploadStepMilliseconds
            else { return }
            live.document.keepUpload(since: milliseconds)
            write(live.document, live)
        }
    }

    /// A part is gone, and with it what would have been made of it.
    package func failForLostPart(_ id: DocumentID) {
        whenSettled(id) { [self] result in
            guard case .success(let live) = result, live.document.isConcatenation, live.document.status == .uploading
            else { return }
            let words = "A part of the upload is gone, so it cannot be put together. Upload the parts again."
            try? changeOnRecord(live, .failed(DocumentError(.partsGone, words)))
            endUpload(live, .cancelled, of: live.document.upload)
        }
    }

    // MARK: Expiry

    /// Removes a part whose time is over, unless a document waits for it: then it has that one's time.
    func deleteUnlessAwaited(_ live: LiveDocument) {
        let id = live.document.id
        guard let final = live.document.upload.finals.first else { return delete(id) { _ in } }
        let port = concatenation
        port.perform(final) { owner in
            owner.waitsForParts(final) { waiting in
                port.perform(id) { $0.heard(of: final, waiting, for: id) }
            }
        }
    }

    /// Since when a document waits for its parts; nil when it does not.
    private func waitsForParts(
        _ id: DocumentID, then answer: @escaping @Sendable (Result<Int64?, DocumentRefusal>) -> Void
    ) {
        find(id) { result in
            answer(
                result.map { live in
                    live.document.isConcatenation && live.document.status == .uploading
                        ? live.document.updatedAtMilliseconds : nil
                })
        }
    }

    private func heard(of final: DocumentID, _ waiting: Result<Int64?, DocumentRefusal>, for id: DocumentID) {
        guard let live = live[id], live.document.status == .uploading, !live.isDeleted else { return }
        switch waiting {
        case .success(let since?):
            live.document.keepUpload(since: since)
            recordAnew(live, keepsInMemory: true)
        case .success(nil), .failure(.notFound):
            live.document.stopBeingAwaited(by: final)
            // Bytes may have come while it was asked.
            if let due = due(live), due <= now.unixMilliseconds, live.permit == nil { deleteUnlessAwaited(live) }
        // Nobody knows; the next look asks again.
        case .failure: break
        }
    }

    /// The parts can never be put together: the document fails, whoever waits for it. The parts stay their clients'.
    package func failConcatenation(_ permit: UploadPermit, _ reason: DocumentError) {
        guard let document = live[permit.document], permit.isSame(as: document.permit) else { return }
        try? changeOnRecord(document, .failed(reason))
        endUpload(document, .cancelled, of: document.document.upload)
    }
}
