import Testing

@testable import Core

@Suite("Points in time")
struct MomentTests {
    @Test("both clocks go on together")
    func advance() {
        let later = Moment(monotonicMilliseconds: 5, unixMilliseconds: 1000).advanced(byMilliseconds: 7)
        #expect(later == Moment(monotonicMilliseconds: 12, unixMilliseconds: 1007))
    }
}
