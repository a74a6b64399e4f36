import Testing

import Text

struct ClusterBreakerTests {
    private func count(_ text: String) -> Int {
        var breaker = ClusterBreaker()
        var count = 0
        for scalar in text.unicodeScalars where breaker.startsCluster(scalar) { count += 1 }
        return count
    }

    @Test("between simple scalars there is always a break")
    func simpleScalars() {
        var simple: [Unicode.Scalar] = []
        for value in UInt32(0)..<0x11_0000 {
            if let scalar = Unicode.Scalar(value), ClusterBreaker.isSimple(scalar) { simple.append(scalar) }
        }
        // Neighbours of each kind there is among them.
        for scalar in simple {
            for other in ["a", "é", "я", "א", "ب", "“", "の", "漢", "가", "각", "Ａ"] as [Unicode.Scalar] {
                var text = String.UnicodeScalarView([scalar, other, scalar])
                #expect(String(text).count == 3, "U+\(String(scalar.value, radix: 16)) beside \(other)")
                text.removeAll()
            }
        }
    }

    @Test("characters are counted as String counts them, one scalar at a time")
    func sameAsString() {
        var random = SeededRandom(seed: 3)
        for _ in 0..<3000 {
            let text = RandomText.mixed(tokens: 20, using: &random)
            #expect(count(text) == text.count, "\(Array(text.unicodeScalars).map { String($0.value, radix: 16) })")
        }
    }

    @Test("a cluster ends at the bound on its scalars")
    func bound() {
        let marks = String(repeating: "\u{301}", count: ClusterBreaker.clusterScalarsMax - 1)
        #expect(count("a" + marks) == 1)
        #expect(count("a" + marks + "\u{301}") == 2)
        #expect(count("a" + marks + "\u{301}" + marks + "\u{301}b") == 4)
    }
}
