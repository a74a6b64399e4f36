import Testing

@testable import Core

@Suite("The remaining time")
struct RemainingTimeTests {
    /// Work at a steady rate, observed every `interval`, until `fraction` of it is done.
    static func steady(
        durationMilliseconds duration: Int64, everyMilliseconds interval: Int64, until fraction: Double
    ) -> (RemainingTime, Moment) {
        var remaining = RemainingTime()
        var elapsed: Int64 = 0
        remaining.observe(work: 0, at: .start)
        while Double(elapsed + interval) <= Double(duration) * fraction {
            elapsed += interval
            remaining.observe(
                work: Double(elapsed) / Double(duration), at: .start.advanced(byMilliseconds: elapsed))
        }
        return (remaining, .start.advanced(byMilliseconds: elapsed))
    }

    @Test(
        "a steady rate gives the right figure within a tenth", arguments: [5_000, 60_000, 3_600_000] as [Int64],
        [20, 100, 1_500] as [Int64])
    func steady(duration: Int64, interval: Int64) throws {
        for fraction in [0.35, 0.5, 0.9] {
            let (remaining, now) = Self.steady(
                durationMilliseconds: duration, everyMilliseconds: interval, until: fraction)
            let estimate = try #require(remaining.estimate(at: now))
            let truth = Double(duration - (now.monotonicMilliseconds - Moment.start.monotonicMilliseconds)) / 1000
            #expect(abs(estimate.seconds - truth) <= truth / 10 + 0.1)
            #expect(estimate.lowSeconds <= truth + 0.1)
            #expect(estimate.highSeconds >= truth - 0.1)
        }
    }

    @Test("there is no estimate before enough time and enough work are seen")
    func evidence() {
        var remaining = RemainingTime()
        #expect(remaining.estimate(at: .start) == nil)
        remaining.observe(work: 0, at: .start)
        #expect(remaining.estimate(at: .start) == nil)
        let early = Moment.start.advanced(byMilliseconds: RemainingTime.evidenceMilliseconds - 1)
        remaining.observe(work: 0.5, at: early)
        #expect(remaining.estimate(at: early) == nil)
        let enough = Moment.start.advanced(byMilliseconds: RemainingTime.evidenceMilliseconds + 20)
        remaining.observe(work: 0.6, at: enough)
        #expect(remaining.estimate(at: enough) != nil)

        var slow = RemainingTime()
        slow.observe(work: 0, at: .start)
        let later = Moment.start.advanced(byMilliseconds: 10_000)
        slow.observe(work: RemainingTime.evidenceWork / 2, at: later)
        #expect(slow.estimate(at: later) == nil)
    }

    @Test("time without news counts down, and then the estimate is withdrawn")
    func stale() throws {
        let (remaining, now) = Self.steady(durationMilliseconds: 100_000, everyMilliseconds: 100, until: 0.5)
        let fresh = try #require(remaining.estimate(at: now))
        let later = try #require(remaining.estimate(at: now.advanced(byMilliseconds: 5_000)))
        #expect(abs(fresh.seconds - later.seconds - 5) < 0.11)
        let last = now.advanced(byMilliseconds: RemainingTime.staleMilliseconds - 1)
        #expect(remaining.estimate(at: last) != nil)
        #expect(remaining.estimate(at: now.advanced(byMilliseconds: RemainingTime.staleMilliseconds)) == nil)
    }

    @Test("a run that has passed its estimate says 0, never less")
    func overdue() throws {
        let (remaining, now) = Self.steady(durationMilliseconds: 10_000, everyMilliseconds: 100, until: 0.9)
        let estimate = try #require(remaining.estimate(at: now.advanced(byMilliseconds: 14_000)))
        #expect(estimate == RemainingTime.Estimate(seconds: 0, lowSeconds: 0, highSeconds: 0))
    }

    @Test("a new run has no estimate from the last one")
    func restart() {
        var (remaining, now) = Self.steady(durationMilliseconds: 10_000, everyMilliseconds: 100, until: 0.5)
        remaining.restart()
        #expect(remaining == RemainingTime())
        #expect(remaining.estimate(at: now) == nil)
        now = now.advanced(byMilliseconds: 10)
        remaining.observe(work: 0.1, at: now)
        #expect(remaining.estimate(at: now) == nil)
    }

    @Test("less work than before is no news")
    func backwards() {
        let (remaining, now) = Self.steady(durationMilliseconds: 10_000, everyMilliseconds: 100, until: 0.5)
        var again = remaining
        again.observe(work: 0.2, at: now.advanced(byMilliseconds: 500))
        #expect(again == remaining)
    }

    @Test("low ≤ estimate ≤ high, at any rate")
    func ordered() {
        for seed in UInt64(1)...200 {
            var random = SeededRandom(seed: seed)
            var remaining = RemainingTime()
            var now = Moment.start
            var work = 0.0
            while work < 1 {
                remaining.observe(work: work, at: now)
                let asked = now.advanced(byMilliseconds: .random(in: 0...20_000, using: &random))
                if let estimate = remaining.estimate(at: asked) {
                    #expect(estimate.lowSeconds >= 0, "seed \(seed)")
                    #expect(estimate.lowSeconds <= estimate.seconds, "seed \(seed)")
                    #expect(estimate.seconds <= estimate.highSeconds, "seed \(seed)")
                    #expect(estimate.highSeconds.isFinite, "seed \(seed)")
                }
                work += Double.random(in: 0...(random.oneIn(4) ? 0.2 : 0.01), using: &random)
                now = now.advanced(byMilliseconds: .random(in: 0...4000, using: &random))
            }
        }
    }

    @Test("a jump of the wall clock changes nothing")
    func wallClock() {
        var steady = RemainingTime()
        var jumping = RemainingTime()
        var random = SeededRandom(seed: 7)
        for step in 0..<100 {
            let now = Moment.start.advanced(byMilliseconds: Int64(step) * 250)
            var jumped = now
            jumped.unixMilliseconds = .random(in: 0...4_000_000_000_000, using: &random)
            steady.observe(work: Double(step) / 120, at: now)
            jumping.observe(work: Double(step) / 120, at: jumped)
            #expect(steady.estimate(at: now) == jumping.estimate(at: jumped))
        }
        #expect(steady == jumping)
    }
}
