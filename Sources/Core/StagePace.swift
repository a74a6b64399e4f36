/// How fast one stage of one run has gone so far: what a unit of it costs, in milliseconds.
///
/// Two costs are kept, over all that this run has done and over the last tenth of the whole. Their mean is the
/// estimate, and where they disagree it is less sure of itself. What had been done before the run's first news (pages
/// up to a checkpoint, most of all) is no work of this run and counts in neither.
struct StagePace: Sendable, Equatable {
    static let evidenceMilliseconds = 500.0
    static let evidenceShare = 0.01
    /// News that come closer together are taken as one.
    static let newsMilliseconds = 20.0
    /// The recent cost forgets half of the past in so much of the whole work, and in this time at least: several
    /// pages often come at once.
    static let recentShare = 0.1
    static let recentMilliseconds = 100.0
    /// The variance of a logarithm when all has been seen: twice the seen part halves it.
    static let varianceAtEnd = 0.003
    /// How exactly a rate is known at best, as the variance of its logarithm: a twentieth either way.
    static let varianceMin = 0.0025
    /// How exactly a moment is known: workers tell their progress now and then.
    static let momentMilliseconds = 40.0

    private(set) var begin: (milliseconds: Int64, done: Int64)?
    private(set) var latest: (milliseconds: Int64, done: Int64) = (0, 0)
    private var recentCost: Double?

    static func == (left: StagePace, right: StagePace) -> Bool {
        left.latest == right.latest && left.recentCost == right.recentCost
            && left.begin?.milliseconds == right.begin?.milliseconds && left.begin?.done == right.begin?.done
    }

    var hasBegun: Bool { begin != nil }
    var unitsSeen: Int64 { begin.map { latest.done - $0.done } ?? 0 }
    var millisecondsSeen: Double { begin.map { Double(latest.milliseconds - $0.milliseconds) } ?? 0 }

    /// 0 for a stage that has not begun: nothing of it is in hand.
    func millisecondsSinceLatest(at time: Int64) -> Double { hasBegun ? Double(time - latest.milliseconds) : 0 }

    /// Takes how many units are done; whether that is news. Fewer than before are none.
    mutating func observe(done: Int64, total: Int64?, at now: Moment) -> Bool {
        let time = now.monotonicMilliseconds
        guard begin != nil else {
            guard done > 0 else { return false }
            begin = (time, done)
            latest = (time, done)
            return true
        }
        let elapsed = Double(time - latest.milliseconds)
        guard done > latest.done, elapsed >= Self.newsMilliseconds else { return false }
        let units = Double(done - latest.done)
        let cost = elapsed / units
        if let recent = recentCost {
            let work = total.map { units / (Double(max(1, $0)) * Self.recentShare) } ?? 0
            let forgotten = min(work, elapsed / Self.recentMilliseconds)
            let kept = (-forgotten * 0.693).exponential
            recentCost = recent * kept + cost * (1 - kept)
        } else {
            recentCost = cost
        }
        latest = (time, done)
        return true
    }

    /// What a unit has cost over all that was seen, in milliseconds.
    var unitMilliseconds: Double? {
        unitsSeen > 0 && millisecondsSeen > 0 ? millisecondsSeen / Double(unitsSeen) : nil
    }

    /// The cost of a unit, and how sure that is; nil before anything was seen.
    func cost(total: Int64) -> Likely? {
        guard let whole = unitMilliseconds, let recentCost, recentCost > 0 else { return nil }
        let (wholeLogarithm, recentLogarithm) = (whole.naturalLogarithm, recentCost.naturalLogarithm)
        let seen = min(1, Double(unitsSeen) / Double(max(1, total)))
        let moment = Self.momentMilliseconds / millisecondsSeen
        // Where the cost changes it may change by as much again.
        let disagreement = wholeLogarithm - recentLogarithm
        return Likely(
            logarithm: (wholeLogarithm + recentLogarithm) / 2,
            variance: Self.varianceMin + Self.varianceAtEnd / seen + moment * moment
                + disagreement * disagreement)
    }

    /// Whether enough was seen to say anything by it alone.
    func isEvidence(total: Int64) -> Bool {
        millisecondsSeen >= Self.evidenceMilliseconds
            && Double(unitsSeen) >= Double(total) * Self.evidenceShare
    }
}
