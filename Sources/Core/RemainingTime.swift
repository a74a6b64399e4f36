/// How long the rest will take, from measured rates.
///
/// Work is 0–1 of what the pipeline has to do. Two rates are kept: over the whole run, and over the last few seconds
/// (exponential decay). Their mean gives the estimate, their disagreement the range; a steady run has a narrow one.
/// There is no estimate before `evidenceMilliseconds` of work and `evidenceWork` of it have been seen.
package struct RemainingTime: Sendable, Equatable {
    package struct Estimate: Sendable, Equatable {
        package var seconds: Double
        package var lowSeconds: Double
        package var highSeconds: Double
    }

    package static let evidenceMilliseconds: Int64 = 500
    package static let evidenceWork = 0.01
    package static let decayMilliseconds = 4000.0
    /// Without news for this long the estimate is withdrawn: it would only be a guess.
    package static let staleMilliseconds: Int64 = 15_000

    private var startMilliseconds: Int64?
    private var startWork = 0.0
    private var lastMilliseconds: Int64 = 0
    private var lastWork = 0.0
    private var recentRate: Double?

    package init() {}

    package mutating func restart() { self = RemainingTime() }

    /// Takes how much of the work is done. Less than before is ignored.
    package mutating func observe(work: Double, at now: Moment) {
        let time = now.monotonicMilliseconds
        guard startMilliseconds != nil else {
            startMilliseconds = time
            startWork = work
            lastMilliseconds = time
            lastWork = work
            return
        }
        let elapsed = Double(time - lastMilliseconds)
        guard work > lastWork, elapsed >= 20 else { return }
        let rate = (work - lastWork) / elapsed
        if let recent = recentRate {
            // Weight by how much time the new measurement covers, so that many small ones equal one large one.
            let keep = Self.decay(elapsed)
            recentRate = recent * keep + rate * (1 - keep)
        } else {
            recentRate = rate
        }
        lastMilliseconds = time
        lastWork = work
    }

    package func estimate(at now: Moment) -> Estimate? {
        guard let startMilliseconds, let recentRate, recentRate > 0 else { return nil }
        let time = now.monotonicMilliseconds
        let elapsed = Double(lastMilliseconds - startMilliseconds)
        guard elapsed >= Double(Self.evidenceMilliseconds), lastWork - startWork >= Self.evidenceWork,
            time - lastMilliseconds < Self.staleMilliseconds
        else { return nil }
        let wholeRate = (lastWork - startWork) / elapsed
        let rest = max(0, 1 - lastWork)
        let sinceNews = Double(time - lastMilliseconds)
        let (fast, slow) = (max(wholeRate, recentRate), min(wholeRate, recentRate))
        let middle = rest / ((wholeRate + recentRate) / 2)
        // A tenth either way at least: rates measured to the page are no better than that.
        let low = min(rest / fast, middle * 0.9)
        let high = max(rest / slow, middle * 1.1)
        func seconds(_ milliseconds: Double) -> Double { max(0, ((milliseconds - sinceNews) / 100).rounded() / 10) }
        return Estimate(seconds: seconds(middle), lowSeconds: seconds(low), highSeconds: seconds(high))
    }

    /// 2^(-elapsed/decay) by a quotient that needs no mathematics library and agrees to a few per cent.
    private static func decay(_ elapsed: Double) -> Double {
        let x = elapsed / decayMilliseconds * 0.693
        return 1 / (1 + x + x * x / 2 + x * x * x / 6)
    }
}
