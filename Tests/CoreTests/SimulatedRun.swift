@testable import Core

/// A run whose truth is known: stages of `total` units, each unit of a given cost, one stage behind the other.
struct SimulatedRun {
    /// Milliseconds of a unit, by stage and by the fraction of the stage that is done.
    var costs: [@Sendable (Double) -> Double]
    var total: Int64 = 400
    /// 0–1 of the stage before that is done when a stage begins.
    var begins: [Double] = [0, 0, 0]
    var leadMilliseconds = 100.0
    var tailMilliseconds = 50.0
    /// Units that become known together.
    var burst: Int64 = 1

    struct Sight {
        var moment: Moment
        var progress: [StageProgress]
        var truthSeconds: Double
    }

    /// What is seen of it every `milliseconds`, from its start to its end.
    func sights(everyMilliseconds milliseconds: Double = 50) -> (sights: [Sight], end: Moment) {
        // When each unit of each stage is done.
        var doneAt: [[Double]] = []
        for (stage, cost) in costs.enumerated() {
            var time = leadMilliseconds
            if stage > 0 {
                let needed = Int(begins[stage] * Double(total))
                time = needed > 0 ? doneAt[stage - 1][needed - 1] : leadMilliseconds
            }
            var times: [Double] = []
            for unit in 0..<Int(total) {
                time += cost(Double(unit) / Double(total))
                // A unit waits for the same one of the stage before.
                if stage > 0 { time = max(time, doneAt[stage - 1][unit]) }
                times.append(time)
            }
            doneAt.append(times)
        }
        let end = doneAt.compactMap(\.last).max()! + tailMilliseconds
        var sights: [Sight] = []
        var time = 0.0
        var done = costs.map { _ in 0 }
        while time < end {
            let progress = doneAt.indices.map { stage in
                while done[stage] < Int(total), doneAt[stage][done[stage]] <= time { done[stage] += 1 }
                var progress = StageProgress(name: "\(stage)", weight: 1)
                progress.total = total
                progress.isFinished = done[stage] == Int(total)
                progress.done = progress.isFinished ? total : Int64(done[stage]) / burst * burst
                return progress
            }
            sights.append(
                Sight(
                    moment: .start.advanced(byMilliseconds: Int64(time)), progress: progress,
                    truthSeconds: (end - time) / 1000))
            time += milliseconds
        }
        return (sights, .start.advanced(byMilliseconds: Int64(end)))
    }

    /// Plays it, and gives each sight with what is told then.
    @discardableResult
    func play(
        _ rates: StageRates?, everyMilliseconds milliseconds: Double = 50,
        _ body: (Sight, RemainingTime.Estimate?) -> Void = { _, _ in }
    ) -> RunLesson {
        let (sights, end) = sights(everyMilliseconds: milliseconds)
        var remaining = RemainingTime(stageCount: costs.count, rates: rates, at: .start)
        for sight in sights {
            remaining.observe(sight.progress, at: sight.moment)
            body(sight, remaining.estimate(at: sight.moment))
        }
        return remaining.lesson(bytes: 1_000_000, at: end)
    }

    static func even(_ milliseconds: Double) -> SimulatedRun {
        SimulatedRun(costs: Array(repeating: { _ in milliseconds }, count: 3))
    }

    /// Stages one after the other, as a command that reads all before it writes anything.
    static func oneByOne(_ milliseconds: [Double]) -> SimulatedRun {
        SimulatedRun(
            costs: milliseconds.map { cost in { _ in cost } }, total: 200,
            begins: [0] + milliseconds.dropFirst().map { _ in 1 })
    }
}

extension StageRates {
    /// What runs like these have taught.
    static func learned(from runs: [SimulatedRun]) -> StageRates {
        var rates = StageRates(stageCount: runs[0].costs.count)
        for run in runs { rates.take(run.play(rates)) }
        return rates
    }
}
