import Testing

@testable import Server

@Suite("The pace of a body")
struct BodyPaceTests {
    /// Looks once a second for as long as it is fast enough; the second in which it was found too slow.
    private func secondsUntilSlow(of seconds: Int64, _ received: (Int64) -> Int64, pausedUntil: Int64 = 0) -> Int64? {
        var pace = BodyPace()
        pace.restart(at: 0, received: 0)
        for second in 1...seconds {
            if second <= pausedUntil { pace.restart(at: second * 1000, received: received(second)) }
            let isTooSlow = pace.isTooSlow(
                received: received(second), at: second * 1000, windowMilliseconds: 30_000, bytesPerSecondMin: 1024)
            if isTooSlow { return second }
        }
        return nil
    }

    @Test("a body that never comes is found after the window")
    func nothing() {
        #expect(secondsUntilSlow(of: 100) { _ in 0 } == 30)
    }

    @Test("a gigabyte at first does not pay for a stall later")
    func stall() throws {
        let found = try #require(secondsUntilSlow(of: 200) { min($0, 100) * 10_000_000 })
        #expect((130...136).contains(found))
    }

    @Test("a slow and steady body goes on for ever")
    func steady() {
        #expect(secondsUntilSlow(of: 10_000) { $0 * 1024 } == nil)
        #expect(secondsUntilSlow(of: 10_000) { $0 / 20 * 20 * 2000 } == nil)
    }

    @Test("time in which the server holds the body back does not count")
    func paused() {
        #expect(secondsUntilSlow(of: 200, { _ in 5000 }, pausedUntil: 100) == 130)
    }
}
