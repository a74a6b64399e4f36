/// A document's name: a UUID, version 7 when Headway chooses it (RFC 9562 §5.7: 48 bits of time, 74 bits of chance).
package struct DocumentID: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let high: UInt64
    package let low: UInt64

    /// A new name: later ones sort after earlier ones to the millisecond, and the rest cannot be guessed.
    package init(unixMilliseconds: Int64, random: (UInt64, UInt64)) {
        high = UInt64(bitPattern: unixMilliseconds) << 16 | 0x7000 | random.0 & 0x0fff
        low = 0x8000_0000_0000_0000 | random.1 & 0x3fff_ffff_ffff_ffff
    }

    /// No document's: time began long before the first one.
    package static let nobody = DocumentID(unixMilliseconds: 0, random: (0, 0))

    /// `8-4-4-4-12` hexadecimal digits in either case, any version; nil for everything else.
    package init?(_ text: some StringProtocol) {
        var digits: (UInt64, UInt64) = (0, 0)
        var count = 0
        var position = 0
        for byte in text.utf8 {
            if position == 8 || position == 13 || position == 18 || position == 23 {
                guard byte == UInt8(ascii: "-") else { return nil }
            } else {
                let digit: UInt8
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
                case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
                case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
                default: return nil
                }
                if count < 16 {
                    digits.0 = digits.0 << 4 | UInt64(digit)
                } else {
                    digits.1 = digits.1 << 4 | UInt64(digit)
                }
                count += 1
            }
            position += 1
            if position > 36 { return nil }
        }
        guard position == 36, count == 32 else { return nil }
        (high, low) = digits
    }

    package var description: String {
        let hex = Array("0123456789abcdef".utf8)
        return unsafe String(unsafeUninitializedCapacity: 36) { buffer in
            var digit = 0
            for position in 0..<36 {
                if position == 8 || position == 13 || position == 18 || position == 23 {
                    unsafe buffer[position] = UInt8(ascii: "-")
                    continue
                }
                let word = digit < 16 ? high : low
                let shift = UInt64(60 - digit % 16 * 4)
                unsafe buffer[position] = hex[Int(word >> shift & 15)]
                digit += 1
            }
            return 36
        }
    }

    package static func < (left: DocumentID, right: DocumentID) -> Bool {
        left.high != right.high ? left.high < right.high : left.low < right.low
    }

    /// Which of `count` loops owns this document. The low bits are random in version 7 and in version 4.
    package func ownerIndex(of count: Int) -> Int { Int(low % UInt64(count)) }
}
