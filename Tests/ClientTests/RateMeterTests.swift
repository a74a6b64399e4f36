import Testing

@testable import Client

@Suite struct RateMeterTests {
    @Test("no rate without evidence")
    func evidence() {
        var meter = RateMeter()
        #expect(meter.perSecond == nil)
        meter.record(0, nowMilliseconds: 0)
        meter.record(100, nowMilliseconds: RateMeter.evidenceMilliseconds - 1)
        #expect(meter.perSecond == nil)
        meter.record(100, nowMilliseconds: RateMeter.evidenceMilliseconds)
        #expect(meter.perSecond == 200)
    }

    @Test("only the last seconds count, however many samples there are")
    func window() throws {
        var meter = RateMeter()
        for step in 0..<10_000 {  // 10 a second for 50 s, then 100 a second.
            let count = step < 5000 ? step / 10 : 500 + (step - 5000)
            meter.record(Int64(count), nowMilliseconds: Int64(step) * 10)
        }
        let rate = try #require(meter.perSecond)
        #expect(abs(rate - 100) < 5)
    }

    @Test("a count that falls begins anew")
    func falls() {
        var meter = RateMeter()
        meter.record(50, nowMilliseconds: 0)
        meter.record(100, nowMilliseconds: 1000)
        meter.record(3, nowMilliseconds: 1100)
        #expect(meter.perSecond == nil)
    }
}
