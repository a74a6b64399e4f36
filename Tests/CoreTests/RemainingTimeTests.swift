import Testing

@testable import Core

@Suite("The remaining time")
struct RemainingTimeTests {
    static let sightMilliseconds = 50.0

    @Test(
        "a steady rate gives the right figure within a tenth", arguments: [12, 150, 9000] as [Double],
        [20, 100, 1500] as [Double])
    func steady(unitMilliseconds: Double, every: Double) {
        SimulatedRun.even(unitMilliseconds).play(nil, everyMilliseconds: every) { sight, estimate in
            guard sight.progress[2].fraction > 0.3, sight.progress[2].fraction < 0.9 else { return }
            guard let estimate else { return #expect(Bool(false), "nothing is told of \(sight)") }
            let slack = sight.truthSeconds / 10 + every / 1000 + 0.1
            #expect(abs(estimate.seconds - sight.truthSeconds) <= slack)
            #expect(estimate.lowSeconds <= sight.truthSeconds + slack)
            #expect(estimate.highSeconds >= sight.truthSeconds - slack)
        }
    }

    struct Shape: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var run: SimulatedRun
        /// Of the states from a quarter on, in how many the truth is within the range.
        var coverageMin: Double
        /// In the middle of the way.
        var errorMax: Double

        init(_ name: String, coverageMin: Double, errorMax: Double, _ run: SimulatedRun) {
            testDescription = name
            self.run = run
            self.coverageMin = coverageMin
            self.errorMax = errorMax
        }
    }

    static func alike(_ cost: @escaping @Sendable (Double) -> Double) -> SimulatedRun {
        SimulatedRun(costs: [cost, cost, cost])
    }

    static let shapes = [
        Shape("constant", coverageMin: 0.99, errorMax: 0.05, alike { _ in 20 }),
        Shape("faster and faster", coverageMin: 0.9, errorMax: 0.25, alike { 24 - 8 * $0 }),
        Shape("slower and slower", coverageMin: 0.9, errorMax: 0.2, alike { 16 + 8 * $0 }),
        Shape("slow at the start", coverageMin: 0.9, errorMax: 0.2, alike { $0 < 0.02 ? 100 : 20 }),
        Shape("two kinds of pages in turn", coverageMin: 0.9, errorMax: 0.1, alike { Int($0 * 40) % 2 == 0 ? 10 : 40 }),
        Shape(
            "news of forty units together", coverageMin: 0.9, errorMax: 0.2,
            SimulatedRun(costs: Array(repeating: { _ in 20 }, count: 3), burst: 40)),
        Shape(
            "the last stage bounds", coverageMin: 0.99, errorMax: 0.05,
            SimulatedRun(costs: [{ _ in 5 }, { _ in 1 }, { _ in 30 }])),
        Shape(
            "the first stage bounds", coverageMin: 0.99, errorMax: 0.05,
            SimulatedRun(costs: [{ _ in 30 }, { _ in 1 }, { _ in 5 }])),
    ]

    @Test("whatever the shape of the work, the range holds the truth", arguments: shapes)
    func shape(_ shape: Shape) throws {
        var (asked, covered) = (0, 0)
        var error: Double?
        shape.run.play(nil, everyMilliseconds: Self.sightMilliseconds) { sight, estimate in
            let done = sight.progress[2].fraction
            guard done >= 0.25, let estimate else { return }
            asked += 1
            if estimate.lowSeconds <= sight.truthSeconds && sight.truthSeconds <= estimate.highSeconds { covered += 1 }
            if done >= 0.5 && error == nil { error = abs(estimate.seconds / sight.truthSeconds - 1) }
        }
        #expect(asked > 50)
        #expect(Double(covered) / Double(asked) >= shape.coverageMin)
        #expect(try #require(error) <= shape.errorMax)
    }

    // MARK: Evidence

    @Test("without rates there is no estimate before enough time and enough work are seen")
    func evidence() {
        SimulatedRun.even(200).play(nil) { sight, estimate in
            let seen = Double(sight.progress[2].done - 1)
            let begun = Moment.start.monotonicMilliseconds + 300
            let milliseconds = Double(sight.moment.monotonicMilliseconds - begun)
            guard milliseconds < StagePace.evidenceMilliseconds || seen < 400 * StagePace.evidenceShare else { return }
            #expect(estimate == nil)
        }
    }

    @Test("what other documents have cost is evidence from the first moment")
    func foretold() throws {
        let rates = StageRates.learned(from: Array(repeating: .even(20), count: 8))
        let (sights, _) = SimulatedRun.even(20).sights()
        var remaining = RemainingTime(stageCount: 3, rates: rates, at: .start)
        remaining.observe(sights[0].progress, at: .start)
        let estimate = try #require(remaining.estimate(at: .start))
        #expect(abs(estimate.seconds / sights[0].truthSeconds - 1) < 0.05)
    }

    @Test("a few documents, or such as differ too much, are no evidence")
    func unsure() {
        let few = StageRates.learned(from: Array(repeating: .even(20), count: Int(StageRates.documentsMin) - 1))
        let different = StageRates.learned(from: (0..<20).map { .even($0 % 2 == 0 ? 5 : 50) })
        for rates in [few, different] {
            var remaining = RemainingTime(stageCount: 3, rates: rates, at: .start)
            remaining.observe(SimulatedRun.even(20).sights().sights[0].progress, at: .start)
            #expect(remaining.estimate(at: .start) == nil)
        }
    }

    @Test("rates of a pipeline with other stages count for nothing")
    func otherStages() {
        let rates = StageRates.learned(from: Array(repeating: .oneByOne([10, 10]), count: 8))
        var remaining = RemainingTime(stageCount: 3, rates: rates, at: .start)
        remaining.observe(SimulatedRun.even(20).sights().sights[0].progress, at: .start)
        #expect(remaining.estimate(at: .start) == nil)
    }

    // MARK: Stages one after the other

    @Test("a stage that has not begun is known from documents that are finished, and from nothing else")
    func late() {
        let run = SimulatedRun.oneByOne([10, 15])
        run.play(nil) { sight, estimate in
            if !sight.progress[0].isFinished { #expect(estimate == nil) }
        }
        let rates = StageRates.learned(from: Array(repeating: run, count: 8))
        run.play(rates) { sight, estimate in
            guard let estimate else { return #expect(Bool(false), "nothing is told of \(sight)") }
            #expect(abs(estimate.seconds - sight.truthSeconds) <= sight.truthSeconds / 10 + 0.2)
        }
    }

    @Test("a document that is slower than the others is known to be soon")
    func slower() {
        let rates = StageRates.learned(from: (0..<12).map { .even(18 + Double($0 % 3)) })
        SimulatedRun.even(60).play(rates) { sight, estimate in
            guard let estimate, sight.progress[2].fraction > 0.4, sight.progress[2].fraction < 0.95 else { return }
            #expect(abs(estimate.seconds / sight.truthSeconds - 1) < 0.25)
        }
    }

    // MARK: Silence

    /// A steady run at its middle, and what it is told then.
    static func halfway() -> (RemainingTime, Moment) {
        var remaining = RemainingTime(stageCount: 3, rates: nil, at: .start)
        var now = Moment.start
        for sight in SimulatedRun.even(100).sights(everyMilliseconds: 100).sights
        where sight.progress[0].fraction < 0.5 {
            remaining.observe(sight.progress, at: sight.moment)
            now = sight.moment
        }
        return (remaining, now)
    }

    @Test("between news the time runs down")
    func runsDown() throws {
        let (remaining, now) = Self.halfway()
        let fresh = try #require(remaining.estimate(at: now))
        let later = try #require(remaining.estimate(at: now.advanced(byMilliseconds: 1500)))
        #expect(abs(fresh.seconds - later.seconds - 1.5) < 0.11)
    }

    @Test("where news is overdue the estimate rests, its range grows, and at last it is withdrawn")
    func overdue() throws {
        let (remaining, now) = Self.halfway()
        var before: RemainingTime.Estimate?
        for seconds in 3...16 {
            let estimate = try #require(remaining.estimate(at: now.advanced(byMilliseconds: Int64(seconds) * 1000)))
            if let before {
                #expect(estimate.seconds == before.seconds)
                #expect(estimate.lowSeconds < before.lowSeconds || estimate.lowSeconds == 0)
                #expect(estimate.highSeconds > before.highSeconds)
            }
            before = estimate
        }
        #expect(remaining.estimate(at: now.advanced(byMilliseconds: 25_000)) == nil)
    }

    @Test("news that were rare before are not overdue so soon")
    func rare() {
        var remaining = RemainingTime(stageCount: 3, rates: nil, at: .start)
        var now = Moment.start
        for sight in SimulatedRun.even(20_000).sights(everyMilliseconds: 1000).sights
        where sight.progress[0].fraction < 0.5 {
            remaining.observe(sight.progress, at: sight.moment)
            now = sight.moment
        }
        #expect(remaining.overdue(at: now.advanced(byMilliseconds: 20_000)) == 0)
        #expect(remaining.estimate(at: now.advanced(byMilliseconds: 60_000)) != nil)
    }

    @Test("progress that brings nothing new does not make the rest longer")
    func repeated() throws {
        var (remaining, now) = Self.halfway()
        let fresh = try #require(remaining.estimate(at: now))
        let last = try #require(
            SimulatedRun.even(100).sights(everyMilliseconds: 100).sights.last {
                $0.progress[0].fraction < 0.5
            })
        for _ in 0..<15 {
            now = now.advanced(byMilliseconds: 100)
            remaining.observe(last.progress, at: now)
        }
        let later = try #require(remaining.estimate(at: now))
        #expect(abs(fresh.seconds - later.seconds - 1.5) < 0.11)
    }

    @Test("a run that has passed its estimate says 0, never less")
    func passed() throws {
        var remaining = RemainingTime(stageCount: 3, rates: nil, at: .start)
        var now = Moment.start
        for sight in SimulatedRun.even(10).sights().sights where sight.progress[2].fraction < 0.9 {
            remaining.observe(sight.progress, at: sight.moment)
            now = sight.moment
        }
        let estimate = try #require(remaining.estimate(at: now.advanced(byMilliseconds: 1900)))
        #expect(estimate.seconds == 0)
        #expect(estimate.lowSeconds == 0)
    }

    // MARK: Always

    @Test("work that was done before the run is no rate of this run")
    func resumed() throws {
        var remaining = RemainingTime(stageCount: 3, rates: nil, at: .start)
        let run = SimulatedRun.even(100)
        let (sights, end) = run.sights()
        // The first half was done by a run that came to a bad end.
        let begin = try #require(sights.first { $0.progress[2].fraction >= 0.5 })
        for sight in sights where sight.progress[2].fraction >= 0.5 {
            let passed = sight.moment.monotonicMilliseconds - begin.moment.monotonicMilliseconds
            let now = Moment.start.advanced(byMilliseconds: passed)
            remaining.observe(sight.progress, at: now)
            guard passed > 3000, sight.progress[2].fraction < 0.98 else { continue }
            let estimate = try #require(remaining.estimate(at: now))
            #expect(abs(estimate.seconds / sight.truthSeconds - 1) < 0.15)
        }
        #expect(end != .start)
    }

    @Test("low ≤ estimate ≤ high, none below 0, at any rate", arguments: UInt64(1)...100)
    func ordered(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let rates = random.oneIn(2) ? StageRates.learned(from: (0..<5).map { _ in .oneByOne([3, 4, 5]) }) : nil
        var remaining = RemainingTime(stageCount: 3, rates: rates, at: .start)
        var stages = (0..<3).map { StageProgress(name: "\($0)", weight: 1) }
        var now = Moment.start
        for _ in 0..<200 {
            for index in stages.indices {
                stages[index].done += .random(in: 0...(random.oneIn(4) ? 200 : 10), using: &random)
                stages[index].total = random.oneIn(20) ? nil : 2000
                if random.oneIn(100) { stages[index].isFinished = true }
            }
            remaining.observe(stages, at: now)
            let asked = now.advanced(byMilliseconds: .random(in: 0...20_000, using: &random))
            if let estimate = remaining.estimate(at: asked) {
                #expect(estimate.lowSeconds >= 0)
                #expect(estimate.lowSeconds <= estimate.seconds)
                #expect(estimate.seconds <= estimate.highSeconds)
                #expect(estimate.highSeconds.isFinite)
            }
            now = now.advanced(byMilliseconds: .random(in: 0...4000, using: &random))
        }
    }

    @Test("the end that is told does not jump: pages of any cost move it by little")
    func calm() {
        var random = SeededRandom(seed: 11)
        let costs = (0..<400).map { _ in Double.random(in: 20...180, using: &random) }
        let cost: @Sendable (Double) -> Double = { costs[min(399, Int($0 * 400))] }
        var before: Double?
        SimulatedRun(costs: [cost, cost, cost]).play(nil) { sight, estimate in
            guard let estimate, sight.progress[2].fraction > 0.1, sight.truthSeconds > 2 else { return }
            let end = Double(sight.moment.monotonicMilliseconds) / 1000 + estimate.seconds
            if let before { #expect(abs(end - before) <= 0.05 * sight.truthSeconds + 0.2) }
            before = end
        }
        #expect(before != nil)
    }

    @Test("a jump of the wall clock changes nothing")
    func wallClock() {
        var steady = RemainingTime(stageCount: 3, rates: nil, at: .start)
        var jumping = steady
        var random = SeededRandom(seed: 7)
        for sight in SimulatedRun.even(50).sights().sights {
            var jumped = sight.moment
            jumped.unixMilliseconds = .random(in: 0...4_000_000_000_000, using: &random)
            steady.observe(sight.progress, at: sight.moment)
            jumping.observe(sight.progress, at: jumped)
            #expect(steady.estimate(at: sight.moment) == jumping.estimate(at: jumped))
        }
        #expect(steady == jumping)
    }

    // MARK: Ranges side by side

    /// Two processes read `pages` at so many milliseconds each, and stages behind that take no time get one range after
    /// the other.
    private static func sideBySide(
        _ pages: [Int64], _ unitMilliseconds: [Int64], at milliseconds: Int64
    ) -> (stages: [StageProgress], ranges: [WorkProgress.Range]) {
        let done = zip(pages, unitMilliseconds).map { min($0, milliseconds / $1) }
        let total = pages.reduce(0, +)
        let given = done[0] < pages[0] ? done[0] : done[0] + done[1]
        let stages = [done[0] + done[1], given, given].map { done in
            var stage = StageProgress(name: "stage", weight: 1)
            (stage.done, stage.total) = (done, total)
            return stage
        }
        let ranges = pages.indices.map { index in
            WorkProgress.Range(
                before: index == 0 ? 0 : pages[0], done: done[index], total: pages[index], isStarted: true,
                isFinished: done[index] == pages[index])
        }
        return (stages, ranges)
    }

    @Test(
        "the range that ends last tells when all is read, whichever it is",
        arguments: [[12, 8], [3, 8], [8, 8], [16, 4]] as [[Int64]])
    func ranges(unitMilliseconds: [Int64]) throws {
        let pages: [Int64] = [800, 1200]
        let end = zip(pages, unitMilliseconds).map { $0 * $1 }.max()!
        var remaining = RemainingTime(stageCount: 3, rates: nil, at: .start)
        for milliseconds in stride(from: Int64(0), through: end * 8 / 10, by: 50) {
            let (stages, ranges) = Self.sideBySide(pages, unitMilliseconds, at: milliseconds)
            let now = Moment.start.advanced(byMilliseconds: milliseconds)
            remaining.observe(stages, ranges: ranges, at: now)
            guard milliseconds >= end / 5 else { continue }
            let estimate = try #require(remaining.estimate(at: now))
            let truth = Double(end - milliseconds) / 1000
            // What waits behind the first range takes its time, which is nothing here.
            let waiting = Double(pages[1] * unitMilliseconds.max()! * PageRange.workerPercent) / 100_000
            #expect(estimate.seconds >= truth * 0.85, "\(estimate) at \(milliseconds)")
            #expect(estimate.seconds <= truth * 1.15 + waiting, "\(estimate) at \(milliseconds)")
        }
    }

    @Test("a document that is read by several teaches what a unit costs one of them")
    func lessonOfRanges() throws {
        var remaining = RemainingTime(stageCount: 3, rates: nil, at: .start)
        for milliseconds in stride(from: Int64(0), through: 8000, by: 50) {
            let (stages, ranges) = Self.sideBySide([1000, 1000], [8, 8], at: milliseconds)
            remaining.observe(stages, ranges: ranges, at: .start.advanced(byMilliseconds: milliseconds))
        }
        let lesson = remaining.lesson(bytes: 1, at: .start.advanced(byMilliseconds: 8000))
        #expect(abs(try #require(lesson.stages[0].unitMilliseconds) - 8) < 0.5)
    }

    @Test("a range that waits for a process begins when one is free")
    func waitingRange() throws {
        var remaining = RemainingTime(stageCount: 3, rates: nil, at: .start)
        var estimate: RemainingTime.Estimate?
        for milliseconds in stride(from: Int64(0), through: 3000, by: 50) {
            var (stages, ranges) = Self.sideBySide([800, 1200], [5, 5], at: milliseconds)
            (ranges[1].done, ranges[1].isStarted) = (0, false)
            stages[0].done = ranges[0].done
            let now = Moment.start.advanced(byMilliseconds: milliseconds)
            remaining.observe(stages, ranges: ranges, at: now)
            estimate = remaining.estimate(at: now)
        }
        #expect(abs(try #require(estimate).seconds - 7) < 0.8)
    }
}
