/// The SHA-256 of a token's secret. The secret itself is not kept.
package struct TokenDigest: Sendable {
    package static let byteCount = 32

    fileprivate let words: (UInt64, UInt64, UInt64, UInt64)

    /// Nil when these are not 32 bytes.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        func word(_ index: Int) -> UInt64 { bytes[index * 8..<index * 8 + 8].reduce(0) { $0 << 8 | UInt64($1) } }
        words = (word(0), word(1), word(2), word(3))
    }

    package init?(hexadecimal text: String) {
        let digits = text.utf8.map { digit -> UInt8? in
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
            default: nil
            }
        }
        guard digits.count == 2 * Self.byteCount, !digits.contains(nil) else { return nil }
        self.init((0..<Self.byteCount).map { (digits[2 * $0] ?? 0) << 4 | (digits[2 * $0 + 1] ?? 0) })
    }

    /// The same time for every pair: how alike they are shows nowhere.
    func matches(_ other: TokenDigest) -> Bool {
        (words.0 ^ other.words.0) | (words.1 ^ other.words.1) | (words.2 ^ other.words.2) | (words.3 ^ other.words.3)
            == 0
    }

    /// The first 64 bits, to name a token that has no subject.
    var name: String { String(words.0, radix: 16) }
}

/// What the configuration says of one token.
package struct Token: Sendable {
    package var digest: TokenDigest
    package var subject: String?
    /// Nil: by the rollout.
    package var tier: Tier?
    package var scopes: Set<Scope>

    package init(digest: TokenDigest, subject: String?, tier: Tier?, scopes: Set<Scope>) {
        self.digest = digest
        self.subject = subject
        self.tier = tier
        self.scopes = scopes
    }
}

/// The tokens that are known.
package struct TokenTable: Sendable {
    package static let tokensMax = 1000

    package private(set) var tokens: [Token] = []

    package init() {}

    /// False for one that is in already, or when there are `tokensMax`.
    mutating func add(_ token: Token) -> Bool {
        guard tokens.count < Self.tokensMax, find(token.digest) == nil else { return false }
        tokens.append(token)
        return true
    }

    package var isEmpty: Bool { tokens.isEmpty }

    /// Looks at every token to its end, so that the time it takes tells nothing of them.
    package func find(_ digest: TokenDigest) -> Token? {
        var found: Int?
        for index in tokens.indices where tokens[index].digest.matches(digest) { found = index }
        return found.map { tokens[$0] }
    }
}
