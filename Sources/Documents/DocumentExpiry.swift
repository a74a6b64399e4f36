import Core
import Hub
import Loop
import System

/// What happens to documents that nobody asks for any more.
extension DocumentOwner {
    /// Does what is due to a document: an upload that was abandoned expires, one that is over long enough is removed,
    /// or what was made of it is. A record that is older than what has happened since is made anew.
    package func expire(_ id: DocumentID) {
        let isInUse = live[id] != nil
        find(id) { [self] result in
            guard case .success(let document) = result, !document.isAheadOfRecord else { return }
            guard let (leaving, due) = lifetimes.next(document.document), due <= now.unixMilliseconds,
                document.permit == nil
            else { return recordAnew(document, keepsInMemory: isInUse) }
            switch leaving {
            case .document: delete(id) { _ in }
            case .result: removeResult(of: document, keepsInMemory: isInUse)
            case .upload where document.document.isPart: deleteUnlessAwaited(document)
            case .upload:
                let words = "Nothing was added to the upload for too long. Upload the document again."
                try? changeOnRecord(document, .failed(DocumentError(.uploadExpired, words)))
                endUpload(document, .cancelled, of: document.document.upload)
            }
        }
    }

    func recordAnew(_ document: LiveDocument, keepsInMemory: Bool) {
        write(document.document, document) { [self] _ in
            if !keepsInMemory && document.document.isTerminal { forgetUnused(document) }
        }
    }

    /// What was only taken into memory for a look does not stay there.
    private func forgetUnused(_ document: LiveDocument) {
        guard live[document.document.id] === document, !document.isAheadOfRecord, document.waitingOrders.isEmpty else {
            return
        }
        forget(document)
    }

    /// Removes what was made of a document, once its record names it no more. Nobody is told: its last state stands.
    /// Where the record cannot be made the result stays, and is due again at the next look.
    private func removeResult(of document: LiveDocument, keepsInMemory: Bool) {
        var next = document.document
        next.isResultRemoved = true
        write(next, document) { [self] result in
            guard case .success = result else { return }
            document.document.isResultRemoved = true
            if let run = document.run { bytes.removeOutput(of: document.document.id, token: run) }
            document.run = nil
            if !keepsInMemory { forgetUnused(document) }
        }
    }
}
