import Testing

@testable import headway_load

@Suite("Latencies are counted in narrow buckets")
struct LatencyHistogramTests {
    @Test("nothing added, nothing told")
    func empty() {
        let histogram = LatencyHistogram()
        #expect(histogram.count == 0)
        #expect(histogram.percentile(0.5) == 0)
        #expect(histogram.largest == 0)
    }

    @Test("a percentile is within 1/256 of the true one, at every magnitude")
    func precision() {
        for magnitude in [Int64(1), 255, 256, 257, 1_000, 65_535, 1_000_000, 123_456_789, 60_000_000_000] {
            var histogram = LatencyHistogram()
            for _ in 0..<3 { histogram.add(magnitude) }
            // Without a larger one the answer would be cut to the truth.
            histogram.add(magnitude * 3)
            let told = histogram.percentile(0.5)
            #expect(abs(told - magnitude) * 256 <= magnitude, "\(magnitude) is told as \(told)")
        }
    }

    @Test("the percentiles of 1…1000 are its ranks")
    func ranks() {
        var histogram = LatencyHistogram()
        for value in (1...1000).reversed() { histogram.add(Int64(value)) }
        #expect(histogram.count == 1000)
        for (fraction, rank) in [(0.0, 1), (0.001, 1), (0.1, 100), (0.25, 250)] {
            #expect(histogram.percentile(fraction) == Int64(rank))
        }
        for (fraction, rank) in [(0.5, 500), (0.99, 990), (0.999, 999)] {
            #expect(abs(histogram.percentile(fraction) - Int64(rank)) <= rank / 256 + 1)
        }
        #expect(histogram.percentile(1) <= 1000)
        #expect(histogram.largest == 1000)
    }

    @Test("buckets follow one another without a hole: a larger value is never told as a smaller one")
    func order() {
        var last: Int64 = -1
        var value: Int64 = 1
        while value < 1 << 45 {
            for near in [value - 1, value, value + value / 3] {
                var histogram = LatencyHistogram()
                histogram.add(near)
                histogram.add(.max)
                let told = histogram.percentile(0.5)
                #expect(told >= last)
                last = told
            }
            value *= 2
        }
    }

    @Test("what is negative counts as 0, what is longer than any run as the longest")
    func bounds() {
        var histogram = LatencyHistogram()
        histogram.add(-5)
        histogram.add(.max)
        #expect(histogram.percentile(0.5) == 0)
        #expect(histogram.percentile(1) > 1 << 41)
    }
}
