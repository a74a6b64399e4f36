import Testing

@testable import Core

@Suite("The one percentage")
struct PercentageTests {
    @Test("it waits at the recorded ceiling, asks for one a point above what was told, and climbs as it is told")
    func ceiling() {
        var percentage = Percentage()
        #expect(percentage.fold(raw: 2.34) == 0)
        #expect(percentage.ceilingToRecord == 1)
        percentage.ceilingRecorded(1)
        #expect(percentage.fold(raw: 2.34) == 1)
        #expect(percentage.isHeldBack)
        // Nothing more before that is told.
        #expect(percentage.ceilingToRecord == nil)
        percentage.markTold()
        #expect(percentage.ceilingToRecord == 2)
        percentage.ceilingRecorded(2)
        _ = percentage.fold(raw: 2.34)
        percentage.markTold()
        #expect(percentage.ceilingToRecord == 3)
        percentage.ceilingRecorded(3)
        #expect(percentage.fold(raw: 2.34) == 2.3)
        #expect(!percentage.isHeldBack)
        percentage.markTold()
        #expect(percentage.ceilingToRecord == nil)
    }

    @Test("a step that is recorded before it is told carries the whole figure")
    func step() {
        var percentage = Percentage()
        _ = percentage.fold(raw: 20)
        #expect(percentage.ceilingOfRecord == 20)
        percentage.ceilingRecorded(20)
        #expect(percentage.fold(raw: 20) == 20)
        percentage.rest()
        #expect(percentage.ceilingOfRecord == 20)
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
        #expect(percentage.ceilingToRecord == 42)
        percentage.ceilingRecorded(42)
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
                    if random.oneIn(6) {
                        percentage = Percentage(recoveredFrom: percentage.recordedCeiling)
                        last = percentage.published
                    }
                }
                let raw = Double.random(in: -5...130, using: &random) * (random.oneIn(2) ? 0.1 : 1)
                let told = percentage.fold(raw: raw)
                #expect(told == percentage.published, "seed \(seed)")
                #expect(told >= last, "seed \(seed)")
                #expect(told <= percentage.recordedCeiling, "seed \(seed)")
                #expect(percentage.recordedCeiling <= last + 1.000_001, "seed \(seed)")
                #expect(told <= Percentage.unfinishedMax, "seed \(seed)")
                if random.oneIn(2) {
                    percentage.markTold()
                    last = told
                }
                if onItsWay == nil { onItsWay = percentage.ceilingToRecord }
            }
        }
    }

    @Test("however far the work is ahead, each commit lets it climb a point until it has caught up")
    func climbing() {
        var percentage = Percentage()
        var commits = 0
        _ = percentage.fold(raw: 75.55)
        while let ceiling = percentage.ceilingToRecord {
            percentage.ceilingRecorded(ceiling)
            let told = percentage.fold(raw: 75.55)
            #expect(ceiling <= told + 1)
            percentage.markTold()
            commits += 1
        }
        #expect(percentage.published == 75.5)
        #expect(commits == 76)
    }
}
