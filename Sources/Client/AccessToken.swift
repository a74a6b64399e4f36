/// What says to the server who asks: a secret, sent with every request to it and shown nowhere.
package struct AccessToken: Equatable, Sendable {
    /// Where a command looks for one that is not among its arguments, which every user of the machine can list.
    package static let variable = "HEADWAY_TOKEN"

    private let secret: String

    /// Nil for what no header field can carry: nothing at all, blanks, control characters, letters beyond ASCII.
    package init?(_ secret: String) {
        guard !secret.isEmpty, secret.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
        self.secret = secret
    }

    /// RFC 6750 §2.1.
    var field: (name: String, value: String) { ("Authorization", "Bearer \(secret)") }
}

// A secret that is part of something printed stays a secret.
extension AccessToken: CustomStringConvertible, CustomReflectable {
    package var description: String { "a token" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
