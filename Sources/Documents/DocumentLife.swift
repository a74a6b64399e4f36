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

    func enqueue(_ document: LiveDocument) {
        let id = document.document.id
        queue.enqueue(id)
        refreshQueuePosition(document)
    }

    // MARK: Work

    /// Gives a waiting document to a worker; nil when it is no longer waiting.
    package func lease(_ id: DocumentID, run: Int64, then answer: @escaping @Sendable (Lease?) -> Void) {
        guard let document = live[id], !document.isDeleted, document.document.status == .queued,
            let type = document.document.contentType.flatMap(ContentType.init(recorded:)),
            let bytes = document.document.bytesTotal
        else { return answer(nil) }
        document.run = run
        do throws(DocumentConflict) {
            try change(document, .leased)
        } catch {
            return answer(nil)
        }
        // Not waited for: if this is lost the document is found waiting, and runs.
        records.update(record(of: document)) { _ in }
        answer(
            Lease(
                document: id, run: run, type: type.type, charset: type.charset,
                contentToken: document.document.contentToken, bytes: bytes,
                attempt: document.document.attempt))
    }

    /// The worker was gone before the run began: the document waits again.
    package func giveBack(_ id: DocumentID, run: Int64) {
        bytes.removeOutput(of: id, token: run)
        guard let document = leased(id, run) else { return }
        try? change(document, .requeued)
        enqueue(document)
    }

    private func leased(_ id: DocumentID, _ run: Int64) -> LiveDocument? {
        guard let document = live[id], document.run == run, document.document.status == .processing else { return nil }
        return document
    }

    package func worked(_ id: DocumentID, run: Int64, _ progress: WorkProgress) {
        guard let document = leased(id, run) else { return }
        try? change(document, .worked(progress))
    }

    /// A run is over. A run that was given up in the meantime changes nothing.
    package func finished(_ id: DocumentID, run: Int64, _ verdict: RunVerdict) {
        guard let document = leased(id, run) else { return bytes.removeOutput(of: id, token: run) }
        let change: DocumentChange
        switch verdict {
        case .complete(let units, let chunks): change = .completed(units: units, chunks: chunks)
        case .failed(let reason): change = .failed(reason)
        }
        try? changeOnRecord(document, change) { [bytes] document in
            if case .failed = verdict { bytes.removeOutput(of: id, token: run) }
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
                    try changeOnRecord(document, .cancelled) { document in
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
                        if let run = document.run { bytes.removeOutput(of: id, token: run) }
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
        case .queued, .processing:
            _ = try? document.document.apply(.requeued, at: now)
            tell(document, .step)
            enqueue(document)
        case .complete, .failed, .cancelled: break
        }
    }
}
