import Testing

@testable import Core

@Suite("The rollout of tiers")
struct RolloutTests {
    static let callers = (0..<20_000).map {
        $0 % 2 == 0 ? "subject:user-\($0)" : "address:10.\($0 / 250).3.\($0 % 250)"
    }

    static func tiers(_ shares: [(Tier, Double)], standard: Tier = .megabytes10) -> [Tier] {
        let rollout = Rollout(
            standard: standard, shares: shares.map { Rollout.Share(tier: $0.0, places: UInt64($0.1 * 100)) })
        return callers.map(rollout.tier)
    }

    @Test(
        "the hash is FNV-1a of 64 bits, by its published values",
        arguments: [("", 0xcbf2_9ce4_8422_2325), ("a", 0xaf63_dc4c_8601_ec8c), ("foobar", 0x8594_4171_f739_67e8)])
    func hash(text: String, value: UInt64) {
        #expect(Rollout.fnv1a(text) == value)
    }

    @Test("a megabyte is 1,000,000 bytes, and tiers are in order of what they take")
    func sizes() {
        #expect(Tier.allCases.map(\.limitBytes) == [10_000_000, 25_000_000, 50_000_000, 100_000_000, nil])
        #expect(Tier.allCases == Tier.allCases.shuffled().sorted())
    }

    @Test("a share of callers is what it says, within two percent of all", arguments: [0, 1, 20, 50, 99.5, 100])
    func shares(percent: Double) {
        let tiers = Self.tiers([(.megabytes100, percent)])
        let share = Double(tiers.count { $0 == .megabytes100 }) * 100 / Double(tiers.count)
        #expect(abs(share - percent) < 2, "\(share)")
        if percent == 0 || percent == 100 { #expect(share == percent) }
    }

    @Test("who is within several shares has the highest tier, in whatever order they are written")
    func highest() {
        let tiers = Self.tiers([(.megabytes25, 60), (.unlimited, 10), (.megabytes50, 30)])
        #expect(tiers == Self.tiers([(.megabytes50, 30), (.megabytes25, 60), (.unlimited, 10)]))
        for (tier, percent) in [(Tier.unlimited, 10.0), (.megabytes50, 20), (.megabytes25, 30), (.megabytes10, 40)] {
            let share = Double(tiers.count { $0 == tier }) * 100 / Double(tiers.count)
            #expect(abs(share - percent) < 2, "\(tier) \(share)")
        }
    }

    @Test("raising one share moves callers up to it, each of them once, and nobody down")
    func raising() {
        let others: [(Tier, Double)] = [(.megabytes25, 60), (.megabytes50, 30)]
        var before = Self.tiers(others)
        var changes = Array(repeating: 0, count: before.count)
        for percent in stride(from: 0.0, through: 100, by: 2.5) {
            let after = Self.tiers(others + [(.megabytes100, percent)])
            for index in after.indices where after[index] != before[index] {
                #expect(after[index] == .megabytes100)
                changes[index] += 1
            }
            before = after
        }
        #expect(changes.allSatisfy { $0 == 1 })
    }

    @Test("raising any share, or the default, takes nothing from anybody")
    func nobodyDown() {
        let steps: [([(Tier, Double)], Tier)] = [
            ([], .megabytes10), ([(.megabytes25, 5)], .megabytes10), ([(.megabytes25, 50)], .megabytes10),
            ([(.megabytes25, 50), (.megabytes100, 1)], .megabytes10),
            ([(.megabytes25, 50), (.megabytes100, 70)], .megabytes10), ([(.megabytes100, 70)], .megabytes25),
            ([(.megabytes100, 70), (.unlimited, 10)], .megabytes25), ([(.unlimited, 10)], .megabytes100),
        ]
        for (earlier, later) in zip(steps, steps.dropFirst()) {
            let (before, after) = (Self.tiers(earlier.0, standard: earlier.1), Self.tiers(later.0, standard: later.1))
            #expect(zip(before, after).allSatisfy { $0 <= $1 })
        }
    }
}
