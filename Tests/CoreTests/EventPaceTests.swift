import Testing

@testable import Core

@Suite("The pace of events")
struct EventPaceTests {
    static func at(_ milliseconds: Int64) -> Moment { .start.advanced(byMilliseconds: milliseconds) }

    @Test("a step goes out at once, however close to the last event")
    func steps() {
        var pace = EventPace()
        for time in [0, 0, 1, 2, 60] as [Int64] { #expect(pace.decide(.step, at: Self.at(time)) == .tellNow) }
    }

    @Test("the first tick goes out at once, the next when the interval is over, those between wait with it")
    func ticks() {
        var pace = EventPace()
        #expect(pace.decide(.tick, at: Self.at(0)) == .tellNow)
        #expect(pace.decide(.tick, at: Self.at(10)) == .tellLater(milliseconds: EventPace.intervalMilliseconds - 10))
        #expect(pace.decide(.tick, at: Self.at(20)) == .wait)
        #expect(pace.decide(.tick, at: Self.at(49)) == .wait)
        #expect(pace.waitEnded(at: Self.at(50)) == true)
        #expect(pace.waitEnded(at: Self.at(50)) == false)
        #expect(pace.decide(.tick, at: Self.at(100)) == .tellNow)
    }

    @Test("a step tells what a tick waited with, so the wait ends with nothing to tell")
    func stepDuringWait() {
        var pace = EventPace()
        _ = pace.decide(.tick, at: Self.at(0))
        _ = pace.decide(.tick, at: Self.at(10))
        #expect(pace.decide(.step, at: Self.at(20)) == .tellNow)
        #expect(pace.waitEnded(at: Self.at(50)) == false)
    }

    @Test("nothing changed, nothing is told")
    func none() {
        var pace = EventPace()
        #expect(pace.decide(.none, at: Self.at(0)) == .wait)
        #expect(pace == EventPace())
    }

    /// The shell as it uses the pace: a timer a wait, and the newest state whenever something is told.
    struct Shell {
        var pace = EventPace()
        var timers: [Int64] = []
        var newest = 0
        var told = 0
        var ticksToldAt: [Int64] = []

        mutating func run(_ weight: ChangeWeight, at time: Int64) {
            fireTimers(until: time)
            newest += 1
            switch pace.decide(weight, at: EventPaceTests.at(time)) {
            case .tellNow:
                told = newest
                if weight == .tick { ticksToldAt.append(time) }
            case .wait: break
            case .tellLater(let milliseconds): timers.append(time + milliseconds)
            }
        }

        mutating func fireTimers(until time: Int64) {
            while let due = timers.min(), due <= time {
                timers.removeAll { $0 == due }
                guard pace.waitEnded(at: EventPaceTests.at(due)) else { continue }
                told = newest
                ticksToldAt.append(due)
            }
        }
    }

    @Test("ticks alone go out at most once an interval")
    func interval() {
        for seed in UInt64(1)...100 {
            var random = SeededRandom(seed: seed)
            var shell = Shell()
            var time: Int64 = 0
            for _ in 0..<200 {
                time += .random(in: 0...(random.oneIn(10) ? 200 : 20), using: &random)
                shell.run(.tick, at: time)
            }
            shell.fireTimers(until: .max)
            let gaps = zip(shell.ticksToldAt.dropFirst(), shell.ticksToldAt).map { $0 - $1 }
            #expect(gaps.allSatisfy { $0 >= EventPace.intervalMilliseconds }, "seed \(seed)")
        }
    }

    @Test("the last change is always told, whatever came between")
    func lastTick() {
        for seed in UInt64(1)...200 {
            var random = SeededRandom(seed: seed)
            var shell = Shell()
            var time: Int64 = 0
            for _ in 0..<Int.random(in: 1...60, using: &random) {
                time += .random(in: 0...40, using: &random)
                shell.run(random.oneIn(6) ? .step : .tick, at: time)
            }
            shell.fireTimers(until: .max)
            #expect(shell.told == shell.newest, "seed \(seed)")
        }
    }
}
