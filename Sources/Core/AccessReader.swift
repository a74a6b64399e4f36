import JSON

extension AccessPolicy {
    /// What the file says. `sha256` is asked for the digest of a secret that stands there itself.
    package init(_ file: ConfigurationFile, sha256: ([UInt8]) -> [UInt8], faults: inout [SettingFault]) {
        var reader = AccessReader(file: file, faults: faults)
        tokens = reader.tokens(sha256)
        anonymousTier = reader.anonymousTier(isOpen: file["tokens"] == nil)
        rollout = reader.rollout()
        faults = reader.faults
    }
}

private struct AccessReader {
    let file: ConfigurationFile
    var faults: [SettingFault]

    init(file: ConfigurationFile, faults: [SettingFault]) {
        self.file = file
        self.faults = faults
    }

    private mutating func find(_ path: String, _ words: String) { faults.append(file.fault(path, words)) }

    private mutating func tier(_ value: JSONValue, at path: String) -> Tier? {
        if let tier = value.stringValue.flatMap(Tier.init(rawValue:)) { return tier }
        find(path, Tier.wanted)
        return nil
    }

    /// The members of an object in a list; a name that is not known is a fault.
    private mutating func members(_ value: JSONValue, at path: String, known: [String]) -> JSONObject? {
        guard case .object(let object) = value else {
            find(path, "give an object with \(known.joined(separator: ", "))")
            return nil
        }
        for (key, _) in object.members where !known.contains(key) {
            find("\(path).\(key)", "there is no such member; there are \(known.joined(separator: ", "))")
        }
        return object
    }

    // MARK: Tokens

    mutating func tokens(_ sha256: ([UInt8]) -> [UInt8]) -> TokenTable {
        var table = TokenTable()
        guard let given = file["tokens"] else { return table }
        guard let list = given.arrayValue, !list.isEmpty, list.count <= TokenTable.tokensMax else {
            find("tokens", "give a list of 1 to \(TokenTable.tokensMax) tokens, or leave it out for an open server")
            return table
        }
        for (index, value) in list.enumerated() {
            let path = "tokens[\(index)]"
            guard let token = token(value, at: path, sha256) else { continue }
            if !table.add(token) { find(path, "the same secret is there twice; give each token one of its own") }
        }
        return table
    }

    private mutating func token(_ value: JSONValue, at path: String, _ sha256: ([UInt8]) -> [UInt8]) -> Token? {
        guard let object = members(value, at: path, known: ["sha256", "token", "subject", "tier", "scopes"]),
            let digest = digest(object, at: path, sha256)
        else { return nil }
        return Token(
            digest: digest, subject: object["subject"].flatMap { subject($0, at: "\(path).subject") },
            tier: object["tier"].flatMap { tier($0, at: "\(path).tier") }, scopes: scopes(object, at: path))
    }

    private mutating func digest(
        _ object: JSONObject, at path: String, _ sha256: ([UInt8]) -> [UInt8]
    ) -> TokenDigest? {
        switch (object["sha256"], object["token"]) {
        case (let text?, nil):
            if let digest = text.stringValue.flatMap(TokenDigest.init(hexadecimal:)) { return digest }
            find("\(path).sha256", "give the 64 hexadecimal digits of the secret's SHA-256")
        case (nil, let secret?):
            if let text = secret.stringValue, Self.isSendable(text) { return TokenDigest(sha256(Array(text.utf8))) }
            find("\(path).token", "give a secret of letters, digits and -._~+/, perhaps with = at its end")
        default: find(path, "give either sha256, or token with the secret itself")
        }
        return nil
    }

    /// RFC 6750 §2.1, b64token: what can stand in an Authorization field.
    private static func isSendable(_ secret: String) -> Bool {
        let octets = secret.utf8
        let body = octets.prefix { $0 != UInt8(ascii: "=") }
        return !body.isEmpty && octets.dropFirst(body.count).allSatisfy { $0 == UInt8(ascii: "=") }
            && body.allSatisfy { octet in
                switch octet {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "-._~+/".utf8.contains(octet)
                }
            }
    }

    private mutating func subject(_ value: JSONValue, at path: String) -> String? {
        if let text = value.stringValue, (1...AccessPolicy.subjectBytesMax).contains(text.utf8.count),
            text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && !(0x7f...0x9f).contains($0.value) })
        {
            return text
        }
        find(path, "give a name of 1 to \(AccessPolicy.subjectBytesMax) bytes without control characters")
        return nil
    }

    private mutating func scopes(_ object: JSONObject, at path: String) -> Set<Scope> {
        let known = Scope.allCases.map(\.rawValue).joined(separator: ", ")
        guard let list = object["scopes"]?.arrayValue, !list.isEmpty else {
            let place = object["scopes"] == nil ? path : "\(path).scopes"
            find(place, "give scopes, a list of some of \(known)")
            return []
        }
        var scopes: Set<Scope> = []
        for (index, value) in list.enumerated() {
            if let scope = value.stringValue.flatMap(Scope.init(rawValue:)) {
                scopes.insert(scope)
            } else {
                find("\(path).scopes[\(index)]", "there is no such scope; there are \(known)")
            }
        }
        return scopes
    }

    // MARK: Tiers

    mutating func anonymousTier(isOpen: Bool) -> Tier? {
        guard let given = file["anonymous"] else { return nil }
        if isOpen { find("anonymous", "it says something beside tokens only; give tokens, or take it out") }
        switch given {
        case .bool(false): return nil
        case .string(let text) where Tier(rawValue: text) != nil: return Tier(rawValue: text)
        default:
            find("anonymous", "\(Tier.wanted), or false")
            return nil
        }
    }

    mutating func rollout() -> Rollout {
        var rollout = Rollout()
        if let given = file["default_tier"], let standard = tier(given, at: "default_tier") {
            rollout.standard = standard
        }
        guard let given = file["rollout"] else { return rollout }
        guard let list = given.arrayValue else {
            find("rollout", "give a list such as [{\"tier\": \"100MB\", \"percent\": 20}]")
            return rollout
        }
        for (index, value) in list.enumerated() {
            let path = "rollout[\(index)]"
            guard let share = share(value, at: path) else { continue }
            if rollout.shares.contains(where: { $0.tier == share.tier }) {
                find(path, "\(share.tier.rawValue) is there twice; give each tier one share")
            } else if share.tier <= rollout.standard {
                let standard = rollout.standard.rawValue
                find(path, "\(share.tier.rawValue) is not above the default_tier, which is \(standard)")
            } else {
                rollout.shares.append(share)
            }
        }
        return rollout
    }

    private mutating func share(_ value: JSONValue, at path: String) -> Rollout.Share? {
        guard let object = members(value, at: path, known: ["tier", "percent"]) else { return nil }
        guard let tierValue = object["tier"], let percentValue = object["percent"] else {
            find(path, "give both tier and percent")
            return nil
        }
        guard let tier = tier(tierValue, at: "\(path).tier") else { return nil }
        guard let percent = percentValue.numberValue, (0...100).contains(percent) else {
            find("\(path).percent", "give a number from 0 to 100")
            return nil
        }
        return Rollout.Share(tier: tier, places: UInt64((percent * 100).rounded()))
    }
}
