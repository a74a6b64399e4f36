/// How a document comes by its remaining time, and what its end teaches about the next one.
extension Document {
    /// What its rates are kept by; nil where its type is not known.
    package var ratesKind: RatesKind? {
        // A page that is recognized costs a hundred times what one costs that is read.
        let pipeline = isRecognized ? "\(pipeline)/\(PipelineShape.recognizingName)" : pipeline
        return contentType.map { RatesKind(pipeline: pipeline, contentType: $0) }
    }

    mutating func beginRun(at now: Moment) {
        remaining = RemainingTime(stageCount: stages.count, rates: rates, at: now)
        doesWholeWork = !hasRun
    }

    /// Follows the bytes as they come, and forgets the estimate where nothing is under way any more.
    mutating func observeUpload(_ change: DocumentChange, at now: Moment) {
        switch status {
        case .processing: return
        case .complete: estimate = nil
        case .queued, .failed, .cancelled:
            remaining = nil
            estimate = nil
        case .uploading:
            switch change {
            case .uploadBegan, .uploadContinued: remaining = RemainingTime(uploadFor: rates, at: now)
            case .uploadLost, .uploadPaused, .uploadCutBack: remaining = nil
            default: break
            }
            var upload = StageProgress(name: "uploading", weight: PipelineShape.uploadWeight)
            upload.done = bytesReceived
            upload.total = bytesTotal
            remaining?.observe([upload], at: now)
            estimate = remaining?.estimate(at: now)
        }
    }

    /// Looks again where news is overdue; whether the estimate is another one now. Asked now and then, so that what
    /// watchers see of a stage that hangs does not stay what it was.
    package mutating func refreshEstimate(at now: Moment) -> Bool {
        guard let remaining, estimate != nil, !isTerminal, remaining.overdue(at: now) > 0 else { return false }
        let before = estimate
        estimate = remaining.estimate(at: now)
        return estimate != before
    }

    /// What its run teaches; nil unless it has come to a good end, all of it at one pace.
    package func lesson(at now: Moment) -> RunLesson? {
        guard status == .complete, !isUneven else { return nil }
        return remaining?.lesson(bytes: doesWholeWork ? bytesTotal : nil, at: now)
    }
}
