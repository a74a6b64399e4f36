import JSON
import Testing

@testable import Core

/// The whole of what can happen to a document, in every status: one row a change, one column a status.
@Suite("Changes of a document")
struct DocumentChangeTests {
    enum Answer {
        /// Told to watchers with this weight; the document is in this status afterwards.
        case told(ChangeWeight, DocumentStatus)
        /// Late news that has lost its meaning: nothing changes.
        case ignored
        case refused(DocumentConflict)
        /// A caller's mistake; which conflict says so is not part of the rule.
        case refusedAsMistake
    }

    struct Row {
        var change: DocumentChange
        /// In the order of `DocumentStatus.allCases`.
        var answers: [Answer]

        /// What is open to a live document only; `answers` are those of uploading, queued and processing.
        init(_ change: DocumentChange, live answers: [Answer]) {
            self.init(change, answers, [.complete, .failed, .cancelled].map { .refused(.alreadyTerminal($0)) })
        }

        init(_ change: DocumentChange, _ live: [Answer], _ terminal: [Answer]) {
            self.change = change
            answers = live + terminal
        }
    }

    static let nothing: [Answer] = [.ignored, .ignored, .ignored]

    static let table = [
        Row(
            .uploadBegan(total: 4000, contentType: nil),
            live: [.told(.tick, .uploading), .refused(.alreadyUploaded), .refused(.alreadyUploaded)]),
        Row(.uploadProgressed(received: 500), [.told(.tick, .uploading), .ignored, .ignored], nothing),
        Row(
            .uploadCompleted(bytes: 1000, sha256: nil, contentType: "text/plain"),
            live: [.told(.step, .queued), .refused(.alreadyUploaded), .refused(.alreadyUploaded)]),
        Row(
            .uploadUnusable(bytes: 1000, sha256: nil, DocumentError(.unsupportedType, "It is a picture.")),
            live: [.told(.step, .failed), .refused(.alreadyUploaded), .refused(.alreadyUploaded)]),
        Row(
            .resultTakenOver(bytes: 1000, sha256: "ab12", contentType: "text/plain", .ofFourPages),
            live: [.told(.step, .complete), .refused(.alreadyUploaded), .refused(.alreadyUploaded)]),
        Row(.uploadLost, [.told(.tick, .uploading), .ignored, .ignored], nothing),
        Row(
            .uploadContinued(token: 7, length: 2000),
            live: [.told(.tick, .uploading), .refused(.alreadyUploaded), .refused(.alreadyUploaded)]),
        Row(.uploadPaused(written: 400), [.told(.tick, .uploading), .ignored, .ignored], nothing),
        Row(.uploadAcknowledged(300), [.told(.tick, .uploading), .ignored, .ignored], nothing),
        Row(.uploadCutBack, [.told(.tick, .uploading), .ignored, .ignored], nothing),
        Row(.leased, live: [.refused(.neverUploaded), .told(.step, .processing), .refusedAsMistake]),
        Row(.worked(.pages([5, 2, 1], of: 10)), [.ignored, .ignored, .told(.tick, .processing)], nothing),
        Row(
            .completed(units: 10, chunks: 3), live: [.refusedAsMistake, .refusedAsMistake, .told(.step, .complete)]),
        Row(
            .failed(DocumentError(.noText, "It is a scan.")),
            live: [.told(.step, .failed), .told(.step, .failed), .told(.step, .failed)]),
        Row(
            .cancelled, live: [.told(.step, .cancelled), .told(.step, .cancelled), .told(.step, .cancelled)]),
        Row(
            .retried, [.refused(.notTerminal), .refused(.notTerminal), .refused(.notTerminal)],
            [.refused(.alreadyComplete), .told(.step, .queued), .told(.step, .queued)]),
        Row(.requeued, [.ignored, .ignored, .told(.step, .queued)], nothing),
        Row(.serverDied(notBeforeMilliseconds: nil), [.ignored, .ignored, .told(.step, .queued)], nothing),
        Row(
            .setBack(message: "It waits.", notBeforeMilliseconds: 5, isAttempt: true),
            [.ignored, .ignored, .told(.step, .queued)], nothing),
        Row(
            .fellBack(DocumentError(.noText, "It is a scan."), to: .second),
            [.ignored, .ignored, .told(.step, .queued)], nothing),
        // What the next run begins behind is no news to anybody.
        Row(.checkpointed(nil), nothing, nothing),
        Row(.attachmentsListed(["a.txt"]), [.ignored, .ignored, .told(.tick, .processing)], nothing),
        Row(.queued(position: 2), [.ignored, .told(.tick, .queued), .ignored], nothing),
        // The fixtures have the highest ceiling already.
        Row(.ceilingRecorded(50), nothing, nothing),
    ]

    /// Whoever adds a change must give it a row: without one this does not compile, or the count below is wrong.
    static func kind(of change: DocumentChange) -> Int {
        switch change {
        case .uploadBegan: 0
        case .uploadProgressed: 1
        case .uploadCompleted: 2
        case .uploadLost: 3
        case .leased: 4
        case .worked: 5
        case .completed: 6
        case .failed: 7
        case .cancelled: 8
        case .retried: 9
        case .requeued: 10
        case .queued: 11
        case .uploadUnusable: 12
        case .ceilingRecorded: 13
        case .uploadContinued: 14
        case .uploadPaused: 15
        case .uploadAcknowledged: 16
        case .uploadCutBack: 17
        case .setBack: 18
        case .checkpointed: 19
        case .resultTakenOver: 20
        case .fellBack: 21
        case .attachmentsListed: 22
        case .serverDied: 23
        }
    }

    @Test("every change has one answer in every status", arguments: DocumentStatus.allCases)
    func answers(status: DocumentStatus) throws {
        let column = try #require(DocumentStatus.allCases.firstIndex(of: status))
        let later = Moment.start.advanced(byMilliseconds: 60_000)
        for row in Self.table {
            let before = try Document.sample(in: status)
            var document = before
            switch row.answers[column] {
            case .told(let weight, let next):
                #expect(try document.apply(row.change, at: later) == weight, "\(row.change)")
                #expect(document.status == next, "\(row.change)")
                // A cut back brings nothing, so it puts off no upload's end.
                let stamped = row.change == .uploadCutBack ? before.updatedAtMilliseconds : later.unixMilliseconds
                #expect(document.updatedAtMilliseconds == stamped, "\(row.change)")
            case .ignored:
                #expect(try document.apply(row.change, at: later) == .none, "\(row.change)")
                // A recorded ceiling is kept even then.
                if Self.kind(of: row.change) != 13 { #expect(document == before, "\(row.change)") }
                #expect(document.updatedAtMilliseconds == before.updatedAtMilliseconds, "\(row.change)")
            case .refused(let conflict):
                #expect(throws: conflict, "\(row.change)") { try document.apply(row.change, at: later) }
                #expect(document == before, "\(row.change)")
            case .refusedAsMistake:
                #expect(throws: DocumentConflict.self, "\(row.change)") { try document.apply(row.change, at: later) }
                #expect(document == before, "\(row.change)")
            }
        }
    }

    @Test("the table has every change once")
    func rows() {
        #expect(Self.table.map { Self.kind(of: $0.change) }.sorted() == Array(0...23))
    }

    @Test("the ways from one status to another are those of the diagram")
    func diagram() throws {
        var ways: Set<String> = []
        for row in Self.table {
            for (status, answer) in zip(DocumentStatus.allCases, row.answers) {
                if case .told(_, let next) = answer, next != status { ways.insert("\(status) → \(next)") }
            }
        }
        #expect(
            ways == [
                "uploading → queued", "queued → processing", "processing → complete",
                "processing → queued",
                "uploading → complete",
                "uploading → failed", "queued → failed", "processing → failed",
                "uploading → cancelled", "queued → cancelled", "processing → cancelled",
                "failed → queued", "cancelled → queued",
            ])
    }

    @Test("a change of status or stage is told at once, progress within a stage may be merged")
    func weights() throws {
        var document = try Document.sample(in: .processing)
        #expect(try document.apply([.worked(.pages([9, 8, 3], of: 10))]) == .tick)
        #expect(try document.apply([.worked(.pages([10, 8, 3], of: 10, finished: 1))]) == .step)
        #expect(try document.apply([.worked(.pages([10, 8, 3], of: 10, finished: 1))]) == .none)
    }

    @Test("a figure that waited for its ceiling is told when the ceiling is on record")
    func ceiling() throws {
        var document = Document(
            id: .sample, epoch: "1", name: "a", contentType: nil, bytesTotal: 1000, pipeline: .document, metadata: [:],
            awaitsContent: false, at: .start)
        try document.apply([.uploadProgressed(received: 500)])
        #expect(document.percentage.published == 0)
        let ceiling = try #require(document.percentage.ceilingToRecord)
        #expect(try document.apply([.ceilingRecorded(ceiling)]) == .tick)
        #expect(document.percentage.published == 10)
        #expect(document.percentage.ceilingToRecord == nil)
    }

    @Test("a document whose bytes never came whole, or are of no use, cannot be run again")
    func retryWithoutBytes() throws {
        var cutOff = Document.sample()
        try cutOff.apply([.uploadProgressed(received: 10), .failed(DocumentError(.uploadInterrupted, "Cut off."))])
        #expect(throws: DocumentConflict.neverUploaded) { try cutOff.apply([.retried]) }

        var unusable = Document.sample()
        let reason = DocumentError(.unsupportedType, "It is a picture.")
        try unusable.apply([.uploadUnusable(bytes: 700, sha256: "ab12", reason)])
        #expect(unusable.error == reason)
        #expect(unusable.bytesDone == 700)
        #expect(unusable.sha256 == "ab12")
        #expect(unusable.hasContent && !cutOff.hasContent)
        #expect(throws: DocumentConflict.unusableContent) { try unusable.apply([.retried]) }
    }
}
