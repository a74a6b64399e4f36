import Testing

@testable import Wire

@Suite("Messages between server and worker")
struct WorkerMessageTests {
    @Test("an assignment is read as it was written", arguments: SourceFormat.allCases)
    func assignment(format: SourceFormat) {
        for charset in [nil, "koi8-r"] {
            let assignment = WorkerAssignment(
                run: 7, charactersMax: 1000, overlapCharacters: 150, countsPages: true, format: format,
                charset: charset, textlessMax: charset == nil ? 0 : 32)
            #expect(WorkerAssignment(decoding: assignment.encoded) == assignment)
        }
    }

    @Test(
        "a report is read as it was written, with and without a total, with and without text", arguments: [true, false])
    func report(hasText: Bool) {
        for total in [nil, 12] as [Int64?] {
            let report = WorkerReport.progress(
                run: 7, extracted: 3, chunked: 2, embedded: 1, finishedStages: 0, total: total, hasText: hasText)
            #expect(WorkerReport(decoding: report.encoded) == report)
        }
    }

    @Test(
        "an order is read as it was written",
        arguments: [
            WorkerOrder.source(run: 7), .sourceEnded(run: 7, index: 2), .recognized(run: 7, page: 12), .stop(run: 7),
        ])
    func order(order: WorkerOrder) {
        #expect(WorkerOrder(decoding: order.encoded) == order)
    }

    @Test("an assignment of a format that is not known is none")
    func unknownFormat() {
        let assignment = WorkerAssignment(run: 7, charactersMax: 1, overlapCharacters: 0, countsPages: false)
        let text = String(decoding: assignment.encoded, as: UTF8.self)
        let changed = text.split(separator: "\"pages\"").joined(separator: "\"pictures\"")
        #expect(changed != text)
        #expect(WorkerAssignment(decoding: Array(changed.utf8)) == nil)
    }

    private static let whole = WorkerReport.figureMax
    /// Every report with a figure in each of its places.
    private static func reports(_ figure: Int64) -> [WorkerReport] {
        [
            .progress(run: 7, extracted: figure, chunked: 1, embedded: 1, finishedStages: 0),
            .progress(run: 7, extracted: 1, chunked: figure, embedded: 1, finishedStages: 0),
            .progress(run: 7, extracted: 1, chunked: 1, embedded: figure, finishedStages: 0),
            .progress(run: 7, extracted: 1, chunked: 1, embedded: 1, finishedStages: 0, total: figure),
            .checkpoint(run: 7, units: figure, textBytes: 1, chunks: 1, resultBytes: 1),
            .checkpoint(run: 7, units: 1, textBytes: figure, chunks: 1, resultBytes: 1),
            .checkpoint(run: 7, units: 1, textBytes: 1, chunks: figure, resultBytes: 1),
            .checkpoint(run: 7, units: 1, textBytes: 1, chunks: 1, resultBytes: figure),
            .finished(run: 7, units: figure, chunks: 1, visibleCharacters: 1),
            .finished(run: 7, units: 1, chunks: figure, visibleCharacters: 1),
            .finished(run: 7, units: 1, chunks: 1, visibleCharacters: figure),
            .awaited(run: 7, milliseconds: figure),
            .textless(run: 7, page: figure),
            .waits(run: 7, detail: "", milliseconds: figure),
        ]
    }

    @Test("a report whose figures no document can have is none: its worker was taken over")
    func unbelievable() {
        for figure in [Int64.min, -1, Self.whole + 1, .max] {
            for report in Self.reports(figure) { #expect(WorkerReport(decoding: report.encoded) == nil, "\(report)") }
        }
        for figure in [0, Self.whole] {
            for report in Self.reports(figure) { #expect(WorkerReport(decoding: report.encoded) == report) }
        }
    }

    @Test(
        "a worker tells the end of the stages that it has", arguments: [Int.min, -1, WorkerReport.stagesMax + 1, .max])
    func stages(count: Int) {
        func report(_ count: Int) -> WorkerReport {
            .progress(run: 7, extracted: 1, chunked: 1, embedded: 1, finishedStages: count)
        }
        #expect(WorkerReport(decoding: report(count).encoded) == nil)
        #expect(WorkerReport(decoding: report(WorkerReport.stagesMax).encoded) == report(WorkerReport.stagesMax))
    }

    @Test("what the embedding process counts, and when it may be tried, is believed within bounds")
    func embedding() {
        let most = EmbedReport.countMax
        func counted(_ count: Int) -> [EmbedReport] {
            [
                .counted(calls: count, failures: 0, texts: 0, dimensions: nil),
                .counted(calls: 0, failures: count, texts: 0, dimensions: nil),
                .counted(calls: 0, failures: 0, texts: count, dimensions: nil),
            ]
        }
        for count in [-1, most + 1, .max] {
            for report in counted(count) { #expect(EmbedReport(decoding: report.encoded) == nil) }
        }
        for report in counted(most) { #expect(EmbedReport(decoding: report.encoded) == report) }
        for dimensions in [0, EmbeddingReply.dimensionsMax + 1, .max] {
            let report = EmbedReport.counted(calls: 0, failures: 0, texts: 0, dimensions: dimensions)
            #expect(EmbedReport(decoding: report.encoded) == nil)
        }
        for milliseconds in [Int64.min, -1, Self.whole + 1, .max] {
            let report = EmbedReport.breaker(state: "open", detail: "", nextTryMilliseconds: milliseconds)
            #expect(EmbedReport(decoding: report.encoded) == nil)
        }
    }
}
