import Testing

@testable import Core

@Suite("The rates of documents that are finished")
struct RatesBookTests {
    static func kind(_ number: Int) -> RatesKind { RatesKind(pipeline: "document", contentType: "text/\(number)") }

    static func lesson(unitMilliseconds: Double? = 20, misses: [Double] = []) -> RunLesson {
        RunLesson(
            stages: [.init(unitMilliseconds: unitMilliseconds, begin: nil), .init(unitMilliseconds: nil, begin: 0.5)],
            leadMilliseconds: 40, tailMilliseconds: 12.5, byteMilliseconds: 0.002, misses: misses)
    }

    @Test("a mean follows what is new, and its variance tells how much the values differ")
    func runningEstimate() {
        var estimate = RunningEstimate()
        for value in [2.0, 4, 6] { estimate.take(value) }
        // The first few weigh the same: their plain mean and variance.
        #expect(abs(estimate.mean - 4) < 1e-9)
        #expect(abs(estimate.variance - 8.0 / 3) < 1e-9)
        for _ in 0..<100 { estimate.take(10) }
        #expect(abs(estimate.mean - 10) < 0.01)
        #expect(estimate.variance < 0.1)
    }

    @Test("nine truths in ten are within the reach, whatever the distribution", arguments: [1.0, 2, 3.5])
    func reach(scale: Double) {
        var random = SeededRandom(seed: 3)
        var rates = StageRates(stageCount: 2)
        var outside = 0
        for round in 0..<4000 {
            // Many small misses and a few large ones.
            let miss = scale * (random.oneIn(5) ? Double.random(in: 0...2, using: &random) : 0.3)
            if round >= 1000 && miss > rates.reach { outside += 1 }
            rates.take(Self.lesson(misses: [miss]))
        }
        #expect((0.05...0.15).contains(Double(outside) / 3000))
        #expect(StageRates.reachRange.contains(rates.reach))
    }

    @Test("the reach keeps its bounds", arguments: [(0.0, 0.8), (1e9, 5)])
    func reachBounds(miss: Double, bound: Double) {
        var rates = StageRates(stageCount: 2)
        for _ in 0..<1000 { rates.take(Self.lesson(misses: [miss])) }
        #expect(abs(rates.reach - bound) < 0.5)
        #expect(StageRates.reachRange.contains(rates.reach))
    }

    @Test("of two forecasts the surer one counts more, and a contradiction makes the result less sure")
    func weighed() {
        let sure = Likely(logarithm: 1, variance: 0.01)
        let unsure = Likely(logarithm: 2, variance: 1)
        #expect(abs(sure.weighed(with: unsure).logarithm - 1) < 0.02)
        let agreeing = sure.weighed(with: Likely(logarithm: 1, variance: 0.01))
        #expect(agreeing.variance == 0.005)
        #expect(sure.weighed(with: Likely(logarithm: 3, variance: 0.01)).variance > 0.4)
    }

    @Test("a book is read again as it was written")
    func roundTrip() throws {
        var book = RatesBook()
        for number in 0..<5 {
            for round in 1...4 {
                book.take(
                    Self.lesson(unitMilliseconds: Double(round * number) + 0.25, misses: [2]), of: Self.kind(number))
            }
        }
        let once = try #require(RatesBook(recorded: book.recorded))
        #expect(once.kinds.map(\.kind) == book.kinds.map(\.kind))
        let (written, read) = (book.kinds[3].rates, once.kinds[3].rates)
        #expect(abs(written.stages[0].unitCost.mean - read.stages[0].unitCost.mean) < 1e-6)
        #expect(abs(written.reach - read.reach) < 1e-6)
        #expect(RatesBook(recorded: once.recorded) == once)
    }

    @Test(
        "what is no book is not read",
        arguments: [
            "", "null", "{}", #"{"kinds":[{}]}"#, #"{"kinds":{}}"#, "\u{0}",
            #"{"kinds":[{"pipeline":"document","content_type":"a/b","reach":-1,"lead":{"count":0,"mean":0,"variance":0},"#
                + #""tail":{"count":0,"mean":0,"variance":0},"byte_cost":{"count":0,"mean":0,"variance":0},"stages":[]}]}"#,
        ])
    func damaged(text: String) {
        #expect(RatesBook(recorded: Array(text.utf8)) == nil)
    }

    @Test("a book cut off anywhere is not read")
    func cutOff() {
        var book = RatesBook()
        book.take(Self.lesson(), of: Self.kind(1))
        for count in 0..<book.recorded.count { #expect(RatesBook(recorded: Array(book.recorded[..<count])) == nil) }
    }

    @Test("the kind that was not met for longest is forgotten for one too many")
    func bound() {
        var book = RatesBook()
        for number in 0..<RatesBook.kindsMax { book.take(Self.lesson(), of: Self.kind(number)) }
        book.take(Self.lesson(), of: Self.kind(0))
        book.take(Self.lesson(), of: Self.kind(RatesBook.kindsMax))
        #expect(book.kinds.count == RatesBook.kindsMax)
        #expect(book.rates(of: Self.kind(0)) != nil)
        #expect(book.rates(of: Self.kind(1)) == nil)
    }

    @Test("what was learned since the start stays when the record is read")
    func goOn() {
        var older = RatesBook()
        for _ in 0..<9 { for number in [1, 2] { older.take(Self.lesson(), of: Self.kind(number)) } }
        var book = RatesBook()
        book.take(Self.lesson(), of: Self.kind(2))
        book.goOn(from: older)
        #expect(book.rates(of: Self.kind(1))?.leadMilliseconds.count == 9)
        #expect(book.rates(of: Self.kind(2))?.leadMilliseconds.count == 1)
    }

    @Test("a pipeline whose stages have changed is learned anew")
    func otherStages() {
        var book = RatesBook()
        for _ in 0..<3 { book.take(Self.lesson(), of: Self.kind(1)) }
        var shorter = Self.lesson()
        shorter.stages.removeLast()
        book.take(shorter, of: Self.kind(1))
        #expect(book.rates(of: Self.kind(1))?.stages.count == 1)
        #expect(book.rates(of: Self.kind(1))?.leadMilliseconds.count == 1)
    }
}
