import Core
import Hub
import JSON
import Loop

/// What can be asked of a document from outside: created, uploaded, leased, finished, cancelled, run again, deleted.
extension DocumentOwner {
    package typealias Told = Result<EncodedEvent, DocumentRefusal>

    /// Puts a new document on record, then tells it. A chosen id that is in use is refused.
    /// A key that has come to name another document in the meantime is refused as well.
    package func create(
        _ document: Document, reserving reservation: KeyReservation? = nil,
        then answer: @escaping @Sendable (Told) -> Void
    ) {
        guard live[document.id] == nil else { return answer(.failure(.idInUse)) }
        let created = makeLive(document)
        live[document.id] = created
        created.recordsPending = 1
        records.insert(record(of: created), reserving: reservation) { [self] result in
            loop.post { [self] in
                created.recordsPending -= 1
                defer { settled(created) }
                switch result {
                case .success:
                    tell(created, .step)
                    retire(created)
                    answer(created.answer)
                case .failure(let failure):
                    if live[document.id] === created { live[document.id] = nil }
                    answer(.failure(failure == .alreadyThere ? .idInUse : .storage(failure)))
                }
            }
        }
    }

    /// Whether there is a document of this id, in memory or on record.
    package func isInUse(
        _ id: DocumentID, then answer: @escaping @Sendable (Result<Bool, DocumentRefusal>) -> Void
    ) {
        if live[id] != nil { return answer(.success(true)) }
        find(id) { result in
            switch result {
            case .success: answer(.success(true))
            case .failure(.notFound): answer(.success(false))
            case .failure(let refusal): answer(.failure(refusal))
            }
        }
    }

    // MARK: Orders from people

    /// Finds the document once none of its commits is under way. What an order changes is then told by itself, and what
    /// it answers is the state that it made, not one that is waiting to be told.
    func whenSettled(
        _ id: DocumentID, then order: @escaping @Sendable (Result<LiveDocument, DocumentRefusal>) -> Void
    ) {
        find(id) { [self] result in
            guard case .success(let document) = result, document.recordsPending > 0 else { return order(result) }
            document.waitingOrders.append { [self] in whenSettled(id, then: order) }
        }
    }

    /// A commit is over: lets the orders go on that waited for it, until one begins another.
    func settled(_ document: LiveDocument) {
        while document.recordsPending == 0 && !document.waitingOrders.isEmpty { document.waitingOrders.removeFirst()() }
    }

    package func cancel(_ id: DocumentID, then answer: @escaping @Sendable (Told) -> Void) {
        whenSettled(id) { [self] result in
            switch result {
            case .failure(let refusal): answer(.failure(refusal))
            case .success(let document):
                do throws(DocumentConflict) {
                    let goneOnFrom = document.document.checkpoint?.run
                    try changeOnRecord(document, .cancelled) { [bytes] document in
                        // A run that is under way clears away its own bytes when it ends.
                        if let goneOnFrom { bytes.removeOutput(of: id, token: goneOnFrom) }
                        answer(document.answer)
                    }
                    stopWork(on: document)
                } catch {
                    answer(.failure(.conflict(error)))
                }
            }
        }
    }

    private func stopWork(on document: LiveDocument) {
        queue.withdraw(document.document.id)
        endUpload(document, .cancelled, of: document.document.upload)
    }

    package func retry(_ id: DocumentID, then answer: @escaping @Sendable (Told) -> Void) {
        whenSettled(id) { [self] result in
            switch result {
            case .failure(let refusal): answer(.failure(refusal))
            case .success(let document):
                do throws(DocumentConflict) {
                    try changeOnRecord(document, .retried) { [self] document in
                        if !document.isDeleted { enqueue(document) }
                        answer(document.answer)
                    }
                } catch {
                    answer(.failure(.conflict(error)))
                }
            }
        }
    }

    /// Stops all work, tells watchers `cancelled`, and removes the record and every byte.
    package func delete(_ id: DocumentID, then answer: @escaping @Sendable (DocumentRefusal?) -> Void) {
        find(id) { [self] result in
            switch result {
            case .failure(let refusal): answer(refusal)
            case .success(let document):
                let runs = Set([document.run, document.document.checkpoint?.run].compactMap { $0 })
                // The state is taken at once, so that a run which ends now cannot take another; it is told when the
                // record is gone.
                _ = try? document.document.apply(.cancelled, at: now)
                document.isDeleted = true
                document.recordsPending += 1
                stopWork(on: document)
                records.remove(id) { [self] result in
                    loop.post { [self] in
                        document.recordsPending -= 1
                        defer { settled(document) }
                        if case .failure(let failure) = result {
                            document.isDeleted = false
                            restoreAfterFailedDeletion(document)
                            return answer(.storage(failure))
                        }
                        // Whoever watches and has not been told an end is told one now.
                        if document.told?.isTerminal != true { tell(document, .step) }
                        forget(document)
                        // An upload or a run that is under way clears away its own bytes when it ends.
                        bytes.removeContent(of: id, token: document.document.contentToken)
                        for run in runs { bytes.removeOutput(of: id, token: run) }
                        answer(nil)
                    }
                }
            }
        }
    }

    /// The record would not go: the document stays, with the end that it has taken.
    private func restoreAfterFailedDeletion(_ document: LiveDocument) {
        guard document.told?.isTerminal != true else { return }
        putOnRecord(document)
    }

    // MARK: Restart

    /// Goes on with a document that an earlier process left unfinished.
    func goOn(with document: LiveDocument, ceiling: Double) {
        document.document.recover(epoch: epoch, ceiling: ceiling)
        beginHistory(document)
        switch document.document.status {
        case .uploading where document.document.awaitsContent:
            _ = try? document.document.apply(.uploadCutBack, at: now)
            tell(document, .step)
            retire(document)
            if case .concatenation = document.document.upload.form { partCompleted(document.document.id) }
        case .uploading:
            let words = "The server was restarted before all bytes had arrived. Upload the document again."
            try? changeOnRecord(document, .failed(DocumentError(.uploadInterrupted, words)))
        case .processing where isAfterDeath: goOnAfterDeath(document)
        case .queued, .processing:
            _ = try? document.document.apply(.requeued, at: now)
            tell(document, .step)
            enqueue(document)
        case .complete, .failed, .cancelled: break
        }
    }

    /// It was at work when the server died, whoever is to blame.
    private func goOnAfterDeath(_ document: LiveDocument) {
        switch retries.afterServerDeath(document.document.serverDeaths + 1, jitter: Self.jitter) {
        case .again(let milliseconds):
            let time = milliseconds > 0 ? now.unixMilliseconds + milliseconds : nil
            _ = try? document.document.apply(.serverDied(notBeforeMilliseconds: time), at: now)
            tell(document, .step)
            enqueue(document)
        case .giveUp(let reason): try? changeOnRecord(document, .failed(reason))
        }
    }
}
