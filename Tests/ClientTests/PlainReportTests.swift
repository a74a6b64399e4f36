import Testing

@testable import Client

@Suite struct PlainReportTests {
    @Test("a line for each new stage, at most one every five seconds in between, one for the end")
    func lines() throws {
        var report = PlainReport()
        var row = ProgressRow(name: "policy.pdf")
        var lines: [String] = []
        func look(_ now: Int64) {
            if let line = report.line(for: row, nowMilliseconds: now) { lines.append("\(now) \(line)") }
        }
        look(0)
        row.receive(try state(#"{"status":"queued","stage":"queued","progress":20}"#), nowMilliseconds: 0)
        look(0)
        look(4000)
        for second in 5...16 {
            let done = second * 10
            row.receive(
                try state(
                    #"{"progress":\#(20 + second),"eta_low":null,"stages":[{"name":"extracting","done":\#(done),"total":1000}]}"#
                ),
                nowMilliseconds: Int64(second) * 1000)
            look(Int64(second) * 1000)
        }
        look(30_000)
        look(40_000)  // Nothing new to say.
        row.receive(try state(#"{"status":"complete","stage":null,"progress":100}"#), nowMilliseconds: 41_000)
        look(41_000)
        look(60_000)
        #expect(
            lines == [
                "0 policy.pdf: 20%, waiting for a worker",
                "5000 policy.pdf: 25%, reading page 50 of 1,000",
                "10000 policy.pdf: 30%, reading page 100 of 1,000",
                "15000 policy.pdf: 35%, reading page 150 of 1,000",
                "30000 policy.pdf: 36%, reading page 160 of 1,000",
                "41000 policy.pdf: complete, 1,000 pages in 20.4 s",
            ])
    }

    @Test("what remains is told where the server tells it")
    func remaining() throws {
        var report = PlainReport()
        #expect(
            report.line(for: row(try state()), nowMilliseconds: 0)
                == "policy.pdf: 67%, reading page 610 of 1,000, about 10-17 s left")
    }

    @Test("what remains is told of an upload that somebody else makes as well")
    func uploading() throws {
        var report = PlainReport()
        let uploading = try state(
            #"{"status":"uploading","stage":"uploading","progress":10,"bytes_received":12400000,"bytes_total":105000000}"#
        )
        let line = report.line(for: row(uploading), nowMilliseconds: 0)
        #expect(line == "policy.pdf: 10%, uploading 12.4 of 105 MB, about 10-17 s left")
    }

    @Test("an upload that is not watched says what was sent")
    func sent() {
        var report = PlainReport()
        var row = ProgressRow(name: "a.pdf")
        row.startSending(totalBytes: 3000, nowMilliseconds: 0)
        #expect(report.line(for: row, nowMilliseconds: 0) == "a.pdf: uploading 0 of 3.00 kB")
        row.end(.complete, words: "3.00 kB sent", nowMilliseconds: 900)
        #expect(report.line(for: row, nowMilliseconds: 900) == "a.pdf: 3.00 kB sent in 0.9 s")
    }
}
