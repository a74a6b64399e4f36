import Core

/// What the key of a creating call comes to.
package enum KeyUse: Sendable {
    /// No document, or one that never got its bytes: the key may name a new one.
    case free
    case inUse
    case taken(Document)
}

extension DocumentOwner {
    /// What a repeated call under a key that names this document comes to. Asked once no commit of the document is
    /// under way: what is answered of it is on record.
    package func keyUse(
        _ id: DocumentID, waitsForHolder: Bool,
        then answer: @escaping @Sendable (Result<KeyUse, DocumentRefusal>) -> Void
    ) {
        whenSettled(id) { result in
            switch result {
            case .failure(.notFound): answer(.success(.free))
            case .failure(let refusal): answer(.failure(refusal))
            case .success(let live):
                let isHeld = live.permit != nil || !live.holder.isFree
                switch KeyStanding(live.document, isHeld: isHeld, waitsForHolder: waitsForHolder) {
                case .free: answer(.success(.free))
                case .inUse: answer(.success(.inUse))
                case .taken: answer(.success(.taken(live.document)))
                }
            }
        }
    }
}
