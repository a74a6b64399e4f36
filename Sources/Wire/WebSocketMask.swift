/// RFC 6455 §5.3: a payload is XORed with a four-byte key, over and over.
struct WebSocketMask {
    /// The key's bytes, the next one to be used lowest. Zero changes nothing, as if there were no mask.
    private var key: UInt32

    init(_ first: UInt8, _ second: UInt8, _ third: UInt8, _ fourth: UInt8) {
        key = UInt32(first) | UInt32(second) << 8 | UInt32(third) << 16 | UInt32(fourth) << 24
    }

    init(_ key: UInt32) { self.key = key }

    static var none: WebSocketMask { WebSocketMask(0) }

    var octets: [4 of UInt8] {
        [UInt8(key & 0xFF), UInt8(key >> 8 & 0xFF), UInt8(key >> 16 & 0xFF), UInt8(key >> 24)]
    }

    /// Takes the mask off where the payload lies (or puts it on). The key is used from its beginning.
    func apply(to bytes: inout MutableSpan<UInt8>, in range: Range<Int>) {
        guard key != 0 else { return }
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count, "the range lies within the bytes")
        unsafe bytes.withUnsafeMutableBytes { unsafe apply(to: UnsafeMutableRawBufferPointer(rebasing: $0[range])) }
    }

    private func apply(to bytes: UnsafeMutableRawBufferPointer) {
        let wide = SIMD4<UInt64>(repeating: (UInt64(key) << 32 | UInt64(key)).littleEndian)
        // Loads and stores stay within the bytes: `index + 32 <= count`.
        var index = 0
        while index + 32 <= bytes.count {
            let word = unsafe bytes.loadUnaligned(fromByteOffset: index, as: SIMD4<UInt64>.self)
            unsafe bytes.storeBytes(of: word ^ wide, toByteOffset: index, as: SIMD4<UInt64>.self)
            index += 32
        }
        var rest = key
        while index < bytes.count {
            unsafe bytes[index] ^= UInt8(truncatingIfNeeded: rest)
            rest = rest >> 8 | rest << 24
            index += 1
        }
    }

    /// Appends `input` to `output` with the mask taken off (or put on: it is the same), and remembers where in the
    /// key the next piece of the payload begins. One copy, then 32 bytes a step.
    mutating func append(_ input: Span<UInt8>, to output: inout [UInt8]) {
        let start = output.count
        // The buffer is only read, and only within the closure.
        unsafe input.withUnsafeBufferPointer { unsafe output.append(contentsOf: $0) }
        guard key != 0 else { return }
        unsafe output.withUnsafeMutableBytes { unsafe apply(to: UnsafeMutableRawBufferPointer(rebasing: $0[start...])) }
        let shift = UInt32(input.count % 4) * 8
        if shift > 0 { key = key >> shift | key << (32 - shift) }
    }
}
