import Core
import Hub
import Loop
import System

/// What happens to documents that nobody asks for any more.
extension DocumentOwner {
    /// Does what is due to a document: an upload that was abandoned expires, one that is over long enough is removed.
    /// A record that is older than what has happened since is made anew.
    package func expire(_ id: DocumentID) {
        find(id) { [self] result in
            guard case .success(let document) = result, document.recordsPending == 0 else { return }
            guard let due = due(document), due <= now.unixMilliseconds, document.permit == nil else {
                return records.update(record(of: document)) { _ in }
            }
            if document.document.isTerminal || document.document.isPart {
                return delete(id) { _ in }
            }
            let words = "Nothing was added to the upload for too long. Upload the document again."
            try? changeOnRecord(document, .failed(DocumentError(.uploadExpired, words)))
            endUpload(document, .cancelled, of: document.document.upload)
        }
    }
}
