import Testing

@testable import Core

@Suite("Progress that a command tells")
struct ProgressLinesTests {
    private func lines(_ text: String, piece: Int = .max) -> [ProgressLine] {
        var reader = ProgressLines()
        let bytes = Array(text.utf8)
        var found: [ProgressLine] = []
        for start in stride(from: 0, to: bytes.count, by: min(piece, bytes.count)) {
            found += reader.receive(bytes[start..<min(start + min(piece, bytes.count), bytes.count)])
        }
        return found
    }

    @Test("lines are the same however they come", arguments: [Int.max, 1, 7])
    func pieces(piece: Int) {
        let text = """
            {"stage_progress":12.5}
            {"pages_done":3,"pages_total":10,"message":"Page 3"}

            {"pages_done":4}
            """
        #expect(
            lines(text + "\n", piece: piece) == [
                ProgressLine(stageProgress: 12.5), ProgressLine(pagesDone: 3, pagesTotal: 10, message: "Page 3"),
                ProgressLine(pagesDone: 4),
            ])
        #expect(lines(text, piece: piece).count == 2, "a line is one when it has ended")
    }

    @Test(
        "what is no progress says nothing",
        arguments: [
            "no JSON", "[1]", "{}", "null", #"{"pages_done":-1}"#, #"{"pages_total":0}"#, #"{"message":7}"#,
            #"{"stage_progress":"5"}"#, #"{"stage_progress":5"#, "\u{0}",
        ])
    func nonsense(line: String) { #expect(lines(line + "\n").isEmpty) }

    @Test("a percentage stays between 0 and 100, and a message within its bytes and without controls")
    func bounds() {
        #expect(lines("{\"stage_progress\":1e9}\n") == [ProgressLine(stageProgress: 100)])
        #expect(lines("{\"stage_progress\":-3}\n") == [ProgressLine(stageProgress: 0)])
        let long = String(repeating: "é", count: ProgressLine.messageBytesMax)
        let message = lines("{\"message\":\"\\u001b[2J\(long)\"}\n").first?.message
        #expect(message?.utf8.count ?? 0 > 0 && message!.utf8.count <= ProgressLine.messageBytesMax)
        #expect(message?.hasPrefix("[2J") == true)
    }

    @Test("pages beyond what any document has are not believed, and what else the line says is")
    func unbelievablePages() {
        let most = StageProgress.unitsMax
        #expect(lines("{\"pages_total\":\(most),\"pages_done\":\(most)}\n").first?.pagesTotal == most)
        for number in ["\(most + 1)", "\(Int64.max)", "1e18"] {
            #expect(lines("{\"pages_total\":\(number)}\n{\"pages_done\":\(number)}\n").isEmpty, "\(number)")
            let line = "{\"pages_total\":\(number),\"pages_done\":1}\n{\"stage_progress\":100}\n"
            #expect(lines(line) == [ProgressLine(pagesDone: 1), ProgressLine(stageProgress: 100)])
        }
    }

    @Test("no order of numbers that a stage may tell makes its progress trap")
    func anyNumbers() {
        let edges: [Int64?] = [nil, 0, 1, 1000, StageProgress.unitsMax, .max - 1, .max]
        for total in edges {
            for done in edges {
                for share in [nil, 0, 33.3, 100] as [Double?] {
                    var progress = CommandProgress()
                    progress.read(bytes: 5, of: total ?? 0)
                    progress.told(ProgressLine(pagesDone: done, pagesTotal: total))
                    progress.told(ProgressLine(stageProgress: share))
                    progress.told(ProgressLine(stageProgress: 100, pagesDone: done, pagesTotal: total))
                    #expect(progress.done >= 0)
                }
            }
        }
    }

    @Test("a line that is too long is dropped, and the next one counts", arguments: [Int.max, 1000])
    func hugeLine(piece: Int) {
        let huge = "{\"message\":\"\(String(repeating: "x", count: 3 * ProgressLines.lineBytesMax))\"}"
        #expect(lines(huge + "\n{\"pages_done\":1}\n", piece: piece) == [ProgressLine(pagesDone: 1)])
    }

    @Test("of a flood the newest lines are taken, in their order")
    func flood() {
        let text = (1...1000).map { "{\"pages_done\":\($0)}\n" }.joined()
        let newest = (1000 - Int64(ProgressLines.linesPerLookMax) + 1)...1000
        #expect(lines(text).map(\.pagesDone) == newest.map(Int64?.some))
    }

    @Test("a stage keeps the unit of its first sign, and converts what comes in another")
    func units() {
        var pages = CommandProgress()
        pages.told(ProgressLine(pagesDone: 2, pagesTotal: 8))
        pages.told(ProgressLine(stageProgress: 50))
        #expect((pages.unit, pages.done, pages.total) == (.pages, 4, 8))
        pages.read(bytes: 100, of: 100)
        #expect(pages.done == 4, "who tells is believed")
        var read = CommandProgress()
        read.read(bytes: 250, of: 1000)
        read.told(ProgressLine(pagesDone: 5, pagesTotal: 10))
        #expect((read.unit, read.done, read.total) == (.bytes, 500, 1000))
        var told = CommandProgress()
        told.told(ProgressLine(stageProgress: 33.3))
        told.told(ProgressLine(stageProgress: 10))
        #expect((told.unit, told.done, told.total) == (.thousandths, 333, 1000), "never down")
        #expect((CommandProgress().finished.done, CommandProgress().finished.total) == (1, 1))
        #expect(pages.finished.done == 8)
    }

    @Test("the last words are the end of what was said")
    func lastWords() {
        var words = LastWords()
        words.receive(Array(repeating: UInt8(ascii: "a"), count: 10_000))
        for _ in 0..<100 { words.receive(Array("the end\n".utf8)) }
        #expect(words.text.utf8.count == LastWords.bytesMax && words.text.hasSuffix("the end\n"))
    }
}

@Suite("How a command's end is told")
struct StageReportTests {
    private func failure(_ ending: Ending, _ end: SupervisedEnd? = nil, words: String = "") -> DocumentError? {
        StageReport(
            stage: "shrinking", ending: ending, supervisedEnd: end, lastWords: words,
            limits: WorkLimits.Policy(memoryBytesMax: 64 << 20).limits(forBytes: 0)
        ).failure
    }

    @Test("an exit code is told with the stage and its last words; 0 is a good end")
    func exitCodes() {
        #expect(failure(.exit(0)) == nil)
        #expect(failure(.exit(3))?.code == "stage_failed")
        #expect(failure(.exit(3))?.detail == "The stage shrinking ended with code 3 and said nothing.")
        #expect(failure(.exit(3), words: "a\n\nb\u{7}\n")?.detail == "The stage shrinking ended with code 3: a | b")
        let long = String(repeating: "x", count: 5000) + " at the end"
        #expect(failure(.exit(3), words: long)?.detail.hasSuffix("at the end") == true)
    }

    @Test("each limit has its code")
    func limits() {
        #expect(failure(.signal(9), .memory)?.code == "memory_exceeded")
        #expect(failure(.exit(1), words: "MemoryError")?.code == "memory_exceeded")
        #expect(failure(.signal(9), .cpuTime)?.code == "timeout")
        #expect(failure(.cpuTime)?.code == "timeout")
        #expect(failure(.signal(9), .wallTime)?.code == "timeout")
        #expect(failure(.signal(9), .noProgress)?.code == "stalled")
        #expect(failure(.processes)?.code == "processes_exceeded")
        #expect(failure(.fileSize)?.code == "output_exceeded")
        #expect(failure(.signal(11))?.code == "crashed")
    }

    @Test(
        "a name is served only if it leads nowhere",
        arguments: [
            "", ".", "..", ".hidden", "a/b", "../a", "a\u{0}", "a\n", "a\\b", String(repeating: "x", count: 256),
        ])
    func unservable(name: String) { #expect(!OutputName.isServable(name)) }

    @Test("names of any script are served, and escaped in a URL")
    func servable() {
        #expect(OutputName.isServable("Übersicht 1.jpg") && OutputName.isServable("a..b"))
        #expect(OutputName.escaped("Ü 1.jpg") == "%C3%9C%201.jpg")
        #expect(OutputName.contentType(of: "A.JPG") == "image/jpeg")
        #expect(OutputName.contentType(of: "page.html") == "application/octet-stream")
    }
}
