/// How many bytes, from the first on, are the content's, and whether it ends there.
package struct ContentExtent: Sendable, Equatable {
    package var byteCount: Int
    package var isEnd: Bool

    package init(byteCount: Int, isEnd: Bool) {
        self.byteCount = byteCount
        self.isEnd = isEnd
    }
}

/// Finds where the content ends in a body that goes on behind it: a form's delimiter. Used on disk threads, by one at a
/// time.
package protocol ContentScanner: Sendable {
    /// The most bytes of a look, at its end, that may be left undecided.
    var undecidedBytesMax: Int { get }

    /// Looks at the next bytes of a body. What is not content, and not behind its end, is undecided: it comes once more
    /// at the beginning of the next look.
    func contentExtent(of bytes: Span<UInt8>) -> ContentExtent
}
