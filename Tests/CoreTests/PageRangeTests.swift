import Testing

@testable import Core

@Suite("Ranges of pages")
struct PageRangeTests {
    @Test(
        "a document that is short, of unknown length, or read by one core alone has one range to its end",
        arguments: [
            (nil as Int64?, 4), (0, 4), (-5, 4), (999, 4), (5000, 1), (5000, 0),
        ])
    func one(total: Int64?, cores: Int) {
        #expect(PageRange.plan(total: total, bytes: 1 << 30, done: 0, cores: cores) == [PageRange(first: 1, last: nil)])
    }

    @Test("ranges lie one behind the other, none is short, and the last has no end")
    func many() {
        for total in [Int64(1000), 1001, 2400, 9999, 1_000_000] {
            for done in [Int64(0), 1, 500] where total - done >= 1000 {
                for cores in 2...5 {
                    let ranges = PageRange.plan(total: total, bytes: 1 << 30, done: done, cores: cores)
                    #expect(ranges.count > 1 && ranges.count <= cores)
                    #expect(ranges.first?.first == done + 1)
                    #expect(ranges.last?.last == nil)
                    for (range, next) in zip(ranges, ranges.dropFirst()) {
                        #expect(range.last == next.first - 1)
                        #expect(next.first - range.first >= PageRange.pagesMin)
                    }
                }
            }
        }
    }

    @Test("a number of pages that the document has no room for is not believed")
    func lie() {
        #expect(PageRange.plan(total: 2_147_483_647, bytes: 2 << 20, done: 0, cores: 4).count == 1)
        #expect(PageRange.plan(total: 65_536, bytes: 2 << 20, done: 0, cores: 4).count == 4)
    }

    @Test("what is done already is not read again")
    func resumed() {
        #expect(PageRange.plan(total: 1200, bytes: 1 << 20, done: 700, cores: 4) == [PageRange(first: 701, last: nil)])
        #expect(PageRange.plan(total: 10, bytes: 1 << 20, done: 10, cores: 1) == [PageRange(first: 11, last: nil)])
    }
}
