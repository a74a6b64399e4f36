/// Validators in conditional requests (RFC 9110 §8.8.3).
package struct EntityTag {
    /// Whether If-None-Match names `tag` (with its quotes), so that GET is answered with 304. The comparison is the
    /// weak one (RFC 9110 §13.1.2): caches that compress make tags weak on the way. `*` matches everything.
    package static func matches(ifNoneMatch: String, tag: String) -> Bool {
        let wanted = opaque(tag[...])
        return ListElements.split(ifNoneMatch, at: ASCII.comma).contains { $0 == "*" || opaque($0) == wanted }
    }

    private static func opaque(_ tag: Substring) -> Substring { tag.hasPrefix("W/") ? tag.dropFirst(2) : tag }
}
