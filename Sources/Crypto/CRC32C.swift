/// The Castagnoli CRC (RFC 3720, appendix B.4): a check against accidents, eight bytes a step by eight tables ("slicing
/// by 8"; Kounavis and Berry, 2005). About a byte a cycle.
package struct CRC32C: Sendable {
    private static let polynomial: UInt32 = 0x82f6_3b78
    private static let tables: [UInt32] = {
        var tables = [UInt32](repeating: 0, count: 8 * 256)
        for byte in 0..<256 {
            var sum = UInt32(byte)
            for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ polynomial : sum >> 1 }
            tables[byte] = sum
        }
        for byte in 0..<256 {
            for table in 1..<8 {
                let last = tables[(table - 1) * 256 + byte]
                tables[table * 256 + byte] = last >> 8 ^ tables[Int(last & 0xff)]
            }
        }
        return tables
    }()

    private var state: UInt32 = .max

    package init() {}

    package var value: UInt32 { ~state }

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        var sum = state
        Self.tables.withUnsafeBufferPointer { tables in
            var position = 0
            while position + 8 <= bytes.count {
                let low = sum ^ bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self).littleEndian
                let high = bytes.loadUnaligned(fromByteOffset: position + 4, as: UInt32.self).littleEndian
                sum = tables[7 * 256 + Int(low & 0xff)] ^ tables[6 * 256 + Int(low >> 8 & 0xff)]
                sum ^= tables[5 * 256 + Int(low >> 16 & 0xff)] ^ tables[4 * 256 + Int(low >> 24)]
                sum ^= tables[3 * 256 + Int(high & 0xff)] ^ tables[2 * 256 + Int(high >> 8 & 0xff)]
                sum ^= tables[256 + Int(high >> 16 & 0xff)] ^ tables[Int(high >> 24)]
                position += 8
            }
            while position < bytes.count {
                sum = sum >> 8 ^ tables[Int((sum ^ UInt32(bytes[position])) & 0xff)]
                position += 1
            }
        }
        state = sum
    }
}
