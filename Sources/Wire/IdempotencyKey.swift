/// The key by which a client says that two requests are one (draft-ietf-httpapi-idempotency-key-header).
package enum IdempotencyKey {
    package static let bytesMax = 255

    /// The key that a field's value says: 1 to 255 visible ASCII characters. The draft puts it between quotes
    /// (RFC 9651 §3.3.3); many clients leave them out, and both are the same key. Nil when it is none.
    package static func parse(_ value: String) -> String? {
        let bytes = Array(value.trimmingBlanks.utf8)
        let key = bytes.first == ASCII.quote ? unquoted(bytes) : bytes
        guard let key, (1...bytesMax).contains(key.count), key.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            return nil
        }
        return String(decoding: key, as: UTF8.self)
    }

    /// RFC 9651 §4.2.5: a backslash stands before a quote or a backslash only.
    private static func unquoted(_ bytes: [UInt8]) -> [UInt8]? {
        guard bytes.count >= 2, bytes.last == ASCII.quote else { return nil }
        var rest = bytes[1..<(bytes.count - 1)]
        var key: [UInt8] = []
        while let octet = rest.popFirst() {
            switch octet {
            case ASCII.quote: return nil
            case ASCII.backslash:
                guard let next = rest.popFirst(), next == ASCII.quote || next == ASCII.backslash else { return nil }
                key.append(next)
            default: key.append(octet)
            }
        }
        return key
    }
}
