import Testing

@testable import Loop

@Suite("The pace of new connections")
struct AcceptPaceTests {
    @Test("a crowd is let in as a burst and then at the rate, however often one asks")
    func crowd() {
        var pace = AcceptPace(connectionsPerSecond: 1000)
        var taken = 0
        for millisecond in 0...2000 as ClosedRange<Int64> {
            let allowed = min(pace.allowed(now: millisecond), 64)
            pace.took(allowed)
            taken += allowed
        }
        #expect((2000 + AcceptPace.burstMax - 1...2000 + AcceptPace.burstMax + 1).contains(taken))
    }

    @Test("a quiet moment, however long, earns no more than a burst")
    func quiet() {
        var pace = AcceptPace()
        #expect(pace.allowed(now: 0) == AcceptPace.burstMax)
        pace.took(AcceptPace.burstMax)
        #expect(pace.allowed(now: 0) == 0)
        #expect(pace.allowed(now: .max / 2) == AcceptPace.burstMax)
    }

    @Test("the wait that is told is enough for one, and never none", arguments: [1, 7, 100, 1000, 5000, 1_000_000])
    func wait(connectionsPerSecond: Int) {
        var pace = AcceptPace(connectionsPerSecond: connectionsPerSecond)
        pace.took(pace.allowed(now: 0))
        let wait = pace.waitMilliseconds
        #expect(wait >= 1)
        #expect(pace.allowed(now: wait) >= 1)
    }

    @Test("a clock that goes back earns nothing and loses nothing")
    func clock() {
        var pace = AcceptPace()
        pace.took(pace.allowed(now: 1000))
        #expect(pace.allowed(now: 500) == 0)
        #expect(pace.allowed(now: 501) >= 1)
    }
}
