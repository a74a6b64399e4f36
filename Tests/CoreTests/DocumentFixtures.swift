import JSON
import Testing

@testable import Core

extension Moment {
    /// Where every test begins; the two clocks have nothing to do with each other.
    static let start = Moment(monotonicMilliseconds: 5_000_000, unixMilliseconds: 1_795_464_845_000)
}

extension DocumentID {
    static let sample = DocumentID("0190b6c2-7e4a-7c3a-9d1e-0a1b2c3d4e5f")!
}

extension WorkProgress {
    /// Pages of a document in the three stages of the pipeline; the first `finished` stages are at their end.
    static func pages(_ done: [Int64], of total: Int64?, finished: Int = 0) -> WorkProgress {
        WorkProgress(
            total: total, unitsArePages: true,
            stages: done.enumerated().map { Stage(done: $1, isFinished: $0 < finished) })
    }
}

extension TakenResult {
    static let ofFourPages = TakenResult(units: 4, unitsArePages: true, chunks: 7, workSettings: "1000/150")
}

extension Document {
    /// A new document of 1,000 bytes, its percentage free to move.
    static func sample(bytesTotal: Int64? = 1000, awaitsContent: Bool = false) -> Document {
        var document = Document(
            id: .sample, epoch: "9f3c", name: "policy.pdf", contentType: nil, bytesTotal: bytesTotal,
            pipeline: .document, metadata: JSONObject(), awaitsContent: awaitsContent, at: .start)
        document.percentage.ceilingRecorded(Percentage.unfinishedMax)
        return document
    }

    /// A document that came to `status` by the ordinary way; what failed or was cancelled had begun its work.
    static func sample(in status: DocumentStatus) throws -> Document {
        var document = sample()
        try document.apply([.uploadBegan(total: 1000, contentType: nil), .uploadProgressed(received: 250)])
        if status == .uploading { return document }
        try document.apply([.uploadCompleted(bytes: 1000, sha256: "ab12", contentType: "application/pdf")])
        if status == .queued { return document }
        try document.apply([.leased, .worked(.pages([4, 2, 1], of: 10))])
        switch status {
        case .uploading, .queued, .processing: break
        case .complete: try document.apply([.completed(units: 10, chunks: 12)])
        case .failed: try document.apply([.failed(DocumentError(.crashed, "The worker ended."))])
        case .cancelled: try document.apply([.cancelled])
        }
        #expect(document.status == status)
        return document
    }

    /// Makes changes one after the other, a second apart, and returns the weight of the last.
    @discardableResult
    mutating func apply(_ changes: [DocumentChange]) throws -> ChangeWeight {
        var weight = ChangeWeight.none
        for change in changes {
            let now = Moment.start.advanced(
                byMilliseconds: updatedAtMilliseconds - Moment.start.unixMilliseconds + 1000)
            weight = try apply(change, at: now)
        }
        return weight
    }

    /// The state as a watcher reads it.
    var seen: JSONObject {
        get throws { try #require(try JSONValue.parse(encoded(now: .start)).objectValue) }
    }

    /// What was recorded, read again.
    func restored(ceiling: Double? = nil) throws -> Document {
        let record = try JSONValue.parse(recorded(now: .start))
        return try #require(Document(record: record, ceiling: ceiling ?? percentage.recordedCeiling))
    }
}
