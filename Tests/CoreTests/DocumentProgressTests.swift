import JSON
import Testing

@testable import Core

@Suite("The percentage of a document")
struct DocumentProgressTests {
    @Test("the percentage is the sum of weight times done over total, the upload included")
    func weights() throws {
        var document = Document.sample()
        try document.apply([.uploadProgressed(received: 500)])
        #expect(document.percentage.published == 10)
        try document.apply([.uploadCompleted(bytes: 1000, sha256: nil, contentType: "application/pdf")])
        #expect(document.percentage.published == 20)
        try document.apply([.leased, .worked(.pages([610, 598, 540], of: 1000))])
        // 20 + 50 × 0.61 + 5 × 0.598 + 25 × 0.54
        #expect(document.percentage.published == 66.9)
        try document.apply([.worked(.pages([1000, 1000, 540], of: 1000, finished: 2))])
        #expect(document.percentage.published == 88.5)
    }

    @Test("it is 100 only when complete")
    func hundred() throws {
        var document = try Document.sample(in: .processing)
        try document.apply([.worked(.pages([10, 10, 10], of: 10, finished: 3))])
        #expect(document.percentage.published == 99.9)
        try document.apply([.completed(units: 10, chunks: 1)])
        #expect(document.percentage.published == 100)
    }

    @Test("an upload of unknown length counts nothing until it ends", arguments: [nil, 0] as [Int64?])
    func unknownLength(total: Int64?) throws {
        var document = Document.sample(bytesTotal: total)
        try document.apply([.uploadBegan(total: total, contentType: nil), .uploadProgressed(received: 700)])
        #expect(document.percentage.published == 0)
        #expect(document.stagePercentage == nil)
        try document.apply([.uploadCompleted(bytes: 900, sha256: nil, contentType: "text/plain")])
        #expect(document.percentage.published == 20)
    }

    @Test("an upload that brings more than it declared stays within its stage")
    func lyingLength() throws {
        var document = Document.sample(bytesTotal: 10)
        try document.apply([.uploadProgressed(received: 5000)])
        #expect(document.percentage.published <= PipelineShape.uploadWeight)
        #expect(document.stagePercentage == 100)
    }

    @Test("an unknown total of pages counts nothing, and a wrong one stays below the stage's end")
    func lyingPages() throws {
        var document = try Document.sample(in: .queued)
        try document.apply([.leased, .worked(.pages([50, 0, 0], of: nil))])
        #expect(document.percentage.published == 20)
        #expect(document.stagePercentage == nil)
        try document.apply([.worked(.pages([51, 0, 0], of: 10))])
        #expect(document.percentage.published < 70)
        #expect(document.stagePercentage == 99)
        try document.apply([.worked(.pages([60, 0, 0], of: 1000))])
        #expect(document.percentage.published < 70)
        #expect(document.stagePercentage == 6)
    }

    @Test("the number of pages that an earlier run was told grows with what is done, until the new run knows it")
    func numberOfAnEarlierRun() throws {
        var document = try Document.sample(in: .processing)
        try document.apply([.worked(.pages([7, 7, 7], of: 3)), .requeued, .leased, .worked(.pages([9, 9, 9], of: nil))])
        for stage in document.stages { #expect((stage.done, stage.total) == (9, 9)) }
    }

    @Test("running again holds the percentage until the work has caught up", arguments: [true, false])
    func held(byServerEnd: Bool) throws {
        var document = try Document.sample(in: .processing)
        try document.apply([.worked(.pages([8, 8, 8], of: 10))])
        let reached = document.percentage.published
        try document.apply(byServerEnd ? [.requeued] : [.failed(DocumentError(.stalled, "No progress.")), .retried])
        #expect(document.percentage.published == reached)
        try document.apply([.leased, .worked(.pages([2, 1, 0], of: 10))])
        #expect(document.percentage.published == reached)
        #expect(document.stagePercentage == 20)
        try document.apply([.worked(.pages([9, 9, 9], of: 10))])
        #expect(document.percentage.published > reached)
    }

    @Test("there is no percentage of a stage while waiting, nor at the end")
    func stagePercentage() throws {
        for status in [DocumentStatus.queued, .complete, .failed, .cancelled] {
            #expect(try Document.sample(in: status).stagePercentage == nil)
        }
        #expect(try Document.sample(in: .uploading).stagePercentage == 25)
        #expect(try Document.sample(in: .processing).stagePercentage == 40)
    }

    @Test("a terminal state keeps the percentage that it had come to")
    func terminal() throws {
        for status in [DocumentStatus.failed, .cancelled] {
            // 20 + 50 × 0.4 + 5 × 0.2 + 25 × 0.1
            #expect(try Document.sample(in: status).percentage.published == 43.5)
        }
    }

    @Test("a restart rests at the ceiling, under a new epoch with offsets from the beginning")
    func recovery() throws {
        var document = try Document.sample(in: .processing)
        document.advanceOffset()
        var restored = try document.restored(ceiling: 44.5)
        restored.recover(epoch: "b001", ceiling: 44.5)
        #expect(restored.percentage.published == 44.5)
        #expect(restored.epoch == "b001")
        #expect(restored.offset == 0)
        try restored.apply([.requeued, .leased, .worked(.pages([5, 1, 0], of: 10))])
        #expect(restored.percentage.published == 44.5)
    }

    @Test("a terminal document is not touched by a restart", arguments: [DocumentStatus.complete, .failed, .cancelled])
    func terminalRecovery(status: DocumentStatus) throws {
        let document = try Document.sample(in: status)
        var restored = document
        restored.recover(epoch: "b001", ceiling: 99)
        #expect(restored == document)
    }

    @Test("an estimate is shown while processing, and at no other time")
    func estimate() throws {
        var document = try Document.sample(in: .queued)
        _ = try document.apply(.leased, at: .start)
        for step in 1...20 {
            let now = Moment.start.advanced(byMilliseconds: Int64(step) * 500)
            _ = try document.apply(.worked(.pages([Int64(step), Int64(step), Int64(step)], of: 100)), at: now)
        }
        let estimate = try #require(document.estimate)
        // 80 of 100 pages are left, half a second each.
        #expect((38...42).contains(estimate.seconds))
        try document.apply([.requeued])
        #expect(document.estimate == nil)
        // The rate of the run that was cut short says nothing about the next one.
        try document.apply([.leased, .worked(.pages([1, 0, 0], of: 100))])
        #expect(document.estimate == nil)
    }
}
