import Glibc
import Testing

@testable import Core

@Suite("Logarithm and exponential")
struct LogarithmTests {
    @Test("both agree with the C library", arguments: UInt64(1)...20)
    func agree(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        for _ in 0..<200 {
            let exponent = Double.random(in: -600...600, using: &random)
            let power = Glibc.exp(exponent)
            #expect(abs(exponent.exponential / power - 1) < 1e-11)
            #expect(abs(power.naturalLogarithm - exponent) < 1e-9)
        }
        #expect(1.0.naturalLogarithm == 0)
        #expect(0.0.exponential == 1)
    }

    @Test("an exponent beyond the bounds gives a number all the same", arguments: [-1e9, 1e9])
    func bounded(exponent: Double) {
        #expect(exponent.exponential.isFinite)
        #expect(exponent.exponential > 0)
    }
}
