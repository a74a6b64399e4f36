/// Ways to cut a stream into reads. Every decoder case goes through all of them, and must tell the same story each
/// time.
enum Pieces {
    /// Whole, byte by byte, and cut once at every place where that is affordable.
    static func everyWay(_ bytes: [UInt8]) -> [[[UInt8]]] {
        guard bytes.count <= 1024 else {
            return [[bytes], pieces(of: bytes, count: 7), pieces(of: bytes, count: 1000)]
        }
        return [[bytes], pieces(of: bytes, count: 1)]
            + bytes.indices.dropFirst().map { [Array(bytes[..<$0]), Array(bytes[$0...])] }
    }

    static func pieces(of bytes: [UInt8], count: Int) -> [[UInt8]] {
        stride(from: 0, to: bytes.count, by: count).map { Array(bytes[$0..<min($0 + count, bytes.count)]) }
    }

    /// Cut at random places, short pieces and long ones.
    static func atRandom(_ bytes: [UInt8], using random: inout SeededRandom) -> [[UInt8]] {
        var (pieces, start): ([[UInt8]], Int) = ([], 0)
        while start < bytes.count {
            let longest = Bool.random(using: &random) ? 4 : 64
            let end = min(start + Int.random(in: 0...longest, using: &random), bytes.count)
            pieces.append(Array(bytes[start..<end]))
            start = end
        }
        return pieces
    }
}

/// SplitMix64: a run is replayed from its seed.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

extension String {
    /// One octet for each character, so that a table can spell any octet as `\u{FF}`.
    var octets: [UInt8] { unicodeScalars.map { UInt8($0.value) } }
}
