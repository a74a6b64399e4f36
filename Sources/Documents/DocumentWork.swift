import Core
import Hub
import Loop
import System

// Theory of operation
//
// A lease is the right to work on a document. It has a token, the run's number, which only grows: each lease of a
// document has a greater one than all before, over restarts too, because the newest is on record and the clock is its
// floor. Whatever a run brings (progress, checkpoints, its result) comes with its token, and only the newest counts;
// so a run that was given up, or comes late, changes nothing, and its files, which carry the token in their names, are
// cleared away. A lease is renewed by whoever supervises the run; one that is not renewed runs out, and the document
// waits for another.

/// What a run is given to say with which it was made: other settings cannot go on from its checkpoint.
package struct LeaseRequest: Sendable {
    /// At least this; the document's owner makes it greater than any before.
    package var run: Int64
    package var settings: String

    package init(run: Int64, settings: String) {
        self.run = run
        self.settings = settings
    }
}

extension DocumentOwner {
    package static let leaseMilliseconds: Int64 = 30_000

    func enqueue(_ document: LiveDocument) {
        queue.enqueue(document.document.id, document.document.ticket)
        refreshQueuePosition(document)
    }

    /// Gives a waiting document to a worker; nil when it is no longer waiting.
    package func lease(_ id: DocumentID, _ request: LeaseRequest, then answer: @escaping @Sendable (Lease?) -> Void) {
        guard let document = live[id], !document.isDeleted, document.document.status == .queued,
            let type = document.document.contentType.flatMap(ContentType.init(recorded:)),
            let bytes = document.document.bytesTotal
        else { return answer(nil) }
        let settings = Checkpoint.settings(request.settings, readBy: document.document.reader)
        if let point = document.document.checkpoint, point.settings != settings {
            forgetCheckpoint(document)
        }
        let run = max(request.run, (document.run ?? 0) + 1)
        document.run = run
        document.document.rates = learned.rates(of: document.document)
        do throws(DocumentConflict) {
            try change(document, .leased)
        } catch {
            return answer(nil)
        }
        renewLease(document)
        // Not waited for: if this is lost the document is found waiting, and runs.
        write(document.document, document)
        answer(
            Lease(
                document: id, run: run, type: type.type, charset: type.charset,
                contentToken: document.document.contentToken, bytes: bytes, attempt: document.document.attempt,
                password: document.document.password, firstFailure: document.document.firstFailure,
                reader: document.document.reader, checkpoint: document.document.checkpoint))
    }

    /// The document that this run has, if no newer one has it.
    private func leased(_ id: DocumentID, _ run: Int64) -> LiveDocument? {
        guard let document = live[id], document.run == run, document.document.status == .processing else { return nil }
        return document
    }

    // MARK: While it runs

    /// Whoever supervises the run is alive. False: the run has lost its right, and is to end.
    package func renew(_ id: DocumentID, run: Int64) -> Bool {
        guard let document = leased(id, run) else { return false }
        renewLease(document)
        return true
    }

    private func renewLease(_ document: LiveDocument) {
        document.leaseEndsMilliseconds = Clock.monotonicMilliseconds + Self.leaseMilliseconds
        leases.insert(document.document.id)
    }

    /// Takes back leases that nobody renews. Called once a second.
    func endLeases() {
        let time = Clock.monotonicMilliseconds
        for id in leases {
            guard let document = live[id], document.document.status == .processing else {
                leases.remove(id)
                continue
            }
            guard time >= document.leaseEndsMilliseconds, let run = document.run else { continue }
            leases.remove(id)
            queue.withdraw(id)
            giveBack(id, run: run)
        }
    }

    /// The run could not begin, or nobody answers for it any more: the document waits again.
    package func giveBack(_ id: DocumentID, run: Int64) {
        guard let document = leased(id, run) else { return removeOutput(of: id, run) }
        try? change(document, .requeued)
        removeOutput(of: id, run)
        enqueue(document)
    }

    package func worked(_ id: DocumentID, run: Int64, _ progress: WorkProgress) {
        guard let document = leased(id, run) else { return }
        try? change(document, .worked(progress))
    }

    /// These files are attached to it.
    package func attachmentsListed(_ id: DocumentID, run: Int64, _ names: [String]) {
        guard let document = leased(id, run) else { return }
        try? change(document, .attachmentsListed(names))
    }

    /// The run's files are good so far. What an earlier run left is not needed once that is on record.
    package func checkpointed(_ id: DocumentID, _ point: Checkpoint) {
        guard let document = leased(id, point.run) else { return }
        let before = document.document.checkpoint
        guard point.isBeyond(before) || before?.run != point.run else { return }
        _ = try? document.document.apply(.checkpointed(point), at: now)
        write(document.document, document) { [self] result in
            guard case .success = result, let before, before.run != point.run else { return }
            removeOutput(of: id, before.run)
        }
    }

    /// Its files are gone or of no use: the next run begins at the beginning.
    package func checkpointFailed(_ id: DocumentID, run: Int64) {
        guard let document = leased(id, run) else { return }
        forgetCheckpoint(document)
    }

    private func forgetCheckpoint(_ document: LiveDocument) {
        guard let point = document.document.checkpoint else { return }
        _ = try? document.document.apply(.checkpointed(nil), at: now)
        let id = document.document.id
        write(document.document, document) { [self] _ in removeOutput(of: id, point.run) }
    }

    // MARK: When it is over

    /// A run is over; `unitsRead`: how far the reader had come. One that was given up in the meantime changes nothing.
    package func finished(_ id: DocumentID, run: Int64, _ verdict: RunVerdict, unitsRead: Int64? = nil) {
        guard let document = leased(id, run) else { return removeOutput(of: id, run) }
        switch verdict {
        case .complete(let units, let chunks):
            // What a password opened is nobody's who may not have it.
            document.document.workSettings = document.document.password == nil ? deduplication.workSettings : nil
            try? changeOnRecord(document, .completed(units: units, chunks: chunks))
            learned.take(from: document.document, at: now)
        case .waits(let words, let milliseconds):
            setBack(document, run, message: words, afterMilliseconds: milliseconds, isAttempt: false)
        case .fallsBack(let error, let reader):
            try? changeOnRecord(document, .fellBack(error, to: reader)) { [self] document in
                removeOutput(of: id, run)
                if document.document.status == .queued && !document.isDeleted { enqueue(document) }
            }
        case .failed(let error):
            let decision = retries.decide(
                error, pages: document.document.unitsArePages ? unitsRead : nil,
                checkpoint: document.document.checkpoint, failed: &document.document.failedRuns,
                jitter: Double(Randomness.integer() >> 11) / Double(UInt64(1) << 53))
            switch decision {
            case .again(let milliseconds):
                setBack(
                    document, run, message: "\(error.detail) It is tried again by itself.",
                    afterMilliseconds: milliseconds, isAttempt: true)
            case .giveUp(let reason):
                try? changeOnRecord(document, .failed(reason)) { [self] _ in removeOutput(of: id, run) }
            }
        }
    }

    private func setBack(
        _ document: LiveDocument, _ run: Int64, message: String, afterMilliseconds wait: Int64, isAttempt: Bool
    ) {
        let change = DocumentChange.setBack(
            message: message, notBeforeMilliseconds: now.unixMilliseconds + wait, isAttempt: isAttempt)
        try? changeOnRecord(document, change) { [self] document in
            removeOutput(of: document.document.id, run)
            if document.document.status == .queued && !document.isDeleted { enqueue(document) }
        }
    }

    /// Removes what a run wrote, unless the next one goes on from it or it is the result.
    private func removeOutput(of id: DocumentID, _ run: Int64) {
        if let document = live[id], !document.isDeleted {
            if document.document.checkpoint?.run == run { return }
            if document.document.status == .complete && document.run == run { return }
            if document.document.status == .processing && document.run == run { return }
        }
        bytes.removeOutput(of: id, token: run)
    }
}
