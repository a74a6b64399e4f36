/// Ranges of a document's pages that are read side by side, each by a process of its own: how fast each goes, and when
/// all are read.
///
/// Each range has its own kind of pages and its own pace, and the last to end bounds the reading; how fast all go
/// together says when the work of two would end that share it, and they do not. A cost here is that of one process: a
/// document that is read by several teaches the same as one that is read by one.
struct ReadingSideBySide: Sendable, Equatable {
    /// What a range costs is a guess from its neighbours at first, wrong by a third.
    static let neighbourVariance = 0.1
    /// How long the stages behind take for text that waits is as unsure.
    static let behindVariance = 0.1
    /// Text that waits in a file is looked at ten times a second: what a range has done meanwhile is counted in.
    static let newsMilliseconds = 150.0

    private var ranges: [WorkProgress.Range] = []
    private var paces: [StagePace] = []

    var isEmpty: Bool { ranges.isEmpty }
    /// Units before the end of the last range.
    var total: Int64 { ranges.last.map { $0.before + $0.total } ?? 0 }

    /// Whether any range went on. Ranges stay what they were when the run began.
    mutating func observe(_ claimed: [WorkProgress.Range], at now: Moment) -> Bool {
        guard claimed.count > 1, ranges.isEmpty || claimed.count == ranges.count else { return false }
        if ranges.isEmpty { paces = Array(repeating: StagePace(), count: claimed.count) }
        ranges = claimed.map { range in
            var range = range
            range.before = StageProgress.believed(range.before)
            range.done = StageProgress.believed(range.done)
            range.total = max(range.done, StageProgress.believed(range.total))
            return range
        }
        var isNews = false
        for (index, range) in ranges.enumerated() {
            if paces[index].observe(done: range.done, total: range.total, at: now) { isNews = true }
        }
        return isNews
    }

    /// What a unit took over all that was seen, for one process.
    var unitMilliseconds: Double? {
        let units = paces.reduce(0) { $0 + $1.unitsSeen }
        let milliseconds = paces.reduce(0) { $0 + $1.millisecondsSeen }
        return units > 0 && milliseconds > 0 ? milliseconds / Double(units) : nil
    }

    // MARK: The reading

    /// When the last range is read; nil while nothing is evidence of it.
    func end(foretold: Likely?, at time: Int64) -> Likelihood? {
        ends(foretold: foretold, at: time)?.reduce(Likelihood()) { $0.later($1) }
    }

    private func ends(foretold: Likely?, at time: Int64) -> [Likelihood]? {
        var ends: [Likelihood] = []
        // When a process is free for the next range that waits for one.
        var free: [Likelihood] = []
        for (index, range) in ranges.enumerated() {
            guard !range.isFinished else {
                ends.append(Likelihood())
                continue
            }
            guard let cost = cost(of: index, foretold: foretold) else { return nil }
            var begin = Likelihood()
            if !range.isStarted, let first = free.indices.min(by: { free[$0].milliseconds < free[$1].milliseconds }) {
                begin = free.remove(at: first)
            }
            var end = begin.after(Double(range.total - range.done), cost)
            end.milliseconds -= min(
                end.milliseconds, Self.newsMilliseconds, paces[index].millisecondsSinceLatest(at: time))
            ends.append(end)
            free.append(end)
        }
        return ends
    }

    /// What a page of a range takes: its own pace, as soon as there is any, beside what others foretell.
    private func cost(of index: Int, foretold: Likely?) -> UnitCost? {
        var likely = foretold
        for (other, pace) in paces.enumerated() {
            let total = ranges[other].total
            guard var seen = pace.cost(total: total), pace.isEvidence(total: total) || other == index && likely != nil
            else { continue }
            if other != index { seen.variance += Self.neighbourVariance }
            likely = likely?.weighed(with: seen) ?? seen
        }
        return likely.map(UnitCost.init)
    }

    // MARK: The stages behind

    /// The range that a stage is in which has done so many units.
    func range(after done: Int64) -> Int {
        ranges.firstIndex { done < $0.before + $0.total } ?? max(0, ranges.count - 1)
    }

    /// Units that a stage can have had which has done so many: those before its range, and what is read of that.
    func given(to done: Int64) -> Int64 {
        let range = ranges[range(after: done)]
        return range.before + range.done
    }

    /// What the stages behind take for a page that waits for them.
    var costBehind: Likely? {
        unitMilliseconds.map { milliseconds in
            Likely(
                logarithm: (milliseconds * Double(PageRange.workerPercent) / 100).naturalLogarithm,
                variance: Self.behindVariance)
        }
    }

    /// When a stage ends that has all it can have: when its range is read, and what waits behind that is through.
    func endBehind(_ done: Int64, foretold: Likely?, at time: Int64) -> Likelihood? {
        let index = range(after: done)
        guard let ends = ends(foretold: foretold, at: time) else { return nil }
        let waiting = Double(total - ranges[index].before - ranges[index].total)
        guard waiting > 0, let cost = costBehind else { return ends[index] }
        return ends[index].after(waiting, UnitCost(cost))
    }
}
