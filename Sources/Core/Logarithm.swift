/// Logarithm and exponential of a `Double`. Core imports no mathematics library, and rates are compared by their ratio.
extension Double {
    private static let naturalLogarithmOfTwo = 0.693_147_180_559_945_3

    /// ln of a positive number, to about twelve digits: ln(m · 2ᵉ) = e · ln 2 + 2 · artanh((m − 1) / (m + 1)).
    var naturalLogarithm: Double {
        precondition(self > 0 && isFinite, "only a positive number has a logarithm")
        // A significand near 1 from either side, so that the series converges fast.
        let isLarge = significand > 1.5
        let mantissa = isLarge ? significand / 2 : significand
        let ratio = (mantissa - 1) / (mantissa + 1)
        let square = ratio * ratio
        var (power, sum) = (ratio, 0.0)
        for divisor in stride(from: 1.0, through: 21, by: 2) {
            sum += power / divisor
            power *= square
        }
        return Double(exponent + (isLarge ? 1 : 0)) * Self.naturalLogarithmOfTwo + 2 * sum
    }

    /// eˣ to about twelve digits, for x from −700 to 700; beyond them as at them.
    var exponential: Double {
        let bounded = Swift.min(700, Swift.max(-700, self))
        let doublings = (bounded / Self.naturalLogarithmOfTwo).rounded()
        let rest = bounded - doublings * Self.naturalLogarithmOfTwo
        var (term, sum) = (1.0, 1.0)
        for divisor in stride(from: 1.0, through: 13, by: 1) {
            term *= rest / divisor
            sum += term
        }
        return sum * Double(sign: .plus, exponent: Int(doublings), significand: 1)
    }
}
