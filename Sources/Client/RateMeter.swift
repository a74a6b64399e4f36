/// How fast a count grows, over the last seconds; nil until there is evidence.
package struct RateMeter: Equatable, Sendable {
    private struct Sample: Equatable, Sendable {
        var milliseconds: Int64
        var count: Int64
    }
    private var samples: [Sample] = []

    package static let windowMilliseconds: Int64 = 5000
    package static let evidenceMilliseconds: Int64 = 500
    package static let samplesMax = 32

    package init() {}

    /// A count that falls (another attempt, another unit) begins anew.
    package mutating func record(_ count: Int64, nowMilliseconds: Int64) {
        if let last = samples.last {
            if count < last.count || nowMilliseconds < last.milliseconds { samples = [] }
            // Samples closer than the window allows for replace the last: the list is bounded, the first stays.
            let spacing = Self.windowMilliseconds / Int64(Self.samplesMax - 1)
            if samples.count > 1, nowMilliseconds - samples[samples.count - 2].milliseconds < spacing {
                samples.removeLast()
            }
        }
        samples.append(Sample(milliseconds: nowMilliseconds, count: count))
        while samples.count > Self.samplesMax
            || samples.count > 2 && samples[1].milliseconds <= nowMilliseconds - Self.windowMilliseconds
        {
            samples.removeFirst()
        }
    }

    package mutating func reset() {
        samples = []
    }

    package var perSecond: Double? {
        guard let first = samples.first, let last = samples.last,
            last.milliseconds - first.milliseconds >= Self.evidenceMilliseconds, last.count > first.count
        else { return nil }
        return Double(last.count - first.count) * 1000 / Double(last.milliseconds - first.milliseconds)
    }
}
