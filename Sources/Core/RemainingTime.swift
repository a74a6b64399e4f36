// Theory of operation
//
// A forecast walks down the stages of the run. Each begins when the one before has come far enough, takes what its rest
// costs, and does not end before the one before:
//
//   extracting  ├────────────────────┤
//   chunking      ├────────────────────┤            the run ends after the last stage, and a moment later (tail)
//   embedding              ├──────────────────┤
//
// Stages that overlap are thus bound by the slowest, and stages that wait for each other add up. What a unit costs is
// foretold by documents of the kind that are finished (`StageRates`) and seen in this run (`StagePace`); each counts by
// how sure it is, so that the first pages of a long document lean on the others and its last ones on itself.
//
// Where ranges of pages are read side by side (`ReadingSideBySide`), the slowest bounds the reading. Text of later
// ranges waits, and the stages behind go no faster than the first range comes: what their units seem to cost says
// nothing. As long as they keep up with what they are given, they end with the reading, or as soon as what waits is
// through. How fast they go through that is seen when they do.
//
// There is no estimate without evidence: each unfinished stage has run for a while, or enough documents of the kind are
// known and were alike. Forecasts are made when there is news, and smoothed; between news the time runs down. Where
// news is overdue the estimate rests, its range grows, and at last it is withdrawn: it would only be a guess.
//
// While the bytes still come, their rest is the only stage, and behind it stands all the work on a document of so many.

/// How long a run will still take.
package struct RemainingTime: Sendable, Equatable {
    package struct Estimate: Sendable, Equatable {
        package var seconds: Double
        package var lowSeconds: Double
        package var highSeconds: Double
    }

    /// Overdue news withdraw the estimate after this long, and later where news were rare before: `overdueGaps` of
    /// their usual distance.
    package static let staleMilliseconds = 15_000.0
    static let overdueGaps = 10.0
    /// An end that is further off (ten years) is told as none: somebody claims more than can be done.
    package static let secondsMax = 10 * 365 * 86_400.0
    /// News are overdue after so many of their usual distances, and never sooner than `patienceMilliseconds`.
    static let patienceGaps = 2.0
    package static let patienceMilliseconds = 2000.0
    /// The range grows on its far side by so many times the silence.
    static let silenceGrowth = 2.0
    /// What is less sure is no evidence yet: the truth may well be half or twice as much.
    package static let spreadMax = 0.6
    /// How exactly the end is known at best.
    static let endMilliseconds = 50.0
    /// A stage keeps up that lacks no more than this share of the whole.
    static let keepingUpShare = 0.02
    /// A forecast follows the news within this share of what remains.
    static let smoothingShare = 0.03
    static let smoothingMillisecondsMin = 50.0
    /// A range never reaches beyond so much of the middle, as a logarithm: a factor of twenty.
    static let reachLogarithmMax = 3.0
    /// Where finished runs are asked how right they were.
    static let questionShares = [0.25, 0.5, 0.75]
    /// A truth nearer than this says nothing: it is within what is shown.
    static let questionMillisecondsMin = 200.0
    /// A run teaches what a unit costs when it took this long for so many of them, ...
    static let lessonMillisecondsMin = 150.0
    static let lessonUnitsMin: Int64 = 4
    /// ... and when its stages begin, with so many.
    static let lessonBeginUnitsMin: Int64 = 20

    /// When the run ends, in monotonic milliseconds, and the standard deviation of the rest's logarithm.
    private struct Forecast: Equatable {
        var endMilliseconds: Double
        var spread: Double
    }

    /// What was foretold when so much was done.
    private struct Question: Equatable {
        var askedMilliseconds: Int64
        var forecast: Forecast
    }

    private struct Stage: Equatable {
        var pace = StagePace()
        /// Units of the stage before that were done when this one had its first.
        var doneBefore: Int64 = 0
        /// The range of a reading side by side that it is in, and how fast it goes through that one.
        var range = 0
        var rangePace = StagePace()
    }

    private let rates: StageRates?
    /// How many spreads a range reaches.
    private let reach: Double
    /// What comes behind the stages, a unit of them; nil where nothing does.
    private let behind: Likely?
    private let startMilliseconds: Int64
    private var stages: [Stage]
    private var reading = ReadingSideBySide()
    private var forecast: Forecast?
    /// The first forecast that is surer than `spreadMax` is told, and then all of them.
    private var isTold = false
    private var forecastMilliseconds: Int64
    private var newsMilliseconds: Int64
    private var newsGap = 0.0
    private var finishedCount = 0
    private var questions: [Question] = []

    /// A run begins. Without rates it must speak for itself.
    package init(stageCount: Int, rates: StageRates?, at now: Moment) {
        let rates = rates?.stages.count == stageCount ? rates : nil
        self.init(stageCount: stageCount, rates: rates, reach: rates?.reach, behind: nil, at: now)
    }

    /// Bytes begin to come for a document of which such rates are known; nil where they do not tell what the work
    /// costs.
    package init?(uploadFor rates: StageRates?, at now: Moment) {
        guard let rates, let work = StageRates.foretold(rates.byteCost) else { return nil }
        self.init(stageCount: 1, rates: nil, reach: rates.reach, behind: work, at: now)
    }

    private init(stageCount: Int, rates: StageRates?, reach: Double?, behind: Likely?, at now: Moment) {
        self.rates = rates
        self.reach = reach ?? StageRates.reachFirst
        self.behind = behind
        stages = Array(repeating: Stage(), count: stageCount)
        startMilliseconds = now.monotonicMilliseconds
        forecastMilliseconds = startMilliseconds
        newsMilliseconds = startMilliseconds
    }

    // MARK: News

    /// Takes how far the stages are; `ranges` as in `WorkProgress`.
    package mutating func observe(
        _ progress: [StageProgress], ranges: [WorkProgress.Range] = [], at now: Moment
    ) {
        let time = now.monotonicMilliseconds
        var isNews = reading.observe(ranges, at: now)
        for index in stages.indices where index < progress.count {
            let stage = progress[index]
            let hadBegun = stages[index].pace.hasBegun
            if stages[index].pace.observe(done: stage.done, total: stage.total, at: now) { isNews = true }
            if !hadBegun && stages[index].pace.hasBegun && index > 0 {
                stages[index].doneBefore = progress[index - 1].done
            }
            if index > 0 && !reading.isEmpty { observeRange(of: index, stage.done, at: now) }
        }
        if isNews {
            newsGap += (Double(time - newsMilliseconds) - newsGap) * RunningEstimate.newestShare
            newsMilliseconds = time
        }
        let finished = progress.count(where: \.isFinished)
        guard isNews || finished != finishedCount || forecast == nil else { return }
        finishedCount = finished
        take(newForecast(progress, at: time), at: time)
        ask(progress, at: time)
    }

    private mutating func observeRange(of index: Int, _ done: Int64, at now: Moment) {
        let range = reading.range(after: done)
        if range != stages[index].range {
            stages[index].range = range
            stages[index].rangePace = StagePace()
        }
        _ = stages[index].rangePace.observe(done: done, total: reading.total, at: now)
    }

    private mutating func take(_ new: Forecast?, at time: Int64) {
        defer {
            forecastMilliseconds = time
            isTold = forecast.map { isTold || $0.spread <= Self.spreadMax } ?? false
        }
        guard let new, let old = forecast else { return forecast = new }
        let rest = new.endMilliseconds - Double(time)
        let pace = max(Self.smoothingMillisecondsMin, rest * Self.smoothingShare)
        let share = 1 - (-Double(time - forecastMilliseconds) / pace).exponential
        forecast = Forecast(
            endMilliseconds: old.endMilliseconds + (new.endMilliseconds - old.endMilliseconds) * share,
            spread: old.spread + (new.spread - old.spread) * share)
    }

    // MARK: Forecasting

    private func newForecast(_ progress: [StageProgress], at time: Int64) -> Forecast? {
        guard progress.count == stages.count else { return nil }
        var end = Likelihood()
        var begin = firstBegin(at: time)
        for (index, stage) in progress.enumerated() {
            if stage.isFinished {
                begin = Likelihood()
                continue
            }
            guard let total = stage.total else { return nil }
            if !reading.isEmpty {
                if let finish = sideBySide(index, progress, at: time) {
                    end = end.later(finish)
                    continue
                }
                // How fast all ranges go together says nothing of their end.
                if index == 0 { return nil }
            }
            guard let cost = cost(of: index, total: total) else { return nil }
            let start = stages[index].pace.hasBegun ? Likelihood() : begin
            // The unit in hand is part of the way.
            let inHand = stages[index].pace.millisecondsSinceLatest(at: time) / cost.milliseconds
            end = end.later(start.after(max(0, Double(total - stage.done) - min(1, inHand)), cost))
            guard index + 1 < stages.count, !stages[index + 1].pace.hasBegun, !progress[index + 1].isFinished else {
                continue
            }
            // Only documents that are finished can tell when a stage begins that has not.
            guard let share = begins(index + 1) else { return nil }
            begin = start.after(max(0, share * Double(total) - Double(stage.done)), cost)
        }
        end.milliseconds += max(0, rates?.tailMilliseconds.mean ?? 0)
        if let behind { end = end.after(Double(progress[0].total ?? 0), UnitCost(behind)) }
        let rest = max(end.milliseconds, Self.endMilliseconds)
        let exactness = Self.endMilliseconds / rest
        return Forecast(
            endMilliseconds: Double(time) + end.milliseconds,
            spread: (end.variance / (rest * rest) + exactness * exactness).squareRoot())
    }

    /// When a stage ends whose first is done side by side; nil where that has no part in it.
    private func sideBySide(_ index: Int, _ progress: [StageProgress], at time: Int64) -> Likelihood? {
        let foretold = foretold(0)
        guard index > 0 else { return reading.end(foretold: foretold, at: time) }
        let done = progress[index].done
        let given = index > 1 ? progress[index - 1].done : reading.given(to: done)
        let isBehind = Double(given - done) > max(2, Double(reading.total) * Self.keepingUpShare)
        guard isBehind else { return reading.endBehind(done, foretold: foretold, at: time) }
        // In the first range nothing waited: there they are slower than the reading.
        guard stages[index].range > 0, let waiting = reading.costBehind else { return nil }
        let seen = stages[index].rangePace.cost(total: reading.total)
        let cost = UnitCost(seen.map(waiting.weighed) ?? waiting)
        return Likelihood().after(Double(reading.total - done), cost)
    }

    private func firstBegin(at time: Int64) -> Likelihood {
        let lead = rates?.leadMilliseconds.mean ?? 0
        return Likelihood(
            milliseconds: max(0, lead - Double(time - startMilliseconds)),
            variance: rates?.leadMilliseconds.variance ?? 0)
    }

    private func begins(_ index: Int) -> Double? {
        guard let begin = rates?.stages[index].begin, begin.count > 0 else { return nil }
        return min(1, max(0, begin.mean))
    }

    private func foretold(_ index: Int) -> Likely? { rates.flatMap { StageRates.foretold($0.stages[index].unitCost) } }

    /// What a unit of a stage costs; nil while nothing is evidence of it.
    private func cost(of index: Int, total: Int64) -> UnitCost? {
        let pace = stages[index].pace
        return Likely.weighed(foretold: foretold(index), seen: pace.cost(total: total), pace.isEvidence(total: total))
            .map(UnitCost.init)
    }

    // MARK: Telling

    package func estimate(at now: Moment) -> Estimate? {
        guard let forecast, isTold else { return nil }
        let time = Double(now.monotonicMilliseconds)
        let silence = overdue(at: now)
        guard silence < Self.staleMilliseconds + Self.overdueGaps * newsGap else { return nil }
        let middle = max(0, forecast.endMilliseconds - (time - silence))
        let factor = min(Self.reachLogarithmMax, reach * forecast.spread).exponential
        // A tenth is shown; the range is rounded outwards.
        let low = (max(0, middle / factor - silence) / 100).rounded(.down) / 10
        let high = ((middle * factor + silence * Self.silenceGrowth) / 100).rounded(.up) / 10
        // Written so that what is no number is not told either.
        guard high <= Self.secondsMax else { return nil }
        return Estimate(
            seconds: min(high, max(low, (middle / 100).rounded() / 10)), lowSeconds: low, highSeconds: high)
    }

    /// For how long news have been overdue, in milliseconds; 0 while they are not.
    package func overdue(at now: Moment) -> Double {
        let silence = Double(now.monotonicMilliseconds - newsMilliseconds)
        return max(0, silence - max(Self.patienceMilliseconds, Self.patienceGaps * newsGap))
    }

    // MARK: Learning

    private mutating func ask(_ progress: [StageProgress], at time: Int64) {
        guard let forecast, isTold, questions.count < Self.questionShares.count, !stages.isEmpty else { return }
        let share = progress.reduce(1) { min($0, $1.fraction) }
        guard share >= Self.questionShares[questions.count] else { return }
        questions.append(Question(askedMilliseconds: time, forecast: forecast))
    }

    /// What this run teaches, which has come to its end. `bytes` is the document's length where the run did all of it.
    package func lesson(bytes: Int64?, at now: Moment) -> RunLesson {
        let end = Double(now.monotonicMilliseconds)
        let learned = stages.enumerated().map { index, stage in
            let pace = stage.pace
            let isLong = pace.unitsSeen >= Self.lessonUnitsMin && pace.millisecondsSeen >= Self.lessonMillisecondsMin
            let before = index > 0 ? stages[index - 1].pace.latest.done : 0
            let begin =
                pace.hasBegun && before >= Self.lessonBeginUnitsMin ? Double(stage.doneBefore) / Double(before) : nil
            let unit = index == 0 && !reading.isEmpty ? reading.unitMilliseconds : pace.unitMilliseconds
            return RunLesson.Stage(unitMilliseconds: isLong ? unit : nil, begin: begin)
        }
        let first = stages.first?.pace.begin.map { Double($0.milliseconds - startMilliseconds) }
        let last = stages.filter(\.pace.hasBegun).map(\.pace.latest.milliseconds).max()
        let misses = questions.compactMap { question -> Double? in
            let truth = end - Double(question.askedMilliseconds)
            guard truth >= Self.questionMillisecondsMin else { return nil }
            let told = max(1, question.forecast.endMilliseconds - Double(question.askedMilliseconds))
            return abs(told.naturalLogarithm - truth.naturalLogarithm) / max(question.forecast.spread, 0.01)
        }
        let whole = end - Double(startMilliseconds)
        return RunLesson(
            stages: learned, leadMilliseconds: first, tailMilliseconds: last.map { max(0, end - Double($0)) },
            byteMilliseconds: bytes.flatMap { $0 > 0 && whole > 0 ? whole / Double($0) : nil }, misses: misses)
    }
}
