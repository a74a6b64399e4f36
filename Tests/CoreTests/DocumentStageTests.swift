import JSON
import Testing

@testable import Core

@Suite("Stages of a document")
struct DocumentStageTests {
    @Test("the stage is the earliest unfinished one")
    func earliest() throws {
        var document = Document.sample()
        #expect(document.shownStage == "uploading")
        try document.apply([.uploadCompleted(bytes: 1000, sha256: nil, contentType: "application/pdf")])
        #expect(document.shownStage == "queued")
        try document.apply([.leased])
        #expect(document.shownStage == "extracting")
        try document.apply([.worked(.pages([10, 9, 2], of: 10, finished: 1))])
        #expect(document.shownStage == "chunking")
        try document.apply([.worked(.pages([10, 10, 2], of: 10, finished: 2))])
        #expect(document.shownStage == "embedding")
        try document.apply([.worked(.pages([10, 10, 10], of: 10, finished: 3))])
        #expect(document.shownStage == "embedding")
        try document.apply([.completed(units: 10, chunks: 4)])
        #expect(document.shownStage == nil)
    }

    @Test("after a crash the ceiling tells how far the stage may have been told since the last full record")
    func stageOfTheCeiling() throws {
        var document = Document(
            id: .sample, epoch: "1", name: "a.pdf", contentType: nil, bytesTotal: 1000, pipeline: .document,
            metadata: [:], awaitsContent: false, at: .start)
        try document.apply([
            .uploadCompleted(bytes: 1000, sha256: nil, contentType: "application/pdf"), .leased,
            .worked(.pages([9, 9, 9], of: 10)),
        ])
        let record = try JSONValue.parse(document.recorded(now: .start))
        for (ceiling, stage) in [(69.8, "extracting"), (70, "chunking"), (74.8, "chunking"), (96, "embedding")] {
            var after = try #require(Document(record: record, ceiling: ceiling))
            after.recover(epoch: "2", ceiling: ceiling)
            try after.apply([.requeued, .leased, .worked(.pages([1, 0, 0], of: 10))])
            #expect(after.shownStage == stage, "\(ceiling)")
        }
    }

    @Test("the stage does not go back when a document runs again, nor while it waits to")
    func forwardOnly() throws {
        var document = try Document.sample(in: .processing)
        try document.apply([.worked(.pages([10, 6, 2], of: 10, finished: 1)), .requeued])
        #expect(document.shownStage == "chunking")
        try document.apply([.leased, .worked(.pages([1, 0, 0], of: 10))])
        #expect(document.shownStage == "chunking")
        try document.apply([.failed(DocumentError(.timeout, "Too long."))])
        #expect(document.shownStage == nil)
        try document.apply([.retried])
        #expect(document.shownStage == "chunking")
    }

    @Test("a document that is run again without having run waits as queued")
    func retryBeforeRunning() throws {
        var document = try Document.sample(in: .queued)
        try document.apply([.cancelled, .retried])
        #expect(document.shownStage == "queued")
    }

    @Test("within a run a stage takes nothing back, whatever a worker claims")
    func takesNothingBack() throws {
        var document = try Document.sample(in: .processing)
        try document.apply([.worked(.pages([7, 5, 5], of: 10)), .worked(.pages([3, -4, 0], of: 2))])
        #expect(document.stages.map(\.done) == [7, 5, 5])
        // A total below what is done is a lie: what is done is the least that it can be.
        #expect(document.stages.map(\.total) == [7, 5, 5])
        try document.apply([.worked(.pages([8, 5, 5], of: -1, finished: 1))])
        #expect(document.stages[0].isFinished)
        #expect(document.stages[0].total == 8)
    }

    @Test("news of stages that the pipeline does not have is left aside")
    func tooManyStages() throws {
        var document = try Document.sample(in: .processing)
        try document.apply([.worked(.pages([5, 2, 1, 99, 99], of: 10))])
        #expect(document.stages.map(\.done) == [5, 2, 1])
    }

    @Test("a run begins its stages anew; one that the server's own end cut short does not count")
    func attempts() throws {
        var document = try Document.sample(in: .processing)
        #expect(document.attempt == 1)
        try document.apply([.requeued])
        #expect(document.attempt == 1)
        try document.apply([.leased])
        #expect(document.attempt == 1)
        #expect(document.stages.map(\.done) == [0, 0, 0])
        try document.apply([.failed(DocumentError(.crashed, "It ended.")), .retried, .leased])
        #expect(document.attempt == 2)
    }

    @Test("a complete document has finished every stage with what there was, whatever had been announced")
    func completion() throws {
        for total in [nil, 3, 7, 1000] as [Int64?] {
            var document = try Document.sample(in: .queued)
            try document.apply([.leased, .worked(.pages([7, 6, 5], of: total)), .completed(units: 8, chunks: 9)])
            #expect(document.stages.map(\.isFinished) == [true, true, true])
            #expect(document.stages.map(\.done) == [8, 8, 8])
            #expect(document.stages.map(\.total) == [8, 8, 8])
            #expect(document.chunkCount == 9)
            #expect(document.percentage.published == 100)
        }
    }

    @Test("a failed document keeps its error until it is run again")
    func errors() throws {
        var document = try Document.sample(in: .failed)
        #expect(document.error?.code == "crashed")
        #expect(document.error?.isRetryable == true)
        try document.apply([.retried])
        #expect(document.error == nil)
        #expect(try document.seen["error"] == .null)
    }

    // MARK: The place in the line

    @Test("the place in the line is shown only while queued")
    func queuePosition() throws {
        var document = try Document.sample(in: .queued)
        #expect(try document.apply([.queued(position: 3)]) == .tick)
        #expect(document.queuePosition == 3)
        #expect(try document.apply([.queued(position: 3)]) == .none)
        #expect(try document.apply([.queued(position: nil)]) == .tick)
        try document.apply([.queued(position: 1), .leased])
        #expect(document.queuePosition == nil)
        try document.apply([.requeued, .queued(position: 1), .cancelled])
        #expect(document.queuePosition == nil)
    }

    // MARK: The upload

    @Test("an upload that is lost begins again at byte 0 and holds its percentage")
    func uploadLost() throws {
        var document = Document.sample(awaitsContent: true)
        try document.apply([.uploadProgressed(received: 600)])
        #expect(document.percentage.published == 12)
        try document.apply([.uploadLost])
        #expect(document.status == .uploading)
        #expect(document.bytesReceived == 0)
        #expect(document.percentage.published == 12)
        #expect(try document.apply([.uploadLost]) == .none)
        try document.apply([.uploadBegan(total: 1000, contentType: nil), .uploadProgressed(received: 100)])
        #expect(document.percentage.published == 12)
        #expect(document.stagePercentage == 10)
        try document.apply([.uploadProgressed(received: 700)])
        #expect(document.percentage.published == 14)
    }

    @Test("a declared type replaces what was known, no type leaves it")
    func declaredType() throws {
        var document = Document.sample()
        try document.apply([.uploadBegan(total: 10, contentType: "text/plain")])
        #expect(document.contentType == "text/plain")
        try document.apply([.uploadBegan(total: 10, contentType: nil)])
        #expect(document.contentType == "text/plain")
        try document.apply([.uploadCompleted(bytes: 12, sha256: nil, contentType: "application/pdf")])
        #expect(document.contentType == "application/pdf")
        #expect(document.bytesTotal == 12)
        #expect(document.bytesDone == 12)
    }

    @Test("a run that goes on behind a checkpoint has those pages done, and a total that lied gives way")
    func resumed() throws {
        var document = try Document.sample(in: .processing)
        let point = Checkpoint(
            run: 1, units: 206, textBytes: 900, resultBytes: 100, chunks: 3, settings: "1000/150")
        try document.apply([.worked(.pages([100, 1, 0], of: 3)), .checkpointed(point), .requeued, .leased])
        #expect(document.stages[0].done == 206 && document.stages[0].total == 206)
        #expect(document.stages[1].done == 0)
        #expect(document.resumedFrom == 206)
        try document.apply([.checkpointed(nil), .requeued, .leased])
        #expect(document.stages[0].done == 0 && document.resumedFrom == nil)
    }

    @Test("a password is on record until the document has ended, and in no state", arguments: [false, true])
    func password(isFailure: Bool) throws {
        var document = try Document.sample(in: .processing)
        document.password = "open sesame"
        #expect(try document.restored().password == "open sesame")
        #expect(!String(decoding: document.encoded(now: .start), as: UTF8.self).contains("sesame"))
        try document.apply([
            isFailure ? .failed(DocumentError(.noText, "It is a scan.")) : .completed(units: 3, chunks: 2)
        ])
        #expect(document.password == nil)
        #expect(!String(decoding: document.recorded(now: .start), as: UTF8.self).contains("sesame"))
    }

    @Test("who else reads a document is said until it ends well, and the next try begins with the first reader")
    func readBySecond() throws {
        var document = try Document.sample(in: .processing)
        let attempt = document.attempt
        let words = "Read with mutool, because pdftotext could not read it."
        try document.apply([.fellBack(DocumentError(.unreadable, "It is damaged."), to: .second)])
        #expect(document.status == .queued && document.message == words)
        document = try document.restored()
        try document.apply([.leased])
        #expect(document.attempt == attempt && document.message == words)
        var failed = document
        try document.apply([.completed(units: 3, chunks: 2)])
        #expect(document.message == words)
        try failed.apply([.failed(DocumentError(.unreadable, "It is damaged."))])
        #expect(failed.message == nil)
        try failed.apply([.retried, .leased])
        #expect(failed.message == nil && failed.firstFailure == nil)
    }

    @Test("a document whose text is recognized says so by its stage and, page by page, by its message")
    func recognized() throws {
        var document = try Document.sample(in: .queued)
        try document.apply([.leased, .worked(.pages([0, 0, 0], of: 3))])
        let change = DocumentChange.fellBack(DocumentError(.noText, "It is a scan."), to: .recognizer)
        #expect(try document.apply([change]) == .step)
        #expect(document.shownStage == "recognizing" && document.percentage.published == 20)
        document = try document.restored()
        try document.apply([.leased])
        #expect(document.reader == .recognizer && document.message == "Recognizing page 1 of 3")
        try document.apply([.worked(.pages([1, 1, 0], of: 3))])
        #expect(document.message == "Recognizing page 2 of 3" && document.shownStage == "recognizing")
        #expect(document.ratesKind?.pipeline == "document/recognizing")
        var cancelled = document
        try cancelled.apply([.cancelled])
        #expect(cancelled.message == nil)
        try document.apply([.completed(units: 3, chunks: 2)])
        #expect(document.message == Document.recognizedMessage)
        #expect(document.stages.map(\.name) == ["recognizing", "chunking", "embedding"])
    }

    @Test(
        "who tries a document again goes on with the pages that were recognized, and else begins with the first reader")
    func recognizedAgain() throws {
        var document = try Document.sample(in: .processing)
        try document.apply([.fellBack(DocumentError(.noText, "It is a scan."), to: .recognizer), .leased])
        var none = document
        let point = Checkpoint(run: 5, units: 2, textBytes: 90, resultBytes: 0, chunks: 0, settings: "a")
        try document.apply([.checkpointed(point), .failed(DocumentError(.timeout, "It took too long.")), .retried])
        #expect(document.reader == .recognizer && document.checkpoint == point)
        try none.apply([.failed(DocumentError(.timeout, "It took too long.")), .retried])
        #expect(none.reader == .first && none.stages[0].name == "extracting")
    }
}
