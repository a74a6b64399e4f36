import Testing

@testable import Wire

@Suite("Messages between server and worker")
struct WorkerMessageTests {
    @Test("an assignment is read as it was written", arguments: SourceFormat.allCases)
    func assignment(format: SourceFormat) {
        for charset in [nil, "koi8-r"] {
            let assignment = WorkerAssignment(
                run: 7, charactersMax: 1000, overlapCharacters: 150, countsPages: true, format: format,
                charset: charset)
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

    @Test("an assignment of a format that is not known is none")
    func unknownFormat() {
        let assignment = WorkerAssignment(run: 7, charactersMax: 1, overlapCharacters: 0, countsPages: false)
        let text = String(decoding: assignment.encoded, as: UTF8.self)
        let changed = text.split(separator: "\"pages\"").joined(separator: "\"pictures\"")
        #expect(changed != text)
        #expect(WorkerAssignment(decoding: Array(changed.utf8)) == nil)
    }
}
