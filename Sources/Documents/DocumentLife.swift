import Core
import Hub
import JSON
import Loop

/// What can be asked of a document from outside: created, uploaded, leased, finished, cancelled, run again, deleted.
extension DocumentOwner {
    package typealias Told = Result<EncodedEvent, DocumentRefusal>

    /// Puts a new document on record, then tells it. A chosen id that is in use is refused.
    package func create(_ document: Document, then answer: @escaping @Sendable (Told) -> Void) {
        guard live[document.id] == nil else { return answer(.failure(.idInUse)) }
        let created = makeLive(document)
        live[document.id] = created
        created.recordsPending = 1
        records.insert(record(of: created)) { [self] result in
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

    /// What is known of a document whose bytes are about to come.
    package func uploadTarget(
        _ id: DocumentID, then answer: @escaping @Sendable (Result<UploadTarget, DocumentRefusal>) -> Void
    ) {
        find(id) { result in
            answer(
                result.flatMap { live in
                    let document = live.document
                    guard document.status == .uploading else { return .failure(.conflict(document.uploadConflict)) }
                    return .success(
                        UploadTarget(
                            name: document.name, contentType: document.contentType,
                            declaredBytes: document.declaredBytes, tierLimitBytes: document.tierLimitBytes))
                })
        }
    }

    /// Takes the right to bring the bytes. A connection that had it before is ended: it may be dead without knowing.
    package func beginUpload(
        _ id: DocumentID, total: Int64?, contentType: String?, evict: @escaping @Sendable (UploadEviction) -> Void,
        then answer: @escaping @Sendable (Result<UploadPermit, DocumentRefusal>) -> Void
    ) {
        find(id) { [self] result in
            answer(
                result.flatMap { document in
                    do throws(DocumentConflict) {
                        try change(document, .uploadBegan(total: total, contentType: contentType))
                    } catch {
                        return .failure(.conflict(error))
                    }
                    document.evictUpload?(.supersededByNewer)
                    lastPermit += 1
                    let permit = UploadPermit(document: id, number: lastPermit)
                    document.permit = permit
                    document.evictUpload = evict
                    return .success(permit)
                })
        }
    }

    package func uploadProgressed(_ permit: UploadPermit, received: Int64) {
        guard let document = live[permit.document], permit.isSame(as: document.permit) else { return }
        try? change(document, .uploadProgressed(received: received))
    }

    /// What a form says of the document behind its file.
    package func describe(_ permit: UploadPermit, metadata: JSONObject) {
        guard let document = live[permit.document], permit.isSame(as: document.permit) else { return }
        document.document.metadata = metadata
    }

    /// The bytes are durable. Answers once the record is, too; only then may the client be told.
    ///
    /// An answer that refuses means that the bytes are not the document's: whoever brought them removes them.
    package func uploadCompleted(
        _ permit: UploadPermit, _ content: UploadedContent, contentType: String,
        then answer: @escaping @Sendable (Told) -> Void
    ) {
        let change = DocumentChange.uploadCompleted(
            bytes: content.bytes, sha256: content.sha256, contentType: contentType)
        finishUpload(permit, content.token, change, then: answer) { owner, document in owner.enqueue(document) }
    }

    /// The bytes came, and nothing can be made of them.
    package func uploadRefused(
        _ permit: UploadPermit, _ content: UploadedContent, _ reason: DocumentError,
        then answer: @escaping @Sendable (Told) -> Void
    ) {
        let change = DocumentChange.uploadUnusable(bytes: content.bytes, sha256: content.sha256, reason)
        finishUpload(permit, content.token, change, then: answer) { _, _ in }
    }

    private func finishUpload(
        _ permit: UploadPermit, _ contentToken: Int64, _ change: DocumentChange,
        then answer: @escaping @Sendable (Told) -> Void,
        afterwards: @escaping @Sendable (DocumentOwner, LiveDocument) -> Void
    ) {
        guard let document = live[permit.document], permit.isSame(as: document.permit) else {
            return answer(.failure(live[permit.document].map { .conflict($0.document.uploadConflict) } ?? .notFound))
        }
        document.permit = nil
        document.evictUpload = nil
        // With the permit the status is `uploading`, so there was no content before and the change can be made.
        document.document.contentToken = contentToken
        do throws(DocumentConflict) {
            try changeOnRecord(document, change) { [self] document in
                if !document.isDeleted { afterwards(self, document) }
                answer(document.answer)
            }
        } catch {
            answer(.failure(.conflict(error)))
        }
    }

    /// The connection that brought the bytes is gone, or the disk refused them.
    package func uploadLost(_ permit: UploadPermit, _ reason: DocumentError) {
        guard let document = live[permit.document], permit.isSame(as: document.permit) else { return }
        document.permit = nil
        document.evictUpload = nil
        if document.document.awaitsContent {
            try? change(document, .uploadLost)
            retire(document)
        } else {
            try? changeOnRecord(document, .failed(reason))
        }
    }

    /// Lets a document that waits for its bytes leave memory once nothing has happened to it for as long as a terminal
    /// one may stay; bytes that come, or whoever asks for it, find it on record. Its offset goes on record first, so
    /// that offsets go on where they were.
    func retireWaiting(_ document: LiveDocument) {
        guard document.waitsForContent, !document.isLookDue else { return }
        document.isLookDue = true
        loop.schedule(afterMilliseconds: Self.retainedMilliseconds) { [weak self, weak document] in
            guard let self, let document, self.live[document.document.id] === document else { return }
            document.isLookDue = false
            let idleMilliseconds = self.now.unixMilliseconds - document.document.updatedAtMilliseconds
            guard document.isUnused, idleMilliseconds >= Self.retainedMilliseconds else {
                return self.retireWaiting(document)
            }
            let offset = document.document.offset
            self.records.update(self.record(of: document)) { [self] result in
                self.loop.post { [self] in
                    guard self.live[document.document.id] === document else { return }
                    guard case .success = result, document.isUnused, document.document.offset == offset else {
                        return self.retireWaiting(document)
                    }
                    self.forget(document)
                }
            }
        }
    }

    private func enqueue(_ document: LiveDocument) {
        let id = document.document.id
        queue.enqueue(id)
        refreshQueuePosition(document)
    }

    // MARK: Work

    /// Gives a waiting document to a worker; nil when it is no longer waiting.
    package func lease(_ id: DocumentID, run: Int64, then answer: @escaping @Sendable (Lease?) -> Void) {
        guard let document = live[id], !document.isDeleted, document.document.status == .queued,
            let type = document.document.contentType.flatMap(DocumentType.init),
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
                document: id, run: run, type: type, contentToken: document.document.contentToken, bytes: bytes,
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
    private func whenSettled(
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
        document.evictUpload?(.cancelled)
        document.evictUpload = nil
        document.permit = nil
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
                stopWork(on: document)
                records.remove(id) { [self] result in
                    loop.post { [self] in
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
    func recover(_ record: DocumentRecord) {
        guard live[record.id] == nil, let document = adopt(record) else { return }
        document.document.recover(epoch: epoch, ceiling: record.ceiling)
        if !document.document.isTerminal { beginHistory(document) }
        switch document.document.status {
        case .uploading where document.document.awaitsContent:
            _ = try? document.document.apply(.uploadLost, at: now)
            tell(document, .step)
            retire(document)
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

extension LiveDocument {
    /// It was created first, and nobody brings its bytes now.
    fileprivate var waitsForContent: Bool {
        document.status == .uploading && document.awaitsContent && permit == nil && !isDeleted
    }

    fileprivate var isUnused: Bool { waitsForContent && recordsPending == 0 && audience.isEmpty }
}
