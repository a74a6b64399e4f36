/// Base 64 with its standard alphabet and padding (RFC 4648 §4).
package enum Base64 {
    package static func encode(_ octets: [UInt8]) -> String {
        var output: [UInt8] = []
        output.reserveCapacity((octets.count + 2) / 3 * 4)
        for start in stride(from: 0, to: octets.count, by: 3) {
            let count = min(3, octets.count - start)
            var bits: UInt32 = 0
            for index in 0..<3 { bits = bits << 8 | (index < count ? UInt32(octets[start + index]) : 0) }
            for index in 0..<4 {
                output.append(index <= count ? digit(UInt8(bits >> UInt32(18 - 6 * index) & 0x3F)) : ASCII.equals)
            }
        }
        return String(decoding: output, as: UTF8.self)
    }

    /// Nil for anything that `encode` would not have written: other characters, missing padding, bits set behind the
    /// end (RFC 4648 §3.5), so that every value has one spelling.
    package static func decode(_ text: some StringProtocol) -> [UInt8]? {
        let input = Array(text.utf8)
        guard input.count % 4 == 0 else { return nil }
        let padding = input.suffix(2).reversed().prefix { $0 == ASCII.equals }.count
        let digits = input.dropLast(padding)
        var output: [UInt8] = []
        output.reserveCapacity(input.count / 4 * 3)
        var (bits, bitCount): (UInt32, UInt32) = (0, 0)
        for character in digits {
            guard let value = value(of: character) else { return nil }
            bits = bits << 6 | UInt32(value)
            bitCount += 6
            if bitCount >= 8 {
                bitCount -= 8
                output.append(UInt8(truncatingIfNeeded: bits >> bitCount))
            }
        }
        guard bits & (1 << bitCount - 1) == 0 else { return nil }
        return output
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        switch value {
        case 0..<26: 0x41 + value
        case 26..<52: 0x61 + value - 26
        case 52..<62: 0x30 + value - 52
        case 62: ASCII.plus
        default: ASCII.slash
        }
    }

    private static func value(of digit: UInt8) -> UInt8? {
        switch digit {
        case 0x41...0x5A: digit - 0x41
        case 0x61...0x7A: digit - 0x61 + 26
        case 0x30...0x39: digit - 0x30 + 52
        case ASCII.plus: 62
        case ASCII.slash: 63
        default: nil
        }
    }
}
