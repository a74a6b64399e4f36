import Core
import Crypto
import Wire

/// Who makes a request: what its head says, and where its connection comes from.
enum CallerReading {
    /// A caller whose connection is gone before anybody asked.
    private static let unknownAddress = "unknown"

    static func caller(_ head: RequestHead, peer: String?, _ policy: LivePolicy) -> Caller {
        let address = peer.flatMap { NetworkAddress(parsing: $0) }.map {
            ForwardedFor.client(peer: $0, values: forwarded(head, policy), trusted: policy.trustedProxies)
        }
        let secret = policy.access.isOpen ? nil : BearerToken.secret(head)
        return policy.access.caller(
            address: address?.description ?? unknownAddress, network: address?.site ?? unknownAddress,
            digest: secret.flatMap { TokenDigest(Digest.of(Array($0.utf8).span, .sha256)) })
    }

    /// The address that a trusted proxy was called by.
    static func origin(_ head: RequestHead, peer: String?, _ policy: LivePolicy) -> String? {
        guard !policy.trustedProxies.isEmpty, let address = peer.flatMap({ NetworkAddress(parsing: $0) }),
            policy.trustedProxies.contains(where: { $0.contains(address) })
        else { return nil }
        return ForwardedAddress.origin(head.fields)
    }

    private static func forwarded(_ head: RequestHead, _ policy: LivePolicy) -> [String] {
        policy.trustedProxies.isEmpty ? [] : head.fields.values("X-Forwarded-For")
    }
}

extension Exchange {
    /// The most bytes of an upload, in one number for all who tell it or hold to it: what the tier takes, the server,
    /// the disk, and a client in a day. Costs the lock of admission.
    var sizeLimitBytes: Int64? { server.shared.admission.sizeLimitBytes(callerLimitBytes) }

    /// Of those, what the tier takes, and the server. Nil: as the disk allows.
    package var callerLimitBytes: Int64? {
        guard let tier = tierLimitBytes, let server = policy.sizeLimitBytes else {
            return tierLimitBytes ?? policy.sizeLimitBytes
        }
        return min(tier, server)
    }

    /// Why the caller may not do what needs `scope`; nil when it may.
    func refusal(for scope: Scope) -> Problem? { caller.refusal(for: scope).map(Problem.init) }
}

extension Problem {
    // RFC 6750 §3.1: each refusal with its challenge.
    init(_ refusal: AccessRefusal) {
        switch refusal {
        case .unauthorized:
            self.init(
                401, "unauthorized", "This needs a token. Send it as Authorization: Bearer TOKEN.",
                fields: ["WWW-Authenticate": "Bearer"])
        case .badToken:
            self.init(
                401, "bad_token", "The server does not know this token. It may have been taken back.",
                fields: ["WWW-Authenticate": "Bearer error=\"invalid_token\""])
        case .forbidden(let scope):
            self.init(
                403, "forbidden", "This token does not reach so far: it needs the scope \(scope.rawValue).",
                fields: ["WWW-Authenticate": "Bearer error=\"insufficient_scope\", scope=\"\(scope.rawValue)\""])
        }
    }
}
