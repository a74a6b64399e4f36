import Testing

@testable import Core

@Suite("The one percentage")
struct PercentageTests {
    @Test("it waits at the recorded ceiling, asks for a higher one, and goes on when that is on record")
    func ceiling() {
        var percentage = Percentage()
        #expect(percentage.fold(raw: 12.34) == 0)
        #expect(percentage.ceilingToRecord == 13.3)
        // What is asked for already is not asked for again.
        #expect(percentage.fold(raw: 13) == 0)
        #expect(percentage.ceilingToRecord == 13.3)
        percentage.ceilingRecorded(13.3)
        #expect(percentage.ceilingToRecord == nil)
        #expect(percentage.fold(raw: 13) == 13)
        #expect(percentage.fold(raw: 13.36) == 13.3)
        #expect(percentage.fold(raw: 40) == 13.3)
        #expect(percentage.ceilingToRecord == 41)
    }

    @Test("one decimal is shown, rounded down")
    func rounding() {
        var percentage = Percentage(published: 0, recordedCeiling: 99.9)
        #expect(percentage.fold(raw: 0.09) == 0)
        #expect(percentage.fold(raw: 66.99) == 66.9)
        #expect(percentage.fold(raw: 99.899) == 99.8)
    }

    @Test("it never goes down")
    func never() {
        var percentage = Percentage(published: 0, recordedCeiling: 99.9)
        #expect(percentage.fold(raw: 50) == 50)
        #expect(percentage.fold(raw: 20) == 50)
        #expect(percentage.fold(raw: -1) == 50)
        percentage.ceilingRecorded(10)
        #expect(percentage.recordedCeiling == 99.9)
    }

    @Test("it is 100 when complete, and only then")
    func complete() {
        var percentage = Percentage(published: 0, recordedCeiling: 100)
        #expect(percentage.fold(raw: 100) == 99.9)
        #expect(percentage.fold(raw: 1_000_000) == 99.9)
        #expect(percentage.ceilingToRecord == nil)
        percentage.complete()
        #expect(percentage.published == 100)
    }

    @Test("after the process ended the ceiling is the floor")
    func recovery() {
        var percentage = Percentage(recoveredFrom: 41)
        #expect(percentage.published == 41)
        #expect(percentage.fold(raw: 20) == 41)
        #expect(percentage.fold(raw: 41.5) == 41)
        #expect(percentage.ceilingToRecord == 42.5)
        percentage.ceilingRecorded(42.5)
        #expect(percentage.fold(raw: 41.5) == 41.5)
    }

    @Test("random work and random delays of the record keep every rule")
    func random() {
        for seed in UInt64(1)...200 {
            var random = SeededRandom(seed: seed)
            var percentage = Percentage()
            var onItsWay: Double?
            var last = 0.0
            for _ in 0..<200 {
                if let ceiling = onItsWay, random.oneIn(3) {
                    percentage.ceilingRecorded(ceiling)
                    onItsWay = nil
                    if random.oneIn(6) { percentage = Percentage(recoveredFrom: percentage.recordedCeiling) }
                }
                let raw = Double.random(in: -5...130, using: &random) * (random.oneIn(2) ? 0.1 : 1)
                let told = percentage.fold(raw: raw)
                #expect(told == percentage.published, "seed \(seed)")
                #expect(told >= last, "seed \(seed)")
                #expect(told <= percentage.recordedCeiling, "seed \(seed)")
                #expect(told <= Percentage.unfinishedMax, "seed \(seed)")
                if onItsWay == nil { onItsWay = percentage.ceilingToRecord }
                last = told
            }
        }
    }

    @Test("the ceiling on record is at most one point above what is told then")
    func onePoint() {
        for seed in UInt64(1)...100 {
            var random = SeededRandom(seed: seed)
            var percentage = Percentage()
            var raw = 0.0
            while raw < 100 {
                raw += Double.random(in: 0...(random.oneIn(5) ? 20 : 0.7), using: &random)
                _ = percentage.fold(raw: raw)
                guard let ceiling = percentage.ceilingToRecord else { continue }
                percentage.ceilingRecorded(ceiling)
                let told = percentage.fold(raw: raw)
                #expect(percentage.recordedCeiling <= told + 1.000_001, "seed \(seed), raw \(raw)")
                #expect(told <= raw, "seed \(seed), raw \(raw)")
            }
        }
    }
}
