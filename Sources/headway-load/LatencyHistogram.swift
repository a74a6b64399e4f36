/// Latencies in nanoseconds, counted in buckets that are at most 1/128 of their value wide. Adding costs a few
/// instructions and no memory, so that every single delivery is counted and none is sampled.
///
/// Up to 255 ns a value has a bucket of its own. Above, a bucket is named by the value's highest eight bits and by how
/// many bits follow them.
package struct LatencyHistogram {
    /// 2⁴² ns are 73 minutes: longer than any run. What is longer is counted as this.
    private static let bitsMax = 42
    private static let significantBits = 8

    private var buckets = [UInt64](repeating: 0, count: (bitsMax - significantBits) << 7 + 256)
    package private(set) var count: UInt64 = 0
    package private(set) var largest: Int64 = 0

    package init() {}

    package mutating func add(_ nanoseconds: Int64) {
        let value = min(max(0, nanoseconds), 1 << Self.bitsMax - 1)
        buckets[Self.bucket(of: UInt64(value))] += 1
        count += 1
        if nanoseconds > largest { largest = nanoseconds }
    }

    /// The latency that `fraction` of all stay at or below: the middle of its bucket, never more than the largest
    /// seen; 0 when nothing was added.
    package func percentile(_ fraction: Double) -> Int64 {
        precondition((0...1).contains(fraction), "a percentile is a fraction of all")
        guard count > 0 else { return 0 }
        let rank = max(1, UInt64((fraction * Double(count)).rounded(.up)))
        var seen: UInt64 = 0
        for (index, bucket) in buckets.enumerated() {
            seen += bucket
            if seen >= rank { return min(Self.middle(of: index), largest) }
        }
        return largest
    }

    package func microseconds(_ fraction: Double) -> Double { Double(percentile(fraction)) / 1000 }

    private static func bucket(of value: UInt64) -> Int {
        guard value >= 1 << significantBits else { return Int(value) }
        let shift = UInt64.bitWidth - value.leadingZeroBitCount - significantBits
        // The highest of the eight bits is always set, so each shift adds 128 buckets to the first 256.
        return shift << 7 + Int(value >> UInt64(shift))
    }

    private static func middle(of bucket: Int) -> Int64 {
        guard bucket >= 1 << significantBits else { return Int64(bucket) }
        let shift = bucket >> 7 - 1
        return Int64(bucket - shift << 7) << Int64(shift) + Int64(1) << Int64(shift - 1)
    }
}
