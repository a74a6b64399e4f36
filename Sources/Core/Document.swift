import JSON

// Theory of operation
//
//   uploading ──► queued ──► processing ──► complete
//       │           │ ▲           │
//       │           │ └── retry ──┤
//       └───────────┴─────────────┴──► failed | cancelled ── retry ──► queued
//
// An upload whose bytes were processed before goes from `uploading` to `complete` at once (`Deduplication`).
//
// A document is a value. `apply` takes one thing that happened and the time, and answers whether the change must be
// told at once (a change of status or stage), may wait (a tick of progress), or is none. Everything a watcher ever sees
// is a function of this value, so an event that is merged with a later one loses nothing.

package enum DocumentStatus: String, Sendable, CaseIterable {
    case uploading, queued, processing, complete, failed, cancelled

    package var isTerminal: Bool { self == .complete || self == .failed || self == .cancelled }
}

/// What can happen to a document.
package enum DocumentChange: Sendable, Equatable {
    /// `total` is the declared length, nil for a chunked body.
    case uploadBegan(total: Int64?, contentType: String?)
    case uploadProgressed(received: Int64)
    /// The bytes are durable.
    case uploadCompleted(bytes: Int64, sha256: String?, contentType: String)
    /// The bytes are durable, and what was made of the same ones before is this document's now.
    case resultTakenOver(bytes: Int64, sha256: String?, contentType: String, TakenResult)
    /// The bytes are durable, and nothing can be made of them.
    case uploadUnusable(bytes: Int64, sha256: String?, DocumentError)
    /// The connection was lost; a document that was created first waits for the next PUT from byte 0.
    case uploadLost
    /// Bytes go on behind those that are there, in the file of this number.
    case uploadContinued(token: Int64, length: Int64?)
    /// The request is over, and so many bytes are in the file.
    case uploadPaused(written: Int64)
    /// So many bytes are durable and on record.
    case uploadAcknowledged(Int64)
    /// What came, beyond what is durable, is gone, with the process that took it or by a failed sync.
    case uploadCutBack
    case leased
    case worked(WorkProgress)
    /// `units` is what the pipeline found there to be, whatever had been announced.
    case completed(units: Int64, chunks: Int64)
    case failed(DocumentError)
    case cancelled
    case retried
    /// The process that had it leased is gone; it runs again and its percentage is held.
    case requeued
    /// The server itself died while this was at work, which is no attempt; it runs again at that time, nil: at once.
    case serverDied(notBeforeMilliseconds: Int64?)
    /// The run failed, or something it needs is not there now: it waits, and runs again by itself at that time. Only a
    /// run that failed is an attempt.
    case setBack(message: String, notBeforeMilliseconds: Int64, isAttempt: Bool)
    /// The reader found nothing in it, for this reason: it waits for another, in the same attempt.
    case fellBack(DocumentError, to: TextReader)
    /// So much need not be done again; nil: all of it must be.
    case checkpointed(Checkpoint?)
    /// The names of the files that are attached to it, as far as they are listed.
    case attachmentsListed([String])
    /// A figure up to this one may be told now.
    case ceilingRecorded(Double)
    /// Its place in the line of waiting documents.
    case queued(position: Int?)
}

/// How urgently a change must reach watchers.
package enum ChangeWeight: Sendable, Equatable {
    case none
    /// Progress: may be merged with later progress.
    case tick
    /// A change of status or stage: told at once, never merged away for a watcher that keeps up.
    case step
}

/// A change that cannot be made to a document in its present state.
package enum DocumentConflict: Error, Equatable {
    case alreadyTerminal(DocumentStatus)
    case alreadyUploaded
    /// Another request brings the bytes now.
    case superseded
    case notTerminal
    case alreadyComplete
    case neverUploaded
    /// The bytes came whole, and nothing can be made of them.
    case unusableContent
    /// A part of another upload: its bytes come by PATCH.
    case isPart
    /// Made of parts: its bytes are theirs.
    case isConcatenation
    /// As many documents wait for this part as may.
    case awaitedTooOften
}

/// One upload and all that is made from it.
package struct Document: Sendable, Equatable {
    package let id: DocumentID
    package var epoch: String
    package private(set) var offset: Int64 = 0
    package private(set) var status: DocumentStatus = .uploading
    package internal(set) var percentage = Percentage()
    package internal(set) var stages: [StageProgress]
    /// The furthest pipeline stage that was ever shown, or may have been before a crash: a stage only moves forward.
    package internal(set) var stageFloor = 0
    package private(set) var unitsArePages = true
    /// Created before its bytes: an upload that is cut off may begin again. A one-request upload may not.
    package internal(set) var awaitsContent: Bool
    package internal(set) var bytesReceived: Int64 = 0
    package internal(set) var bytesDone: Int64 = 0
    package internal(set) var bytesTotal: Int64?
    /// What was said when the document was created; what one upload says of itself is forgotten when it is cut off.
    package internal(set) var declaredBytes: Int64?
    /// What the creating call said of the bytes, whatever came: a repeated call is held against it.
    package internal(set) var announcedType: String?
    package internal(set) var announcedBytes: Int64?
    /// Of a document that was created before its bytes.
    package var upload = ResumableUpload()
    /// What documents of its kind have cost, as far as its owner knows; in no state and on no record.
    package var rates: StageRates?
    /// Of the upload or the run that is under way.
    package internal(set) var remaining: RemainingTime?
    package internal(set) var estimate: RemainingTime.Estimate?
    /// The run under way is the first: nothing of its work was done before.
    var doesWholeWork = false
    /// Some pages of it have no text and are recognized, or were in a run that this one goes on from.
    package internal(set) var recognition: TextlessRecognition?
    /// What earlier runs told of them.
    var recognitionBefore: TextlessRecognition?
    /// They are in this run, so that one pace tells nothing of it.
    var isUneven = false
    package var queuePosition: Int?
    /// Runs so far; one that the server's own end cut short does not count.
    package internal(set) var attempt = 0
    package internal(set) var hasRun = false
    /// What the next run begins behind.
    package internal(set) var checkpoint: Checkpoint?
    /// Units that this run did not have to do again; nil where it began at the beginning.
    package internal(set) var resumedFrom: Int64?
    package var failedRuns = FailedRuns()
    /// Deaths of the server in a row that met it at work, with nothing new on record between.
    package internal(set) var serverDeaths = 0
    /// While it is queued: it runs at this time (Unix) or later.
    package internal(set) var notBeforeMilliseconds: Int64?
    package var priority = WorkPriority.normal
    /// Whose turn it takes in the line (`Caller.key`).
    package var client: String?
    /// The run that counts as this attempt never came to its end: the next one is the same attempt.
    package internal(set) var repeatsAttempt = false
    package var name: String
    package var contentType: String?
    package let pipeline: String
    package var metadata: JSONObject
    /// Whether the bytes came whole: what can be processed, and processed again.
    package internal(set) var isUploaded = false
    /// Names the upload whose bytes are the document's. An upload that lost its right has another number, so its bytes
    /// never take the place of these.
    package var contentToken: Int64?
    package internal(set) var sha256: String?
    package internal(set) var chunkCount: Int64?
    /// Names of files that are attached to it, which are not read.
    package internal(set) var attachments: [String] = []
    package var message: String?
    package internal(set) var error: DocumentError?
    /// What opens it: on record until it has ended, and in no state.
    package var password: String?
    /// Why the first reader found nothing in it; since then another reads it.
    package internal(set) var firstFailure: DocumentError?
    /// Its text is recognized from pictures of its pages.
    package internal(set) var isRecognized = false
    /// The subject of the token that made it, whose document it is; on record, and in no state.
    package var owner: String?
    /// Names the token that made it, with or without a subject; nil for nobody's. What was made of its bytes is shared
    /// among documents of the same maker alone.
    package var maker: String?
    /// How the pipeline was set up that made the result.
    package var workSettings: String?
    /// The result has had its time. No change of the document: its last state stands, and so does the time of its end.
    package var isResultRemoved = false
    /// What the tier of who made it takes: its bytes may come from somebody who only knows its URL.
    package var tierLimitBytes: Int64?
    package let createdAtMilliseconds: Int64
    package internal(set) var updatedAtMilliseconds: Int64

    package init(
        id: DocumentID, epoch: String, name: String, contentType: String?, bytesTotal: Int64?, pipeline: PipelineShape,
        metadata: JSONObject, awaitsContent: Bool, at now: Moment
    ) {
        self.id = id
        self.epoch = epoch
        self.name = name
        self.contentType = contentType
        self.bytesTotal = bytesTotal
        declaredBytes = bytesTotal
        announcedType = contentType
        announcedBytes = bytesTotal
        self.pipeline = pipeline.name
        stages = pipeline.stages
        self.metadata = metadata
        self.awaitsContent = awaitsContent
        createdAtMilliseconds = now.unixMilliseconds
        updatedAtMilliseconds = now.unixMilliseconds
    }

    package var isTerminal: Bool { status.isTerminal }
    /// Failed while it was worked on, and a person may have it tried again: a dead letter.
    package var canRunAgain: Bool { status == .failed && isUploaded }
    /// What it shows when it joins the line.
    package var ticket: WorkTicket {
        WorkTicket(client: client, priority: priority, notBeforeMilliseconds: notBeforeMilliseconds)
    }
    /// By the built-in pipeline; else by commands of the operator's.
    package var isReadByWorkers: Bool { pipeline == PipelineShape.document.name }
    /// There is a result, and it has not had its time.
    package var hasResult: Bool { status == .complete && !isResultRemoved }
    /// The bytes came whole, whatever can be made of them.
    package var hasContent: Bool { isUploaded || contentToken != nil || sha256 != nil }
    /// A piece of a later document, which nobody lists and nothing processes.
    package var isPart: Bool { upload.form == .part }
    /// All bytes of an upload whose length is known are there, durable and on record.
    package var isWhollyAcknowledged: Bool { declaredBytes == upload.acknowledgedBytes }
    /// The place of its newest event.
    package var position: WatchPosition { WatchPosition(epoch: epoch, offset: offset) }

    /// Says before its creation how long it will be.
    package mutating func announce(bytesTotal total: Int64) {
        declaredBytes = total
        bytesTotal = total
    }

    /// Takes one change. Throws what is wrong with making it now; then nothing has changed.
    package mutating func apply(_ change: DocumentChange, at now: Moment) throws(DocumentConflict) -> ChangeWeight {
        let before = (status, shownStage)
        var isTick = false
        // What says nothing new of the bytes puts off no upload's end; an end that is on record is told as it is there.
        var isStamped = true
        switch change {
        case .uploadBegan(let total, let type):
            guard status == .uploading else { throw isTerminal ? .alreadyTerminal(status) : .alreadyUploaded }
            bytesTotal = total ?? declaredBytes
            bytesReceived = 0
            bytesDone = 0
            upload.beginAgain()
            if let type { contentType = type }
            isTick = true
        case .uploadProgressed(let received):
            guard status == .uploading else { return .none }
            isTick = received != bytesReceived
            bytesReceived = received
            // A total that was only estimated gives way.
            if let total = bytesTotal, total > 0, received > total { bytesTotal = received }
        case .uploadCompleted(let bytes, let digest, let type):
            guard status == .uploading else { throw isTerminal ? .alreadyTerminal(status) : .alreadyUploaded }
            bytesReceived = bytes
            bytesDone = bytes
            bytesTotal = bytes
            isUploaded = true
            sha256 = digest
            contentType = type
            status = .queued
        case .resultTakenOver(let bytes, let digest, let type, let result):
            guard status == .uploading else { throw isTerminal ? .alreadyTerminal(status) : .alreadyUploaded }
            bytesReceived = bytes
            bytesDone = bytes
            bytesTotal = bytes
            isUploaded = true
            sha256 = digest
            contentType = type
            status = .complete
            unitsArePages = result.unitsArePages
            chunkCount = result.chunks
            attachments = result.attachments
            workSettings = result.workSettings
            message = Deduplication.message
            finishStages(units: result.units)
            percentage.complete()
        case .uploadUnusable(let bytes, let digest, let reason):
            guard status == .uploading else { throw isTerminal ? .alreadyTerminal(status) : .alreadyUploaded }
            bytesReceived = bytes
            bytesDone = bytes
            bytesTotal = bytes
            sha256 = digest
            status = .failed
            error = reason
        case .uploadLost:
            guard status == .uploading else { return .none }
            isTick = bytesReceived != 0
            bytesReceived = 0
            bytesDone = 0
            bytesTotal = declaredBytes
            upload.beginAgain()
        case .uploadContinued(let token, let length):
            guard status == .uploading else { throw isTerminal ? .alreadyTerminal(status) : .alreadyUploaded }
            upload.token = token
            isTick = bytesReceived != upload.writtenBytes || length != nil && length != declaredBytes
            bytesReceived = upload.writtenBytes
            if let length { declaredBytes = length }
            bytesTotal = declaredBytes
        case .uploadPaused(let written):
            guard status == .uploading else { return .none }
            // What is durable stays: a request that lost its bytes says 0.
            let writtenBefore = upload.writtenBytes
            upload.writtenBytes = max(written, upload.durableBytes)
            isTick = bytesReceived != upload.writtenBytes
            isStamped = writtenBefore != upload.writtenBytes
            bytesReceived = upload.writtenBytes
        case .uploadAcknowledged(let offset):
            guard status == .uploading else { return .none }
            isTick = bytesDone != offset
            upload.synced(offset)
            upload.acknowledgedBytes = offset
            bytesDone = offset
            bytesReceived = max(bytesReceived, offset)
        case .uploadCutBack:
            guard status == .uploading else { return .none }
            isTick = bytesReceived != upload.durableBytes
            isStamped = false
            upload.writtenBytes = upload.durableBytes
            bytesReceived = upload.durableBytes
            bytesDone = upload.acknowledgedBytes
            bytesTotal = declaredBytes
        case .leased:
            guard status == .queued else { throw isTerminal ? .alreadyTerminal(status) : .neverUploaded }
            status = .processing
            if repeatsAttempt { repeatsAttempt = false } else { attempt += 1 }
            notBeforeMilliseconds = nil
            message = recognitionMessage ?? readerMessage
            isUneven = false
            recognitionBefore = checkpoint.flatMap { recognition?.upTo($0.units) }
            recognition = recognitionBefore
            resetStages()
            beginRun(at: now)
            hasRun = true
        case .worked(let work):
            guard status == .processing else { return .none }
            isTick = fold(work, at: now)
        case .completed(let units, let chunks):
            guard status == .processing else { throw .alreadyTerminal(status) }
            status = .complete
            chunkCount = chunks
            checkpoint = nil
            message = readerMessage ?? recognition?.endMessage ?? message
            if isReadByWorkers {
                finishStages(units: units)
            } else {
                finishStages()
            }
            percentage.complete()
        case .failed(let reason):
            guard !isTerminal else { throw .alreadyTerminal(status) }
            status = .failed
            error = reason
            if firstFailure != nil || recognition != nil { message = nil }
        case .cancelled:
            guard !isTerminal else { throw .alreadyTerminal(status) }
            // What it said while it waited, or of the page at hand, is over.
            if status == .queued || isRecognized || recognition != nil { message = nil }
            status = .cancelled
            checkpoint = nil
        case .retried:
            guard isTerminal else { throw .notTerminal }
            guard status != .complete else { throw .alreadyComplete }
            guard isUploaded else { throw hasContent ? .unusableContent : .neverUploaded }
            status = .queued
            beginWithFirstReader()
            error = nil
            failedRuns = FailedRuns()
            serverDeaths = 0
        case .requeued:
            guard status == .processing else { return .none }
            status = .queued
            if recognition != nil { message = nil }
            repeatsAttempt = true
        case .serverDied(let time):
            guard status == .processing else { return .none }
            status = .queued
            if recognition != nil { message = nil }
            repeatsAttempt = true
            serverDeaths += 1
            notBeforeMilliseconds = time
        case .setBack(let words, let time, let isAttempt):
            guard status == .processing else { return .none }
            status = .queued
            repeatsAttempt = !isAttempt
            message = words
            notBeforeMilliseconds = time
            serverDeaths = 0
        case .fellBack(let reason, let reader):
            guard status == .processing else { return .none }
            status = .queued
            repeatsAttempt = true
            firstFailure = reason
            serverDeaths = 0
            isRecognized = reader == .recognizer
            nameFirstStage()
            message = recognitionMessage ?? readerMessage
        case .checkpointed(let point):
            guard status == .processing || status == .queued else { return .none }
            if let point, point.isBeyond(checkpoint) { serverDeaths = 0 }
            checkpoint = point
            guard point == nil, status == .processing, resumedFrom != nil else { return .none }
            // The run goes on from nothing after all.
            resumedFrom = nil
            isTick = true
        case .attachmentsListed(let names):
            guard status == .processing else { return .none }
            isTick = names != attachments
            attachments = names
        case .ceilingRecorded(let ceiling):
            let told = percentage.published
            percentage.ceilingRecorded(ceiling)
            if !isTerminal { isTick = percentage.fold(raw: rawPercentage) != told }
            isStamped = isTick
        case .queued(let position):
            guard status == .queued else { return .none }
            isTick = position != queuePosition
            queuePosition = position
        }
        observeUpload(change, at: now)
        if isTerminal { password = nil }
        if status != .queued {
            queuePosition = nil
            notBeforeMilliseconds = nil
        }
        if !isTerminal { _ = percentage.fold(raw: rawPercentage) }
        if status == .processing || status == .queued && hasRun { stageFloor = max(stageFloor, pipelineStageIndex) }
        if isStamped { updatedAtMilliseconds = now.unixMilliseconds }
        if before != (status, shownStage) { return .step }
        return isTick ? .tick : .none
    }

    /// Why an upload that has lost its right to bring the bytes is refused.
    package var uploadConflict: DocumentConflict {
        switch status {
        case .uploading: .superseded
        case .queued, .processing: .alreadyUploaded
        case .complete, .failed, .cancelled: .alreadyTerminal(status)
        }
    }

    /// Takes the next offset: the state as it is now is about to be told.
    package mutating func advanceOffset() { offset += 1 }

    /// Goes on after the process ended: offsets restart under a new epoch, and the percentage rests at its ceiling.
    package mutating func recover(epoch: String, ceiling: Double) {
        guard !isTerminal else { return }
        self.epoch = epoch
        offset = 0
        percentage = Percentage(recoveredFrom: max(ceiling, percentage.published))
        stageFloor = max(stageFloor, lastStageIndex(under: percentage.recordedCeiling))
    }

    // MARK: Stages and percentage

    private mutating func resetStages() {
        for index in stages.indices {
            stages[index].done = 0
            stages[index].isFinished = false
        }
        resumedFrom = checkpoint?.units
        if let checkpoint, !isReadByWorkers {
            // A checkpoint of commands counts whole stages.
            for index in stages.indices.prefix(max(0, Int(clamping: checkpoint.units))) {
                stages[index].done = stages[index].total ?? 0
                stages[index].isFinished = true
            }
        } else if let checkpoint, !stages.isEmpty {
            stages[0].done = StageProgress.believed(checkpoint.units)
            stages[0].total = stages[0].total.map { max($0, stages[0].done) }
        }
    }

    private mutating func finishStages(units: Int64) {
        for index in stages.indices {
            stages[index].done = StageProgress.believed(units)
            stages[index].total = stages[index].done
            stages[index].isFinished = true
        }
        stageFloor = stages.count
    }

    /// Each keeps what it counted.
    private mutating func finishStages() {
        for index in stages.indices {
            stages[index].total = stages[index].done
            stages[index].isFinished = true
        }
        stageFloor = stages.count
    }

    private mutating func fold(_ work: WorkProgress, at now: Moment) -> Bool {
        unitsArePages = work.unitsArePages
        var changed = false
        for (index, stage) in work.stages.enumerated() where index < stages.count {
            // A stage never takes anything back within a run, whatever a worker claims.
            let done = max(stages[index].done, StageProgress.believed(stage.done))
            var total = (stage.total ?? work.total).map { max(StageProgress.believed($0), done) }
            if stage.isFinished { total = done }
            changed =
                changed || done != stages[index].done || total != stages[index].total
                || stage.isFinished != stages[index].isFinished
            stages[index].done = done
            // A number that an earlier run was told may have been too small.
            stages[index].total = total ?? stages[index].total.map { max($0, done) }
            stages[index].isFinished = stages[index].isFinished || stage.isFinished
        }
        if let words = work.message, words != message {
            message = words
            changed = true
        }
        if isRecognized { message = recognitionMessage ?? readerMessage }
        if let recognized = work.recognition, isReadByWorkers {
            // What other documents taught is not true of this one.
            if !isUneven { remaining = RemainingTime(stageCount: stages.count, rates: nil, at: now) }
            isUneven = true
            recognition = recognized.following(recognitionBefore)
            if let words = recognized.message, words != message {
                message = words
                changed = true
            }
        }
        remaining?.observe(stages, ranges: work.ranges, at: now)
        estimate = remaining?.estimate(at: now)
        return changed
    }

    private var rawPercentage: Double {
        let upload: Double
        switch status {
        case .uploading:
            // With an unknown length the upload's part is 0 until it ends (API.md).
            guard let total = bytesTotal, total > 0 else { return 0 }
            upload = min(Double(bytesReceived) / Double(total), 1)
        default: upload = 1
        }
        return PipelineShape.uploadWeight * upload + stages.reduce(0) { $0 + $1.weight * $1.fraction }
    }

    /// The index of the pipeline stage that is shown: the earliest unfinished one, never back. A new one is told at
    /// once, and the ceiling that its figure needs is recorded meanwhile: after a crash that tells how far the stage
    /// may have been told.
    package var pipelineStageIndex: Int {
        min(max(stageFloor, stages.firstIndex { !$0.isFinished } ?? stages.count - 1), stages.count - 1)
    }

    /// The furthest stage that can have been told under such a ceiling: all stages before it amount to no more. A tenth
    /// is shown, so that is how exactly they are compared.
    private func lastStageIndex(under ceiling: Double) -> Int {
        var amount = PipelineShape.uploadWeight
        for index in stages.indices.dropLast() {
            amount += stages[index].weight
            if amount - 0.1 > ceiling { return index }
        }
        return stages.count - 1
    }

    /// `stage` of the state: null once terminal.
    package var shownStage: String? {
        switch status {
        case .uploading: "uploading"
        // Waiting to run again keeps the earliest unfinished pipeline stage.
        case .queued: hasRun ? stages[pipelineStageIndex].name : "queued"
        case .processing: stages[pipelineStageIndex].name
        case .complete, .failed, .cancelled: nil
        }
    }

    /// 0–100 within the shown stage; nil where its total is unknown.
    package var stagePercentage: Double? {
        switch status {
        case .uploading:
            guard let total = bytesTotal, total > 0 else { return nil }
            return min(100, Double(bytesReceived) * 100 / Double(total))
        case .processing:
            let stage = stages[pipelineStageIndex]
            guard stage.total != nil else { return nil }
            return stage.fraction * 100
        case .queued, .complete, .failed, .cancelled: return nil
        }
    }
}

extension Document {
    /// Rebuilds what was recorded. Only the decoder of records calls it.
    package mutating func restore(status: DocumentStatus, offset: Int64, unitsArePages: Bool) {
        self.status = status
        self.offset = offset
        self.unitsArePages = unitsArePages
    }

    package mutating func restoreStage(at index: Int, done: Int64, total: Int64?, isFinished: Bool) {
        stages[index].done = StageProgress.believed(done)
        stages[index].total = total.map(StageProgress.believed)
        stages[index].isFinished = isFinished
    }
}
