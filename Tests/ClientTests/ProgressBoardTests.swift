import Testing

@testable import Client

@Suite struct ProgressBoardTests {
    @Test("ended rows settle from the top, once, and in order")
    func settles() throws {
        var board = ProgressBoard(rows: ["a", "b", "c"].map { ProgressRow(name: $0) })
        board[1].end(.complete, words: "sent", nowMilliseconds: 0)
        var frame = board.frame(columns: 80, lines: 24, style: plainStyle)
        #expect(frame.settled.isEmpty && frame.live.count == 3)
        board[0].end(.complete, words: "sent", nowMilliseconds: 0)
        frame = board.frame(columns: 80, lines: 24, style: plainStyle)
        #expect(frame.settled.count == 2 && frame.live.count == 1)
        frame = board.frame(columns: 80, lines: 24, style: plainStyle)
        #expect(frame.settled.isEmpty && frame.live.count == 1)
    }

    @Test("more rows than lines: those that move are shown, the rest is counted")
    func tooMany() throws {
        var board = ProgressBoard(rows: (0..<50).map { ProgressRow(name: "f\($0)") })
        for index in 0..<6 { board[index].startSending(totalBytes: 10, nowMilliseconds: 0) }
        board[1].end(.complete, words: "sent", nowMilliseconds: 0)
        let frame = board.frame(columns: 80, lines: 6, style: plainStyle)
        #expect(frame.live.count == 4)
        #expect(frame.live.prefix(3).allSatisfy { $0.contains("uploading") })
        #expect(frame.live.last == "  46 more to come, 1 done")
    }

    @Test("in an endless board an ended row settles at once, whatever is above it, and its number is not used again")
    func endless() throws {
        var board = ProgressBoard(rows: [], kind: .endless)
        board.emptyWords = "waiting for documents"
        #expect(board.frame(columns: 80, lines: 24, style: plainStyle).live == ["  waiting for documents"])
        let (first, second) = (board.add(ProgressRow(name: "a")), board.add(ProgressRow(name: "b")))
        board[second].receive(try state(#"{"status":"complete","name":"b"}"#), nowMilliseconds: 0)
        var frame = board.frame(columns: 80, lines: 24, style: plainStyle)
        #expect(frame.settled.count == 1 && frame.settled[0].contains("b") && frame.live.count == 1)
        let third = board.add(ProgressRow(name: "c"))
        #expect(third > second && board[first].name == "a" && board[third].name == "c")
        frame = board.frame(columns: 80, lines: 24, style: plainStyle)
        #expect(frame.settled.isEmpty && frame.live.count == 2)
    }

    @Test("in an endless board nothing moves sideways when documents with long names or many pages come and go")
    func endlessIsSteady() throws {
        var board = ProgressBoard(rows: [], kind: .endless)
        let short = board.add(ProgressRow(name: "a.pdf"))
        let few = #"{"name":"a.pdf","pages_total":9,"stages":[{"name":"extracting","done":4,"total":9}]}"#
        board[short].receive(try state(few), nowMilliseconds: 0)
        let long = board.add(ProgressRow(name: "b"))
        board[long].receive(try state(#"{"name":"\#(String(repeating: "long", count: 20)).pdf"}"#), nowMilliseconds: 0)
        let with = board.frame(columns: 100, lines: 24, style: plainStyle).live[0]
        board[long].receive(try state(#"{"status":"complete","offset":18}"#), nowMilliseconds: 0)
        _ = board.frame(columns: 100, lines: 24, style: plainStyle)
        #expect(board.frame(columns: 100, lines: 24, style: plainStyle).live == [with])
    }

    @Test("more rows than lines in an endless board: those that are worked on come first, the rest is counted")
    func endlessTooMany() throws {
        var board = ProgressBoard(rows: [], kind: .endless)
        for index in 0..<50 {
            let number = board.add(ProgressRow(name: "f\(index)"))
            let status = index < 48 ? "queued" : "processing"
            board[number].receive(
                try state(#"{"name":"f\#(index)","status":"\#(status)"}"#), nowMilliseconds: 0)
        }
        let live = board.frame(columns: 80, lines: 6, style: plainStyle).live
        #expect(live.count == 4 && live[0].contains("f48") && live[1].contains("f49") && live[2].contains("f0"))
        #expect(live.last == "  47 more")
    }

    @Test("a frame is painted over the last one, in one piece, and not twice")
    func paints() {
        var painter = FramePainter()
        #expect(painter.paint(.init(settled: [], live: ["a", "b"]), columns: 80) == "\ra\u{1B}[K\nb\u{1B}[K\n\u{1B}[J")
        #expect(painter.paint(.init(settled: [], live: ["a", "b"]), columns: 80) == nil)
        #expect(
            painter.paint(.init(settled: ["a"], live: ["c"]), columns: 80)
                == "\r\u{1B}[2Aa\u{1B}[K\nc\u{1B}[K\n\u{1B}[J")
        #expect(painter.erase(columns: 80) == "\r\u{1B}[1A\u{1B}[J")
        #expect(painter.erase(columns: 80) == "\r\u{1B}[J")
    }

    @Test("a terminal that became narrower has wrapped the lines to go back over")
    func narrower() {
        var painter = FramePainter()
        let wide = String(repeating: "x", count: 79)
        _ = painter.paint(.init(settled: [], live: [wide, "\u{1B}[36mshort\u{1B}[0m"]), columns: 80)
        #expect(painter.erase(columns: 40).hasPrefix("\r\u{1B}[3A"))
    }

    @Test("drawing happens at most 15 times a second, and only after a change")
    func throttle() {
        var throttle = RedrawThrottle()
        let isTurnWithoutChange = throttle.takeTurn(nowMilliseconds: 0)
        #expect(!isTurnWithoutChange)
        #expect(throttle.millisecondsToTurn(nowMilliseconds: 0) == nil)
        var drawn = 0
        for now in 0..<10_000 {
            throttle.touch()
            if throttle.takeTurn(nowMilliseconds: Int64(now)) { drawn += 1 }
        }
        #expect((140...150).contains(drawn))
        throttle.touch()
        #expect(throttle.millisecondsToTurn(nowMilliseconds: 9_990) ?? 0 > 0)
    }
}
