import Testing

@testable import Client

@Suite struct StageBarTests {
    private func bar(_ fractions: [Double], columns: Int, style: LineStyle = plainStyle) -> String {
        let weights = [20, 50, 5, 25]
        return StageBar.text(
            zip(weights, fractions).map { .init(weight: $0, fraction: $1) }, columns: columns, style: style)
    }

    @Test("segments share the bar by weight and fill by themselves")
    func fills() {
        #expect(bar([1, 0.5, 0, 0.25], columns: 23) == "████ ████▌░░░░ ░░ █▎░░░")
        #expect(bar([1, 1, 1, 1], columns: 23) == "████ █████████ ██ █████")
        #expect(bar([0, 0, 0, 0], columns: 23) == "░░░░ ░░░░░░░░░ ░░ ░░░░░")
    }

    @Test("without UTF-8 the bar is ASCII and as wide")
    func ascii() {
        #expect(bar([1, 0.5, 0, 0.25], columns: 23, style: asciiStyle) == "[####|####----|--|#---]")
    }

    @Test("a bar is always as wide as asked, for any fraction, also those that lie")
    func width() {
        for columns in 3...60 {
            for fraction in [-1, 0, 0.001, 0.33, 0.5, 0.999, 1, 7] {
                for style in [plainStyle, asciiStyle, colorStyle] {
                    let text = bar([1, fraction, fraction, fraction], columns: columns, style: style)
                    #expect(FramePainter.visibleWidth(text) == columns)
                }
            }
        }
    }

    @Test("a segment looks full only when it is")
    func neverEarly() {
        #expect(!bar([1, 1, 1, 0.9999], columns: 23).hasSuffix("█"))
        #expect(bar([1, 1, 1, 0.9999], columns: 23).hasSuffix("▉"))
    }

    @Test("shares are at least one cell and add up")
    func shares() {
        for room in 4...80 {
            let shares = StageBar.shares(of: room, weights: [20, 50, 5, 25])
            #expect(shares.reduce(0, +) == room)
            #expect(shares.allSatisfy { $0 >= 1 })
        }
        #expect(StageBar.shares(of: 5, weights: [0, 0]).reduce(0, +) == 5)
    }
}
