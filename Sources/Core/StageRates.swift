import JSON

// Theory of operation
//
// What the server knows of a kind of document before it has seen anything of this one. A finished run is a lesson
// (`RunLesson`): how long a unit took in each stage, when a stage began, how long the run took to show its first unit
// and to end after its last, and how wrong its own estimates were. `StageRates` keeps a running mean of each.
// Costs are kept as logarithms: one document costs twice, another half of a third, and a mean of ratios is a ratio.
//
// The width of a range is learned too. An estimate carries a spread, which says how sure it is by its own lights; how
// many spreads cover the truth nine times out of ten is what finished runs teach: a truth outside moves `reach` up by
// nine steps, one inside down by one, so that it comes to rest where one in ten is outside, whatever the distribution.

/// A running mean and variance in which the newest values weigh most.
package struct RunningEstimate: Sendable, Equatable {
    /// What the newest of many values weighs.
    package static let newestShare = 0.1

    package internal(set) var count: Int64 = 0
    package internal(set) var mean = 0.0
    package internal(set) var variance = 0.0

    package init() {}

    package mutating func take(_ value: Double) {
        count += 1
        // The first few values weigh the same each.
        let share = max(Self.newestShare, 1 / Double(count))
        let difference = value - mean
        mean += share * difference
        variance = (1 - share) * (variance + share * difference * difference)
    }
}

/// What one finished run teaches; nil where it was too short to teach anything. Times are in milliseconds.
package struct RunLesson: Sendable, Equatable {
    package struct Stage: Sendable, Equatable {
        /// What a unit took.
        package var unitMilliseconds: Double?
        /// 0–1: how much of the stage before was done when this one had its first unit.
        package var begin: Double?

        package init(unitMilliseconds: Double?, begin: Double?) {
            self.unitMilliseconds = unitMilliseconds
            self.begin = begin
        }
    }

    package var stages: [Stage]
    /// From the start of the run to its first unit.
    package var leadMilliseconds: Double?
    /// From its last unit to its end.
    package var tailMilliseconds: Double?
    /// The whole run, by the bytes of the document. Of a run that went on from another, nil.
    package var byteMilliseconds: Double?
    /// How far the truth was from the estimates on the way, in spreads.
    package var misses: [Double]

    package init(
        stages: [Stage], leadMilliseconds: Double?, tailMilliseconds: Double?, byteMilliseconds: Double?,
        misses: [Double]
    ) {
        self.stages = stages
        self.leadMilliseconds = leadMilliseconds
        self.tailMilliseconds = tailMilliseconds
        self.byteMilliseconds = byteMilliseconds
        self.misses = misses
    }
}

/// What documents of one kind have cost so far.
package struct StageRates: Sendable, Equatable {
    package struct Stage: Sendable, Equatable {
        /// ln of the milliseconds a unit takes.
        package internal(set) var unitCost = RunningEstimate()
        package internal(set) var begin = RunningEstimate()
    }

    /// Fewer documents are no evidence.
    package static let documentsMin: Int64 = 3
    package static let reachFirst = 2.0
    package static let reachRange = 0.8...5.0
    /// Of so many truths, one may be outside.
    package static let outsideShare = 0.1
    /// How fast the reach follows, as a logarithm.
    static let reachStep = 0.08

    package internal(set) var stages: [Stage]
    package internal(set) var leadMilliseconds = RunningEstimate()
    package internal(set) var tailMilliseconds = RunningEstimate()
    /// ln of the milliseconds a byte of the document takes.
    package internal(set) var byteCost = RunningEstimate()
    /// How many spreads a range reaches to either side.
    package internal(set) var reach = Self.reachFirst

    package init(stageCount: Int) { stages = Array(repeating: Stage(), count: stageCount) }

    package mutating func take(_ lesson: RunLesson) {
        for (index, stage) in lesson.stages.enumerated() where index < stages.count {
            if let cost = stage.unitMilliseconds, cost > 0 { stages[index].unitCost.take(cost.naturalLogarithm) }
            if let begin = stage.begin { stages[index].begin.take(begin) }
        }
        if let lead = lesson.leadMilliseconds { leadMilliseconds.take(lead) }
        if let tail = lesson.tailMilliseconds { tailMilliseconds.take(tail) }
        if let cost = lesson.byteMilliseconds, cost > 0 { byteCost.take(cost.naturalLogarithm) }
        for miss in lesson.misses {
            let step = Self.reachStep * ((miss > reach ? 1 : 0) - Self.outsideShare)
            reach = min(Self.reachRange.upperBound, max(Self.reachRange.lowerBound, reach * step.exponential))
        }
    }

    /// A cost as the documents so far foretell it: few of them are sure of nothing.
    static func foretold(_ cost: RunningEstimate) -> Likely? {
        guard cost.count >= documentsMin else { return nil }
        let count = Double(cost.count)
        return Likely(logarithm: cost.mean, variance: max(0.04, cost.variance + 0.6 / (count * count)))
    }
}
