import Testing

@testable import Client

@Suite struct ProgressRowTests {
    @Test("the percentage never goes down and is 100 only when complete")
    func percentage() throws {
        var row = row(try state(#"{"progress":67.9}"#))
        #expect(row.percent == 67)
        row.receive(try state(#"{"progress":40,"attempt":2}"#), nowMilliseconds: 200)
        #expect(row.percent == 67)
        row.receive(try state(#"{"progress":100}"#), nowMilliseconds: 300)
        #expect(row.percent == 99)
        row.receive(try state(#"{"status":"complete","stage":null,"progress":100}"#), nowMilliseconds: 400)
        #expect(row.percent == 100)
        #expect(row.isEnded)
    }

    @Test("no segment goes back when a second attempt begins anew")
    func segments() throws {
        let again = #"{"attempt":2,"stages":[{"name":"extracting","done":1,"total":1000}]}"#
        let row = row(try state(), try state(again))
        #expect(row.segments.first { $0.name == "extracting" }?.bar.fraction == 0.61)
    }

    @Test("the bar has its four segments before the pipeline has named them")
    func earlySegments() throws {
        let row = row(try state(#"{"status":"uploading","stage":"uploading","stages":[],"bytes_received":52428800}"#))
        #expect(row.segments.map(\.name) == ["uploading", "extracting", "chunking", "embedding"])
        #expect(row.segments[0].bar.fraction == 0.5)
    }

    @Test("a total that lies does not overfill its segment")
    func lyingTotal() throws {
        let row = row(
            try state(#"{"stages":[{"name":"extracting","done":99,"total":10},{"name":"x","done":1,"total":0}]}"#))
        #expect(row.segments.map(\.bar.fraction) == [1, 1, 0])
    }

    @Test("sending shows the sender's position until the server's own figures come")
    func sending() throws {
        var row = ProgressRow(name: "a.pdf")
        row.startSending(totalBytes: 1000, nowMilliseconds: 0)
        row.send(sentBytes: 500, totalBytes: 1000, nowMilliseconds: 100)
        #expect(row.percent == 50)
        row.send(sentBytes: 400, totalBytes: 1000, nowMilliseconds: 200)
        #expect(row.phase == .sending(sentBytes: 500, totalBytes: 1000))
        row.receive(try state(#"{"status":"uploading","progress":2}"#), nowMilliseconds: 300)
        #expect(row.percent == 2)
        row.send(sentBytes: 900, totalBytes: 1000, nowMilliseconds: 400)
        #expect(row.percent == 2)
    }

    @Test("an upload counts its own time, a watch the document's")
    func durations() throws {
        let complete = try state(#"{"status":"complete"}"#)
        var sent = ProgressRow(name: "a.pdf")
        sent.startSending(totalBytes: nil, nowMilliseconds: 1000)
        sent.receive(complete, nowMilliseconds: 4000)
        guard case .ended(let own) = sent.phase, case .ended(let watched) = row(complete).phase else {
            Issue.record("not ended")
            return
        }
        #expect(own.milliseconds == 3000)
        #expect(watched.milliseconds == 20_400)
    }

    @Test("the server's name replaces ours, cleaned; an empty one does not")
    func names() throws {
        #expect(row(try state(#"{"name":"x\u001b[2Jy"}"#)).name == "x[2Jy")
        #expect(row(try state(#"{"name":""}"#), name: "mine").name == "mine")
    }
}
