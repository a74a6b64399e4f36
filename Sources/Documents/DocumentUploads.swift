import Core
import Hub
import JSON
import Loop
import System

// Theory of operation
//
// A request that brings bytes has a permit. There are two kinds of it.
//
// One that brings all of them (a form, a raw body, PUT) begins at byte 0 in a file of its own. A newer one takes its
// right at once, and what it wrote is thrown away.
//
// One that goes on (`takeUpload`) writes behind what is there, so two must never write at once: the newer one ends the
// older, and gets its grant when that one has let go and said how much is written (`UploadHolder`).
//
// No client is told of a byte that is not durable and on record: `acknowledge` comes after the sync and before the
// reply.
//
// Bytes that a record may name are removed after the record that no longer names them: a crash in between finds them.
// So an upload that is ended from outside loses its right at once (`endUpload`), but it is told, and its file
// removed, when the record is made; and one that comes to its own end meanwhile is refused no sooner.

/// How bytes come to a document.
extension DocumentOwner {
    /// What is known of a document whose bytes are about to come.
    package func uploadTarget(
        _ id: DocumentID, then answer: @escaping @Sendable (Result<UploadTarget, DocumentRefusal>) -> Void
    ) {
        find(id) { result in
            answer(
                result.flatMap { live in
                    let document = live.document
                    if let conflict = document.contentConflict { return .failure(.conflict(conflict)) }
                    return .success(
                        UploadTarget(
                            name: document.name, contentType: document.contentType, pipeline: document.pipeline,
                            declaredBytes: document.declaredBytes, tierLimitBytes: document.tierLimitBytes,
                            isHashed: document.upload.isHashed))
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
                    if let conflict = document.document.contentConflict { return .failure(.conflict(conflict)) }
                    let begins = DocumentChange.uploadBegan(total: total, contentType: contentType)
                    let upload = document.document.upload
                    do throws(DocumentConflict) {
                        if upload.token == nil {
                            try change(document, begins)
                        } else {
                            try changeOnRecord(document, begins)
                        }
                    } catch {
                        return .failure(.conflict(error))
                    }
                    endUpload(document, .begunAgain, of: upload)
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
        partGrew(document)
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
        takeOver(permit, content, contentType: contentType) { [self] taken in
            guard let taken else {
                let change = DocumentChange.uploadCompleted(
                    bytes: content.bytes, sha256: content.sha256, contentType: contentType)
                return finishUpload(permit, content.token, change, then: answer) { $0.enqueue($1) }
            }
            guard let document = live[permit.document], permit.isSame(as: document.permit) else {
                giveUp(taken)
                return refuse(permit, answer)
            }
            let change = DocumentChange.resultTakenOver(
                bytes: content.bytes, sha256: content.sha256, contentType: contentType, taken.result)
            document.run = taken.files.run
            let token = taken.sharesContent ? taken.files.contentToken ?? content.token : content.token
            finishUpload(permit, token, change, then: answer) { owner, document in
                if taken.sharesContent { owner.bytes.removeContent(of: document.document.id, token: content.token) }
            }
        }
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
            return refuse(permit, answer)
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
            endUpload(document, .supersededByNewer, of: document.document.upload)
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

    // MARK: Bytes over many requests

    /// Takes the right to go on with an upload, or to learn how far it is. Whoever has it is ended first.
    package func takeUpload(
        _ id: DocumentID, evict: @escaping @Sendable (UploadEviction) -> Void,
        then answer: @escaping @Sendable (Result<UploadGrant, DocumentRefusal>) -> Void
    ) {
        whenSettled(id) { [self] result in
            switch result {
            case .failure(let refusal): answer(.failure(refusal))
            case .success(let live):
                let document = live.document
                guard document.status == .uploading else { return answer(.failure(.conflict(document.uploadConflict))) }
                // One request brings such a document's bytes, or nobody does.
                guard document.awaitsContent else { return answer(.failure(.notFound)) }
                lastPermit += 1
                live.takers[lastPermit] = UploadTaker(evict: evict, answer: answer)
                carryOut(live.holder.request(lastPermit), live)
            }
        }
    }

    private func carryOut(_ actions: [UploadHolder.Action], _ document: LiveDocument) {
        for action in actions {
            switch action {
            case .grant(let number): grant(number, document)
            case .evict(let number): document.takers[number]?.evict(.supersededByNewer)
            }
        }
    }

    private func grant(_ number: UInt64, _ live: LiveDocument) {
        guard let taker = live.takers[number] else { preconditionFailure("who holds an upload has asked for it") }
        // A PUT that is under way is ended; what it wrote is its own.
        live.evictUpload?(.supersededByNewer)
        let permit = UploadPermit(document: live.document.id, number: number)
        live.permit = permit
        live.evictUpload = taker.evict
        taker.answer(.success(UploadGrant(permit: permit, document: live.document, dueMilliseconds: due(live))))
    }

    /// Bytes are about to be written into the file of this number, which is nobody else's.
    package func continueUpload(_ permit: UploadPermit, token: Int64, length: Int64?) {
        guard let document = live[permit.document], permit.isSame(as: document.permit) else { return }
        try? change(document, .uploadContinued(token: token, length: length))
    }

    /// Puts on record that the upload's first `offset` bytes, which were synced, are there. What is answered may be
    /// told the client. A refusal means that the right is gone: the bytes are nobody's, or another's.
    package func acknowledge(
        _ permit: UploadPermit, offset: Int64,
        then answer: @escaping @Sendable (Result<UploadGrant, DocumentRefusal>) -> Void
    ) {
        guard let live = live[permit.document], permit.isSame(as: live.permit) else { return refuse(permit, answer) }
        recordDurable(live, offset) { [self] failure in
            guard permit.isSame(as: live.permit) else { return refuse(permit, answer) }
            if let failure { return answer(.failure(.storage(failure))) }
            answer(.success(UploadGrant(permit: permit, document: live.document, dueMilliseconds: due(live))))
            partGrew(live)
            partCompleted(live)
        }
    }

    /// Puts on record that so many bytes are durable. Whoever has the upload by then, they are.
    private func recordDurable(
        _ live: LiveDocument, _ offset: Int64, then completion: @escaping @Sendable (RecordFailure?) -> Void
    ) {
        let token = live.document.upload.token
        live.document.upload.synced(offset)
        let change = DocumentChange.uploadAcknowledged(offset)
        var next = live.document
        _ = try? next.apply(change, at: now)
        write(next, live) { [self] result in
            guard case .success = result else {
                if case .failure(let failure) = result { completion(failure) }
                return
            }
            // Not when the bytes have begun again meanwhile, in another file.
            if live.document.upload.token == token { try? self.change(live, change) }
            completion(nil)
        }
    }

    /// Refuses a request that has lost its right, once what took it is on record.
    private func refuse<Answer>(
        _ permit: UploadPermit, _ answer: @escaping @Sendable (Result<Answer, DocumentRefusal>) -> Void
    ) {
        guard let document = live[permit.document], document.recordsPending > 0 else {
            return answer(.failure(uploadRefusal(permit)))
        }
        document.waitingOrders.append { [self] in refuse(permit, answer) }
    }

    private func uploadRefusal(_ permit: UploadPermit) -> DocumentRefusal {
        guard let document = live[permit.document], !document.isDeleted else { return .notFound }
        return .conflict(document.document.uploadConflict)
    }

    /// The request is over and writes no more; so many bytes are in the file. After a sync that failed nothing is known
    /// of them but what was durable before: then 0.
    package func releaseUpload(_ permit: UploadPermit, written: Int64) {
        guard let document = live[permit.document] else { return }
        document.takers[permit.number] = nil
        if permit.isSame(as: document.permit) {
            document.permit = nil
            document.evictUpload = nil
            try? change(document, .uploadPaused(written: written))
            retire(document)
        }
        carryOut(document.holder.released(permit.number), document)
    }

    /// Cuts the file of an upload to what counts, where nobody goes on with it: what a former process wrote beyond its
    /// record would take room until somebody does.
    package func cutBack(_ id: DocumentID) {
        whenSettled(id) { [self] result in
            guard case .success(let live) = result, live.waitsForContent, live.holder.isFree else { return }
            takeUpload(id, evict: { _ in }) { [self] (result: Result<UploadGrant, DocumentRefusal>) in
                guard case .success(let grant) = result else { return }
                let (permit, written) = (grant.permit, grant.upload.writtenBytes)
                let release = { @Sendable [self] in loop.post { [self] in releaseUpload(permit, written: written) } }
                guard let token = grant.upload.token else { return release() }
                bytes.cutContent(of: id, token: token, to: written, then: release)
            }
        }
    }

    /// Nobody brings bytes any more: whoever does loses the right, and who waits for it is refused. The request is
    /// told, and the bytes are removed, when what ended the upload is on record.
    func endUpload(_ document: LiveDocument, _ reason: UploadEviction, of upload: ResumableUpload) {
        let (id, evict) = (document.document.id, document.evictUpload)
        let token = document.document.hasContent ? nil : upload.token
        document.evictUpload = nil
        document.permit = nil
        let refusal = DocumentRefusal.conflict(document.document.uploadConflict)
        for number in document.holder.clear() { document.takers[number]?.answer(.failure(refusal)) }
        document.takers = [:]
        if reason != .begunAgain { uploadEnded(id) }
        document.waitingOrders.append { [bytes] in
            // Who brings bytes removes the file too when it has heard: it may be made that late.
            evict?(reason)
            if let token { bytes.removeContent(of: id, token: token) }
        }
        settled(document)
        partEnded(document)
    }

    /// What is left to say of an upload that takes no more bytes.
    package func endedUpload(
        _ id: DocumentID, then answer: @escaping @Sendable (Result<EndedUpload, DocumentRefusal>) -> Void
    ) {
        // What is not on record yet is not told either.
        whenSettled(id) { result in
            answer(
                result.flatMap { live in
                    let document = live.document
                    guard let event = live.told, document.status != .uploading else {
                        return .failure(.conflict(document.uploadConflict))
                    }
                    return .success(
                        EndedUpload(
                            event: event, bytes: document.hasContent ? document.bytesTotal : nil,
                            error: document.error, upload: document.upload))
                })
        }
    }

    // MARK: Waiting for bytes

    /// Lets a document that waits for its bytes leave memory once nothing has happened to it for as long as a terminal
    /// one may stay, or as soon as `waitingMax` others have come to wait after it; bytes that come, or whoever asks for
    /// it, find it on record. Its offset goes on record first, so that offsets go on where they were.
    func retireWaiting(_ document: LiveDocument) {
        guard document.waitsForContent else { return }
        lookLater(document)
        guard !document.isInWaitingLine else { return }
        document.isInWaitingLine = true
        waitingLine.append(document)
        guard waitingLine.count > Self.waitingMax else { return }
        let first = waitingLine.removeFirst()
        first.isInWaitingLine = false
        // One that is in use comes back when it is no more.
        guard live[first.document.id] === first, first.isUnused else { return }
        makeAllDurable(first) { [self] in leaveMemory(first) }
    }

    private func lookLater(_ document: LiveDocument) {
        guard document.waitsForContent, !document.isLookDue else { return }
        document.isLookDue = true
        loop.schedule(afterMilliseconds: Self.retainedMilliseconds) { [weak self, weak document] in
            guard let self, let document, self.live[document.document.id] === document else { return }
            document.isLookDue = false
            let idleMilliseconds = self.now.unixMilliseconds - document.document.updatedAtMilliseconds
            guard document.isUnused, idleMilliseconds >= Self.retainedMilliseconds else {
                return self.lookLater(document)
            }
            self.makeAllDurable(document) { self.leaveMemory(document) }
        }
    }

    /// What nobody has asked for yet is in the file and may still be lost: it is made durable while it is remembered.
    private func makeAllDurable(_ live: LiveDocument, then completion: @escaping @Sendable () -> Void) {
        let upload = live.document.upload
        guard let token = upload.token, upload.writtenBytes > upload.acknowledgedBytes else { return completion() }
        bytes.makeContentDurable(of: live.document.id, token: token, bytes: upload.writtenBytes) { [self] failure in
            loop.post { [self] in
                guard live.isUnused && live.document.upload == upload else { return completion() }
                if failure != nil {
                    try? change(live, .uploadCutBack)
                    return completion()
                }
                recordDurable(live, upload.writtenBytes) { _ in completion() }
            }
        }
    }

    func leaveMemory(_ document: LiveDocument) {
        guard live[document.document.id] === document else { return }
        if document.isAsCreated { return forget(document) }
        let offset = document.document.offset
        write(document.document, document) { [self] result in
            guard live[document.document.id] === document else { return }
            guard case .success = result, document.isUnused, document.document.offset == offset else {
                return lookLater(document)
            }
            forget(document)
        }
    }
}

extension LiveDocument {
    /// It was created first, and nobody brings its bytes now.
    fileprivate var waitsForContent: Bool {
        document.status == .uploading && document.awaitsContent && permit == nil && !isDeleted
    }

    /// Nothing has happened to it: its record is as it would be made now.
    fileprivate var isAsCreated: Bool {
        isUnused && document.upload.token == nil && document.offset == createdOffset
    }

    fileprivate var isUnused: Bool {
        waitsForContent && holder.isFree && !isAheadOfRecord && audience.isEmpty
    }
}
