import JSON
import Testing

@testable import Core

@Suite("Tokens, tiers and callers")
struct AccessPolicyTests {
    /// Stands for SHA-256: a digest of 32 bytes that differs with the secret.
    static func digest(of secret: [UInt8]) -> [UInt8] {
        var hash = Rollout.fnv1a(String(decoding: secret, as: UTF8.self))
        return (0..<32).map { _ in
            hash = hash &* 6_364_136_223_846_793_005 &+ 1
            return UInt8(hash >> 56)
        }
    }

    static func read(_ text: String) throws -> (policy: AccessPolicy, faults: [String]) {
        var faults: [SettingFault] = []
        let policy = AccessPolicy(try SettingsTests.file(text), sha256: digest, faults: &faults)
        return (policy, faults.map(\.description))
    }

    static func caller(_ policy: AccessPolicy, _ secret: String? = nil, address: String = "192.0.2.1") -> Caller {
        policy.caller(
            address: address, network: address,
            digest: secret.flatMap { TokenDigest(Self.digest(of: Array($0.utf8))) })
    }

    static let tokens = """
        {"tokens": [
            {"token": "alices", "subject": "alice", "tier": "100MB", "scopes": ["upload", "read", "watch:*"]},
            {"token": "figures", "scopes": ["metrics"]},
            {"token": "boss", "subject": "root", "scopes": ["admin"]}
        ]
        """

    @Test("without tokens everybody may do everything but reload, and a token that is sent means nothing")
    func open() throws {
        let caller = Self.caller(try Self.read("{}").policy, "whatever")
        for scope in Scope.allCases where scope != .admin { #expect(caller.refusal(for: scope) == nil) }
        #expect(caller.refusal(for: .admin) == .unauthorized)
        #expect(caller.credential == .none && caller.tier == .unlimited && caller.key == "address:192.0.2.1")
        #expect(caller.subjectRefusal == .unauthorized)
    }

    @Test("a token gives its subject, tier and scopes; another scope is forbidden")
    func token() throws {
        let caller = Self.caller(try Self.read(Self.tokens + "}").policy, "alices")
        #expect(caller.subject == "alice" && caller.key == "subject:alice" && caller.tier == .megabytes100)
        #expect(caller.refusal(for: .upload) == nil && caller.refusal(for: .watchAll) == nil)
        #expect(caller.refusal(for: .metrics) == .forbidden(.metrics))
        #expect(caller.subjectRefusal == nil)
    }

    @Test("with tokens, who sends none or a wrong one may do nothing")
    func refused() throws {
        let policy = try Self.read(Self.tokens + "}").policy
        for scope in Scope.allCases {
            #expect(Self.caller(policy).refusal(for: scope) == .unauthorized)
            #expect(Self.caller(policy, "wrong").refusal(for: scope) == .badToken)
        }
    }

    @Test("anonymous callers upload within their tier where that is allowed, and a wrong token is still a wrong one")
    func anonymous() throws {
        let policy = try Self.read(Self.tokens + #", "anonymous": "10MB"}"#).policy
        #expect(Self.caller(policy).refusal(for: .upload) == nil)
        #expect(Self.caller(policy).tier == .megabytes10)
        #expect(Self.caller(policy).refusal(for: .read) == .unauthorized)
        #expect(Self.caller(policy, "wrong").refusal(for: .upload) == .badToken)
        #expect(try Self.read(Self.tokens + #", "anonymous": false}"#).policy.anonymousTier == nil)
    }

    @Test("a token without a subject is a caller of its own, whatever address it comes from")
    func tokenWithoutSubject() throws {
        let policy = try Self.read(Self.tokens + "}").policy
        let (here, there) = (Self.caller(policy, "figures"), Self.caller(policy, "figures", address: "192.0.2.2"))
        #expect(here.key == there.key && here.key.hasPrefix("token:") && here.subject == nil)
        #expect(here.subjectRefusal == .unauthorized)
    }

    @Test("a digest stands for the secret that it is of")
    func digests() throws {
        let hexadecimal = Self.digest(of: Array("alices".utf8)).map { byte in
            String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
        }.joined()
        let policy = try Self.read(#"{"tokens": [{"sha256": "\#(hexadecimal)", "scopes": ["read"]}]}"#).policy
        #expect(Self.caller(policy, "alices").refusal(for: .read) == nil)
        #expect(Self.caller(policy, "alice").refusal(for: .read) == .badToken)
    }

    @Test("digests match when all of their bits do", arguments: 0..<32)
    func matching(index: Int) throws {
        var bytes = Self.digest(of: [1])
        let digest = try #require(TokenDigest(bytes))
        #expect(digest.matches(try #require(TokenDigest(bytes))))
        bytes[index] ^= 1
        #expect(!digest.matches(try #require(TokenDigest(bytes))))
        #expect(TokenDigest(Array(bytes.dropLast())) == nil)
    }

    @Test(
        "what is not understood is refused at its line, with what to give",
        arguments: [
            (#""tokens": []"#, "tokens: give a list of 1 to 1000 tokens, or leave it out for an open server."),
            (#""tokens": [1]"#, "tokens[0]: give an object with sha256, token, subject, tier, scopes."),
            (#""tokens": [{"scopes":["read"]}]"#, "tokens[0]: give either sha256, or token with the secret itself."),
            (
                #""tokens": [{"sha256":"12","scopes":["read"]}]"#,
                "tokens[0].sha256: give the 64 hexadecimal digits of the secret's SHA-256."
            ),
            (
                #""tokens": [{"token":"a b","scopes":["read"]}]"#,
                "tokens[0].token: give a secret of letters, digits and -._~+/, perhaps with = at its end."
            ),
            (
                #""tokens": [{"token":"a"}]"#,
                "tokens[0]: give scopes, a list of some of upload, read, watch:*, metrics, admin."
            ),
            (
                #""tokens": [{"token":"a","scopes":["write"]}]"#,
                "tokens[0].scopes[0]: there is no such scope; there are upload, read, watch:*, metrics, admin."
            ),
            (
                #""tokens": [{"token":"a","scopes":["read"],"tier":"1GB"}]"#,
                "tokens[0].tier: give one of 10MB, 25MB, 50MB, 100MB, unlimited."
            ),
            (
                #""tokens": [{"token":"a","scopes":["read"],"subject":""}]"#,
                "tokens[0].subject: give a name of 1 to 128 bytes without control characters."
            ),
            (
                #""tokens": [{"token":"a","scopes":["read"],"user":"x"}]"#,
                "tokens[0].user: there is no such member; there are sha256, token, subject, tier, scopes."
            ),
            (
                #""tokens": [{"token":"a","scopes":["read"]},{"token":"a","scopes":["read"]}]"#,
                "tokens[1]: the same secret is there twice; give each token one of its own."
            ),
            (#""anonymous": "10MB""#, "anonymous: it says something beside tokens only; give tokens, or take it out."),
            (
                #""tokens": [{"token":"a","scopes":["read"]}], "anonymous": true"#,
                "anonymous: give one of 10MB, 25MB, 50MB, 100MB, unlimited, or false."
            ),
            (#""default_tier": 10"#, "default_tier: give one of 10MB, 25MB, 50MB, 100MB, unlimited."),
            (#""rollout": {}"#, #"rollout: give a list such as [{"tier": "100MB", "percent": 20}]."#),
            (
                #""rollout": [{"tier":"100MB","percent":20}]"#,
                "rollout[0]: 100MB is not above the default_tier, which is unlimited."
            ),
            (
                #""default_tier": "10MB", "rollout": [{"tier":"25MB"}]"#, "rollout[0]: give both tier and percent."
            ),
            (
                #""default_tier": "10MB", "rollout": [{"tier":"25MB","percent":101}]"#,
                "rollout[0].percent: give a number from 0 to 100."
            ),
            (
                #""default_tier":"10MB","rollout":[{"tier":"25MB","percent":1},{"tier":"25MB","percent":2}]"#,
                "rollout[1]: 25MB is there twice; give each tier one share."
            ),
        ])
    func faults(member: String, words: String) throws {
        #expect(try Self.read("{\n\(member)}").faults == ["h.json:2: \(words)"])
    }

    @Test("there are at most so many tokens")
    func tokensBound() throws {
        let text = { (count: Int) in
            let tokens = (0..<count).map {
                JSONValue.object(["token": .string("s\($0)"), "scopes": .array([.string("read")])])
            }
            return JSONValue.object(["tokens": .array(tokens)]).compactText
        }
        let most = try Self.read(text(TokenTable.tokensMax))
        #expect(most.faults.isEmpty && most.policy.tokens.tokens.count == TokenTable.tokensMax)
        #expect(try Self.read(text(TokenTable.tokensMax + 1)).faults.count == 1)
    }
}
