/// Which tier a caller has who was given none: for a share of all callers a higher one than the rest.
///
/// Every caller stands at one place of `placeCount`, by a hash of its key. A tier is had by all who stand below its
/// share, and whoever is below several has the highest. So a share that is raised moves callers up, each of them once,
/// and nobody down; and a restart changes nothing.
package struct Rollout: Sendable, Equatable {
    package struct Share: Sendable, Equatable {
        package var tier: Tier
        /// Callers of `placeCount` who have at least this tier.
        package var places: UInt64

        package init(tier: Tier, places: UInt64) {
            self.tier = tier
            self.places = places
        }
    }

    /// A share is told in percent, with up to two decimals.
    package static let placeCount: UInt64 = 10_000

    package var standard: Tier
    package var shares: [Share]

    package init(standard: Tier = .unlimited, shares: [Share] = []) {
        self.standard = standard
        self.shares = shares
    }

    package func tier(of key: String) -> Tier {
        guard !shares.isEmpty else { return standard }
        let place = Self.place(of: key)
        var tier = standard
        for share in shares where place < share.places && share.tier > tier { tier = share.tier }
        return tier
    }

    /// The FNV-1a hash of 64 bits over the key's UTF-8, modulo `placeCount`.
    static func place(of key: String) -> UInt64 { fnv1a(key) % placeCount }

    static func fnv1a(_ text: String) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        return hash
    }
}
