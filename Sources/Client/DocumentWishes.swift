/// What the server is asked to do with a document, besides taking it; said when the document is made.
package struct DocumentWishes: Sendable, Equatable {
    /// A pipeline of the operator's own; nil is the server's.
    package var pipeline: String?
    /// `high`, `normal` or `low`.
    package var priority: String?
    /// That opens the document.
    package var password: String?

    package static let priorities = ["high", "normal", "low"]
    /// The environment's variable for the password.
    package static let passwordVariable = "HEADWAY_DOCUMENT_PASSWORD"

    package init(pipeline: String? = nil, priority: String? = nil, password: String? = nil) {
        self.pipeline = pipeline
        self.priority = priority
        self.password = password
    }
}
