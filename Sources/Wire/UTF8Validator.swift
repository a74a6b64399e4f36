/// Checks UTF-8 that arrives in pieces, cut anywhere, and says no at the first octet that cannot be part of it
/// (RFC 3629 §4: no overlong forms, no surrogates, nothing beyond U+10FFFF).
struct UTF8Validator {
    /// Continuation octets that a begun character still needs, and what the next of them must lie in.
    private var needed = 0
    private var range: ClosedRange<UInt8> = 0x80...0xBF

    /// No character is left unfinished.
    var isComplete: Bool { needed == 0 }

    /// False at the first wrong octet; the validator is of no use after that.
    mutating func accept(_ input: Span<UInt8>) -> Bool {
        var index = 0
        while index < input.count {
            if needed == 0 {
                index = Self.endOfASCII(input, from: index)
                guard index < input.count else { return true }
                guard begin(input[index]) else { return false }
            } else {
                guard range.contains(input[index]) else { return false }
                needed -= 1
                range = 0x80...0xBF
            }
            index += 1
        }
        return true
    }

    /// RFC 3629 §4: the lead octet tells how many follow and narrows the first of them.
    private mutating func begin(_ lead: UInt8) -> Bool {
        switch lead {
        case 0xC2...0xDF: needed = 1
        case 0xE0: (needed, range) = (2, 0xA0...0xBF)
        case 0xE1...0xEC, 0xEE, 0xEF: needed = 2
        case 0xED: (needed, range) = (2, 0x80...0x9F)
        case 0xF0: (needed, range) = (3, 0x90...0xBF)
        case 0xF1...0xF3: needed = 3
        case 0xF4: (needed, range) = (3, 0x80...0x8F)
        default: return false
        }
        return true
    }

    /// The first octet from `start` on that is not ASCII, 32 at a time where there are so many.
    private static func endOfASCII(_ input: Span<UInt8>, from start: Int) -> Int {
        let highBits = SIMD4<UInt64>(repeating: 0x8080_8080_8080_8080)
        // Loads stay within the span: `index + 32 <= count`.
        return unsafe input.withUnsafeBytes { bytes in
            var index = start
            while index + 32 <= bytes.count {
                let word = unsafe bytes.loadUnaligned(fromByteOffset: index, as: SIMD4<UInt64>.self)
                guard word & highBits == .zero else { break }
                index += 32
            }
            while index < bytes.count, unsafe bytes[index] < 0x80 { index += 1 }
            return index
        }
    }
}
