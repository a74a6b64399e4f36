/// Who may do what, and how large an upload each caller may send: what the configuration says of tokens and tiers.
///
/// Without tokens the server is open. With tokens, calls that create, the list, `*` and the figures need one; what is
/// addressed by a document's or an upload's own id never does, because such an id cannot be guessed.
package struct AccessPolicy: Sendable {
    package static let keys = ["tokens", "anonymous", "default_tier", "rollout"]
    package static let subjectBytesMax = 128

    /// What everybody may do where no tokens are configured.
    static let openScopes: Set<Scope> = [.upload, .read, .watchAll, .metrics]

    package internal(set) var tokens = TokenTable()
    /// With tokens: the tier of callers who send none; nil lets them create nothing.
    package internal(set) var anonymousTier: Tier?
    package internal(set) var rollout = Rollout()

    package init() {}

    package var isOpen: Bool { tokens.isEmpty }

    /// Who calls. `network` is what an address counts as: a whole household of IPv6 addresses is one caller.
    package func caller(address: String, network: String, digest: TokenDigest?) -> Caller {
        let key = "address:\(network)"
        if isOpen {
            // What nobody has given out is no token.
            return Caller(
                key: key, subject: nil, address: address, tier: rollout.tier(of: key), scopes: Self.openScopes,
                credential: .none)
        }
        guard let digest else {
            return Caller(
                key: key, subject: nil, address: address, tier: anonymousTier ?? rollout.tier(of: key),
                scopes: anonymousTier == nil ? [] : [.upload], credential: .none)
        }
        guard let token = tokens.find(digest) else {
            return Caller(
                key: key, subject: nil, address: address, tier: anonymousTier ?? rollout.tier(of: key), scopes: [],
                credential: .unknownToken)
        }
        let tokenKey = token.subject.map { "subject:\($0)" } ?? "token:\(token.digest.name)"
        return Caller(
            key: tokenKey, subject: token.subject, address: address, tier: token.tier ?? rollout.tier(of: tokenKey),
            scopes: token.scopes, credential: .token)
    }
}
