/// What a token lets its holder do, as the configuration writes it.
package enum Scope: String, Sendable, CaseIterable {
    /// Calls that create a document.
    case upload
    /// The list of all documents.
    case read
    /// Watching every document at once.
    case watchAll = "watch:*"
    case metrics
    /// Reading the configuration again.
    case admin
}

/// Who makes a request. Computed once, from its head.
package struct Caller: Sendable, Equatable {
    package enum Credential: Sendable, Equatable {
        case none, token
        /// A token was sent that is not known.
        case unknownToken
    }

    /// Names the caller for everything that is counted by caller, over connections and restarts: the token's subject,
    /// else the token, else the address. Two kinds of name never meet.
    package var key: String
    /// Whose documents it makes; nil for nobody's.
    package var subject: String?
    /// Where it comes from, by what the connection and trusted proxies say.
    package var address: String
    package var tier: Tier
    package var scopes: Set<Scope>
    package var credential: Credential

    /// Names the token, which may have no subject; nil for callers without one, who are all alike.
    package var maker: String? { credential == .token ? key : nil }

    /// Why it may not do what needs `scope`; nil when it may.
    package func refusal(for scope: Scope) -> AccessRefusal? {
        if scopes.contains(scope) { return nil }
        switch credential {
        case .none: return .unauthorized
        case .unknownToken: return .badToken
        case .token: return .forbidden(scope)
        }
    }

    /// Why it has no documents of its own; nil when it has.
    package var subjectRefusal: AccessRefusal? {
        if subject != nil { return nil }
        return credential == .unknownToken ? .badToken : .unauthorized
    }
}

/// Why a caller may not do something.
package enum AccessRefusal: Sendable, Equatable {
    /// It needs a token, and none was sent.
    case unauthorized
    case badToken
    case forbidden(Scope)
}
