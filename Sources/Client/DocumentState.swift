import JSON

/// What the server says about one document: the members of its state object that the command line shows.
///
/// Every event is the whole state, so there is nothing to merge: the newest one replaces the one before.
package struct DocumentState: Equatable, Sendable {
    package enum Status: Equatable, Sendable {
        case uploading, queued, processing, complete, failed, cancelled
        /// A status this client does not know yet. Fields and values are only ever added, so it is no error.
        case other(String)

        package var isTerminal: Bool { self == .complete || self == .failed || self == .cancelled }
    }

    package struct Stage: Equatable, Sendable {
        package var name: String
        package var done: Int64
        package var total: Int64?
    }

    package struct Failure: Equatable, Sendable {
        package var code: String
        package var detail: String?
        package var isRetryable: Bool
    }

    package var id: String
    package var epoch: String?
    package var offset: Int64?
    package var status: Status
    package var stage: String?
    /// 0 to 100 over everything, the upload included.
    package var progress: Double
    package var pagesDone: Int64?
    package var pagesTotal: Int64?
    package var bytesReceived: Int64?
    package var bytesTotal: Int64?
    package var stages: [Stage]
    package var etaLowSeconds: Double?
    package var etaHighSeconds: Double?
    package var queuePosition: Int64?
    package var attempt: Int64
    package var name: String?
    package var message: String?
    package var failure: Failure?
    package var createdAt: Timestamp?
    package var updatedAt: Timestamp?

    /// Where a watch that was cut off goes on: the value of `?after=`. Nil when the server gave no place.
    package var resumePoint: String? {
        guard let epoch, let offset else { return nil }
        return "\(epoch)-\(offset)"
    }

    /// How long the document has taken so far, by the server's own clock.
    package var ageMilliseconds: Int64? {
        guard let createdAt, let updatedAt else { return nil }
        return max(0, updatedAt.milliseconds - createdAt.milliseconds)
    }

    /// Reads a state object; nil when it has no id or no status, as an `{"error":…}` message has none.
    package init?(_ json: JSONValue) {
        guard let id = json["document_id"]?.stringValue, let status = json["status"]?.stringValue else { return nil }
        self.id = id
        self.status = Status(status)
        epoch = json["epoch"]?.stringValue
        offset = json["offset"]?.integerValue
        stage = json["stage"]?.stringValue
        progress = min(100, max(0, json["progress"]?.numberValue ?? 0))
        pagesDone = json["pages_done"]?.integerValue
        pagesTotal = json["pages_total"]?.integerValue
        bytesReceived = json["bytes_received"]?.integerValue
        bytesTotal = json["bytes_total"]?.integerValue
        stages = (json["stages"]?.arrayValue ?? []).prefix(Self.stagesMax).compactMap { stage in
            guard let name = stage["name"]?.stringValue else { return nil }
            return Stage(name: name, done: stage["done"]?.integerValue ?? 0, total: stage["total"]?.integerValue)
        }
        etaLowSeconds = json["eta_low"]?.numberValue
        etaHighSeconds = json["eta_high"]?.numberValue
        queuePosition = json["queue_position"]?.integerValue
        attempt = json["attempt"]?.integerValue ?? 1
        name = json["name"]?.stringValue
        message = json["message"]?.stringValue
        if let error = json["error"], let code = error["code"]?.stringValue {
            failure = Failure(
                code: code, detail: error["detail"]?.stringValue, isRetryable: error["retryable"]?.boolValue ?? false)
        }
        createdAt = json["created_at"]?.stringValue.flatMap(Timestamp.init)
        updatedAt = json["updated_at"]?.stringValue.flatMap(Timestamp.init)
    }

    /// More stages than this have no room in a bar; the rest are not shown.
    package static let stagesMax = 16
}

extension DocumentState.Status {
    package init(_ text: String) {
        switch text {
        case "uploading": self = .uploading
        case "queued": self = .queued
        case "processing": self = .processing
        case "complete": self = .complete
        case "failed": self = .failed
        case "cancelled": self = .cancelled
        default: self = .other(text)
        }
    }

    package var text: String {
        switch self {
        case .uploading: "uploading"
        case .queued: "queued"
        case .processing: "processing"
        case .complete: "complete"
        case .failed: "failed"
        case .cancelled: "cancelled"
        case .other(let text): text
        }
    }
}
