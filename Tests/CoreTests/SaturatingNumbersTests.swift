import Testing

@testable import Core

@Suite("Whole numbers of any others")
struct SaturatingNumbersTests {
    @Test("what fits is rounded, what does not is the nearest that does, and what is no number is 0")
    func edges() {
        for (value, expected) in [
            (0, 0), (-0.4, 0), (0.5, 1), (-1.5, -2), (1e15, 1_000_000_000_000_000), (0x1p62, 1 << 62),
            (0x1p63, .max), (0x1p63.nextDown, 9_223_372_036_854_774_784), (-0x1p63, .min), (1e300, .max),
            (-1e300, .min), (.infinity, .max), (-.infinity, .min), (.nan, 0),
        ] as [(Double, Int64)] {
            #expect(Int64(saturating: value) == expected, "\(value)")
        }
    }
}
