import Core
import Hub
import Loop
import System

// What a lease is and which run counts is decided by `WorkLease`; here it is recorded, told and cleared away.

/// What a run is given to say with which it was made: other settings cannot go on from its checkpoint.
package struct LeaseRequest: Sendable {
    /// At least this; the document's owner makes it greater than any before.
    package var run: Int64
    /// Of the built-in pipeline.
    package var settings: String
    package var pipelines: PipelineCatalog

    package init(run: Int64, settings: String, pipelines: PipelineCatalog = PipelineCatalog()) {
        self.run = run
        self.settings = settings
        self.pipelines = pipelines
    }

    /// Nil for a pipeline that is no longer there.
    func settings(of pipeline: String) -> String? {
        pipeline == PipelineShape.document.name ? settings : pipelines.definition(pipeline)?.settings
    }
}

extension DocumentOwner {
    func enqueue(_ document: LiveDocument) {
        queue.enqueue(document.document.id, document.document.ticket)
        refreshQueuePosition(document)
    }

    /// Gives a waiting document to a worker; nil when it is no longer waiting.
    package func lease(_ id: DocumentID, _ request: LeaseRequest, then answer: @escaping @Sendable (Lease?) -> Void) {
        guard let document = live[id], !document.isDeleted, document.document.status == .queued,
            let bytes = document.document.bytesTotal
        else { return answer(nil) }
        var reading: ContentType?
        if document.document.isReadByWorkers {
            guard let type = document.document.contentType.flatMap(ContentType.init(recorded:)) else {
                return answer(nil)
            }
            reading = type
        }
        let settings = request.settings(of: document.document.pipeline).map {
            Checkpoint.settings($0, readBy: document.document.reader)
        }
        if let point = document.document.checkpoint, point.settings != settings {
            forgetCheckpoint(document)
        }
        let run = document.lease.take(atLeast: request.run, nowMilliseconds: Clock.monotonicMilliseconds)
        document.document.rates = learned.rates(of: document.document)
        do throws(DocumentConflict) {
            try change(document, .leased)
        } catch {
            return answer(nil)
        }
        leases.insert(id)
        let lease = Lease(
            document: id, run: run, pipeline: document.document.pipeline,
            stageNames: document.document.stages.map(\.name), reading: reading,
            contentToken: document.document.contentToken, bytes: bytes, attempt: document.document.attempt,
            password: document.document.password, firstFailure: document.document.firstFailure,
            reader: document.document.reader, checkpoint: document.document.checkpoint)
        guard isAfterDeath else {
            // Not waited for: if this is lost the document is found waiting, and runs.
            write(document.document, document)
            return answer(lease)
        }
        // Before work begins it is on record that it did: a document that ends the server at once must be known. One
        // that was cancelled meanwhile is not worked on.
        write(document.document, document) { [self] _ in answer(leased(id, run) == nil ? nil : lease) }
    }

    /// The document that this run has, if no newer one has it.
    private func leased(_ id: DocumentID, _ run: Int64) -> LiveDocument? {
        guard let document = live[id], document.lease.isHeld(by: run, of: document.document) else { return nil }
        return document
    }

    // MARK: While it runs

    /// Whoever supervises the run is alive. False: the run has lost its right, and is to end.
    package func renew(_ id: DocumentID, run: Int64) -> Bool {
        guard let document = leased(id, run) else { return false }
        document.lease.renew(nowMilliseconds: Clock.monotonicMilliseconds)
        leases.insert(id)
        return true
    }

    /// Takes back leases that nobody renews. Called once a second.
    func endLeases() {
        let time = Clock.monotonicMilliseconds
        for id in leases {
            guard let document = live[id], document.document.status == .processing else {
                leases.remove(id)
                continue
            }
            guard document.lease.hasRunOut(nowMilliseconds: time), let run = document.run else { continue }
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
        try? change(document, .checkpointed(nil))
        let id = document.document.id
        write(document.document, document) { [self] result in
            // What is still on record must still be there: the next process would go on from it.
            if case .success = result { removeOutput(of: id, point.run) }
        }
    }

    // MARK: When it is over

    /// A run is over; `unitsRead`: how far the reader had come. One that was given up in the meantime changes nothing.
    package func finished(_ id: DocumentID, run: Int64, _ verdict: RunVerdict, unitsRead: Int64? = nil) {
        guard let document = leased(id, run) else { return removeOutput(of: id, run) }
        switch verdict {
        case .complete(let units, let chunks):
            // What commands make is not taken over: what else it depends on is known to them alone. And what a password
            // opened is nobody's who may not have it. Pages that could not be read in time may be another time.
            if document.document.isReadByWorkers {
                let isWhole = document.document.recognition?.unreadableCount ?? 0 == 0
                document.document.workSettings =
                    document.document.password == nil && isWhole ? deduplication.workSettings : nil
            }
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
                jitter: Self.jitter)
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

    /// 0 to 1, another each time.
    static var jitter: Double { Double(Randomness.integer() >> 11) / Double(UInt64(1) << 53) }

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
        if let document = live[id] {
            // The record may still name them as what a run goes on from, and the process may end before it does not.
            guard document.recordsPending == 0 else {
                return document.waitingOrders.append { [self] in removeOutput(of: id, run) }
            }
            if !document.isDeleted && document.lease.needsOutput(of: run, of: document.document) { return }
        }
        bytes.removeOutput(of: id, token: run)
    }
}
