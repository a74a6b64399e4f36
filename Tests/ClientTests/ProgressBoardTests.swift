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
