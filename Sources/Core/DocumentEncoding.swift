import JSON

/// The state on the wire (API.md, "One document, one state"), and the record that survives a restart. The record is the
/// state plus the few figures that watchers do not see, so what is on disk reads as what they saw.
extension Document {
    /// Appends the members of the state, without the braces: callers add their own members (`links`, `recovered`).
    package func encodeMembers(into writer: inout JSONWriter, now: Moment) {
        writer.key("document_id"); writer.string(id.description)
        writer.key("offset"); writer.integer(offset)
        writer.key("epoch"); writer.string(epoch)
        writer.key("status"); writer.string(status.rawValue)
        writer.key("stage"); writer.optional(shownStage)
        writer.key("progress"); writer.number(percentage.published, decimals: 1)
        writer.key("stage_progress")
        if let figure = stagePercentage {
            writer.number((figure * 10).rounded(.down) / 10, decimals: 1)
        } else {
            writer.null()
        }
        let pages = stages.first
        let hasPages = unitsArePages && pages.map { $0.done > 0 || $0.total != nil } ?? false
        writer.key("pages_done"); writer.optional(hasPages ? pages?.done : nil)
        writer.key("pages_total"); writer.optional(hasPages ? pages?.total : nil)
        writer.key("bytes_received"); writer.integer(bytesReceived)
        writer.key("bytes_done"); writer.integer(bytesDone)
        writer.key("bytes_total"); writer.optional(bytesTotal)
        writer.key("stages")
        writer.beginArray()
        for stage in stages {
            writer.beginObject()
            writer.key("name"); writer.string(stage.name)
            writer.key("done"); writer.integer(stage.done)
            writer.key("total"); writer.optional(stage.total)
            writer.endObject()
        }
        writer.endArray()
        encodeEstimate(into: &writer, now: now)
        writer.key("queue_position"); writer.optional(queuePosition.map(Int64.init))
        writer.key("attempt"); writer.integer(attempt)
        writer.key("resumed_from"); writer.optional(resumedFrom)
        writer.key("name"); writer.string(name)
        writer.key("content_type"); writer.optional(contentType)
        writer.key("pipeline"); writer.string(pipeline)
        writer.key("metadata"); writer.value(.object(metadata))
        writer.key("sha256"); writer.optional(sha256)
        if !attachments.isEmpty {
            writer.key("attachments")
            writer.beginArray()
            for name in attachments { writer.string(name) }
            writer.endArray()
        }
        writer.key("message"); writer.optional(message)
        writer.key("error")
        if let error { error.encode(into: &writer) } else { writer.null() }
        writer.key("created_at"); writer.string(Timestamp.text(unixMilliseconds: createdAtMilliseconds))
        writer.key("updated_at"); writer.string(Timestamp.text(unixMilliseconds: updatedAtMilliseconds))
    }

    private func encodeEstimate(into writer: inout JSONWriter, now: Moment) {
        if let estimate {
            writer.key("eta_seconds"); writer.number(estimate.seconds, decimals: 1)
            writer.key("eta_low"); writer.number(estimate.lowSeconds, decimals: 1)
            writer.key("eta_high"); writer.number(estimate.highSeconds, decimals: 1)
            writer.key("estimated_completion")
            let milliseconds = Int64(saturating: min(estimate.seconds, RemainingTime.secondsMax) * 1000)
            writer.string(Timestamp.text(unixMilliseconds: now.unixMilliseconds + milliseconds))
        } else {
            writer.key("eta_seconds"); writer.null()
            writer.key("eta_low"); writer.null()
            writer.key("eta_high"); writer.null()
            writer.key("estimated_completion"); writer.null()
        }
    }

    /// The state as one compact JSON object; with `recovered`, as the first message of a resumed watch.
    package func encoded(now: Moment, recovered: Bool? = nil) -> [UInt8] {
        var writer = JSONWriter(reservingBytes: 1024)
        writer.beginObject()
        encodeMembers(into: &writer, now: now)
        if let recovered {
            writer.key("recovered"); writer.bool(recovered)
        }
        writer.endObject()
        return writer.bytes
    }

    // MARK: Record

    package func recorded(now: Moment) -> [UInt8] {
        var writer = JSONWriter(reservingBytes: 1024)
        writer.beginObject()
        encodeMembers(into: &writer, now: now)
        writer.key("record")
        writer.beginObject()
        writer.key("units_are_pages"); writer.bool(unitsArePages)
        writer.key("stage_floor"); writer.integer(stageFloor)
        writer.key("uploaded"); writer.bool(isUploaded)
        writer.key("content"); writer.optional(contentToken)
        writer.key("awaits_content"); writer.bool(awaitsContent)
        writer.key("declared_bytes"); writer.optional(declaredBytes)
        writer.key("announced_type"); writer.optional(announcedType)
        writer.key("has_run"); writer.bool(hasRun)
        writer.key("owner"); writer.optional(owner)
        writer.key("maker"); writer.optional(maker)
        writer.key("tier_limit_bytes"); writer.optional(tierLimitBytes)
        writer.key("work_settings"); writer.optional(workSettings)
        writer.key("result_removed"); writer.bool(isResultRemoved)
        writer.key("chunks"); writer.optional(chunkCount)
        writer.key("finished"); writer.integer(stages.filter(\.isFinished).count)
        if !isReadByWorkers {
            // A pipeline of one's own may be configured otherwise by the time this is read.
            writer.key("weights")
            writer.beginArray()
            for stage in stages { writer.number(stage.weight, decimals: 6) }
            writer.endArray()
        }
        if awaitsContent { encodeUpload(into: &writer) }
        encodeWork(into: &writer)
        writer.endObject()
        writer.endObject()
        return writer.bytes
    }

    /// What the queue knows of it; what says nothing is left out.
    private func encodeWork(into writer: inout JSONWriter) {
        if repeatsAttempt { writer.key("repeats_attempt"); writer.bool(true) }
        if let checkpoint { writer.key("checkpoint"); checkpoint.encode(into: &writer) }
        if let password { writer.key("password"); writer.string(password) }
        if let firstFailure { writer.key("first_failure"); firstFailure.encode(into: &writer) }
        if isRecognized { writer.key("recognized"); writer.bool(true) }
        if let recognition { writer.key("recognition"); recognition.encode(into: &writer) }
        if failedRuns != FailedRuns() { writer.key("failed_runs"); failedRuns.encode(into: &writer) }
        if serverDeaths > 0 { writer.key("server_deaths"); writer.integer(serverDeaths) }
        if let time = notBeforeMilliseconds { writer.key("not_before"); writer.integer(time) }
        if priority != .normal { writer.key("priority"); writer.string(priority.rawValue) }
        if let client { writer.key("client"); writer.string(client) }
    }

    private mutating func readWork(from hidden: JSONValue) {
        repeatsAttempt = hidden["repeats_attempt"]?.boolValue ?? false
        checkpoint = Checkpoint(hidden["checkpoint"])
        password = hidden["password"]?.stringValue
        firstFailure = DocumentError(hidden["first_failure"])
        isRecognized = hidden["recognized"]?.boolValue ?? false
        recognition = TextlessRecognition(hidden["recognition"])
        nameFirstStage()
        failedRuns = FailedRuns(hidden["failed_runs"])
        serverDeaths = Int(clamping: hidden["server_deaths"]?.integerValue ?? 0)
        notBeforeMilliseconds = hidden["not_before"]?.integerValue
        priority = hidden["priority"]?.stringValue.flatMap(WorkPriority.init) ?? .normal
        client = hidden["client"]?.stringValue
    }

    private func encodeUpload(into writer: inout JSONWriter) {
        writer.key("upload_token"); writer.optional(upload.token)
        // What is durable may be told once this record is; so a record that is made while another is on its way to the
        // disk never says less than that one.
        writer.key("upload_acknowledged"); writer.integer(upload.durableBytes)
        writer.key("upload_metadata"); writer.optional(upload.metadataText)
        writer.key("upload_concatenation"); writer.optional(upload.concatenationText)
        if !upload.isHashed { writer.key("upload_hashed"); writer.bool(false) }
        writer.key("announced_bytes"); writer.optional(announcedBytes)
        switch upload.form {
        case .whole: break
        case .part:
            writer.key("upload_part"); writer.bool(true)
            if !upload.finals.isEmpty { Self.encode("upload_finals", upload.finals, into: &writer) }
        case .concatenation(let parts):
            Self.encode("upload_parts", parts, into: &writer)
        }
    }

    private static func encode(_ name: String, _ ids: [DocumentID], into writer: inout JSONWriter) {
        writer.key(name)
        writer.beginArray()
        for id in ids { writer.string(id.description) }
        writer.endArray()
    }

    private static func ids(_ name: String, of hidden: JSONValue) -> [DocumentID] {
        (hidden[name]?.arrayValue ?? []).compactMap { $0.stringValue.flatMap { DocumentID($0) } }
    }

    private static func upload(from hidden: JSONValue) -> ResumableUpload {
        var upload = ResumableUpload()
        if hidden["upload_part"]?.boolValue == true { upload.form = .part }
        if hidden["upload_parts"] != nil { upload.form = .concatenation(ids("upload_parts", of: hidden)) }
        upload.finals = ids("upload_finals", of: hidden)
        upload.isHashed = hidden["upload_hashed"]?.boolValue ?? true
        upload.metadataText = hidden["upload_metadata"]?.stringValue
        upload.concatenationText = hidden["upload_concatenation"]?.stringValue
        upload.token = hidden["upload_token"]?.integerValue
        upload.acknowledgedBytes = hidden["upload_acknowledged"]?.integerValue ?? 0
        upload.synced(upload.acknowledgedBytes)
        return upload
    }

    /// Reads a record; nil when it is none. `ceiling` stands beside the record because it changes far more often.
    package init?(record: JSONValue, ceiling: Double) {
        guard let id = record["document_id"]?.stringValue.flatMap({ DocumentID($0) }),
            let status = record["status"]?.stringValue.flatMap(DocumentStatus.init),
            let pipeline = record["pipeline"]?.stringValue,
            let epoch = record["epoch"]?.stringValue, let name = record["name"]?.stringValue,
            let created = record["created_at"]?.stringValue.flatMap(Timestamp.unixMilliseconds(parsing:)),
            let updated = record["updated_at"]?.stringValue.flatMap(Timestamp.unixMilliseconds(parsing:)),
            let hidden = record["record"],
            let shape = PipelineShape(
                recorded: pipeline,
                stages: (record["stages"]?.arrayValue ?? []).compactMap { $0["name"]?.stringValue },
                weights: (hidden["weights"]?.arrayValue ?? []).compactMap(\.numberValue))
        else { return nil }
        self.init(
            id: id, epoch: epoch, name: name, contentType: record["content_type"]?.stringValue,
            bytesTotal: record["bytes_total"]?.integerValue, pipeline: shape,
            metadata: record["metadata"]?.objectValue ?? JSONObject(),
            awaitsContent: hidden["awaits_content"]?.boolValue ?? false,
            at: Moment(monotonicMilliseconds: 0, unixMilliseconds: created))
        restore(
            status: status, offset: record["offset"]?.integerValue ?? 0,
            unitsArePages: hidden["units_are_pages"]?.boolValue ?? true)
        let finished = Int(clamping: hidden["finished"]?.integerValue ?? 0)
        for (index, stage) in (record["stages"]?.arrayValue ?? []).enumerated() where index < stages.count {
            restoreStage(
                at: index, done: stage["done"]?.integerValue ?? 0, total: stage["total"]?.integerValue,
                isFinished: index < finished)
        }
        percentage = Percentage(published: record["progress"]?.numberValue ?? 0, recordedCeiling: ceiling)
        stageFloor = min(Int(hidden["stage_floor"]?.integerValue ?? 0), stages.count)
        bytesReceived = record["bytes_received"]?.integerValue ?? 0
        bytesDone = record["bytes_done"]?.integerValue ?? 0
        attempt = Int(record["attempt"]?.integerValue ?? 0)
        declaredBytes = hidden["declared_bytes"]?.integerValue
        announcedType = hidden["announced_type"]?.stringValue
        announcedBytes = hidden["announced_bytes"]?.integerValue
        hasRun = hidden["has_run"]?.boolValue ?? false
        owner = hidden["owner"]?.stringValue
        maker = hidden["maker"]?.stringValue
        tierLimitBytes = hidden["tier_limit_bytes"]?.integerValue
        workSettings = hidden["work_settings"]?.stringValue
        isResultRemoved = hidden["result_removed"]?.boolValue ?? false
        isUploaded = hidden["uploaded"]?.boolValue ?? false
        contentToken = hidden["content"]?.integerValue
        upload = Self.upload(from: hidden)
        sha256 = record["sha256"]?.stringValue
        chunkCount = hidden["chunks"]?.integerValue
        attachments = (record["attachments"]?.arrayValue ?? []).compactMap(\.stringValue)
        message = record["message"]?.stringValue
        resumedFrom = record["resumed_from"]?.integerValue
        readWork(from: hidden)
        updatedAtMilliseconds = updated
        error = DocumentError(record["error"])
    }
}

extension Document {
    /// Reads a record as it is kept; nil when it cannot be read.
    package init?(_ record: DocumentRecord) {
        guard let value = try? JSONValue.parse(record.bytes) else { return nil }
        self.init(record: value, ceiling: record.ceiling)
    }
}

extension DocumentRecord {
    package var isReadable: Bool { Document(self) != nil }

    /// Whether it is taken into memory after a restart. An upload that can go on is when something happened to it since
    /// `milliseconds` (of 1970): whoever watches everything sees it. Older ones wait on record until somebody asks.
    package func isLeftUnfinished(since milliseconds: Int64) -> Bool {
        guard let document = Document(self), !document.isTerminal else { return false }
        if case .concatenation = document.upload.form { return true }
        guard document.status == .uploading && document.awaitsContent else { return true }
        return !document.isPart && document.updatedAtMilliseconds >= milliseconds
    }
}

extension DocumentError {
    fileprivate func encode(into writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("code"); writer.string(code)
        writer.key("detail"); writer.string(detail)
        writer.key("retryable"); writer.bool(isRetryable)
        writer.endObject()
    }

    /// Nil where there is none.
    fileprivate init?(_ recorded: JSONValue?) {
        guard let recorded, let code = recorded["code"]?.stringValue else { return nil }
        self.init(
            recordedCode: code, detail: recorded["detail"]?.stringValue ?? "",
            isRetryable: recorded["retryable"]?.boolValue ?? false)
    }
}

extension JSONWriter {
    package mutating func optional(_ text: String?) {
        if let text { string(text) } else { null() }
    }

    package mutating func optional(_ number: Int64?) {
        if let number { integer(number) } else { null() }
    }
}
