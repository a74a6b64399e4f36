/// A place in a document's events: `<epoch>-<offset>`, as in ETag, in SSE ids and in `?after=`.
package struct WatchPosition: Sendable, Hashable, CustomStringConvertible {
    package var epoch: String
    package var offset: Int64

    package init(epoch: String, offset: Int64) {
        self.epoch = epoch
        self.offset = offset
    }

    /// Nil when it is none. A client sends back what it was given; anything else is no place to go on from.
    package init?(parsing text: some StringProtocol) {
        guard let dash = text.lastIndex(of: "-"), dash != text.startIndex, text.utf8.count <= 64,
            let offset = Int64(text[text.index(after: dash)...]), offset >= 0
        else { return nil }
        self.init(epoch: String(text[..<dash]), offset: offset)
    }

    package var description: String { "\(epoch)-\(offset)" }
}
