/// A place in a document's events: `<epoch>-<offset>`, as in ETag, in SSE ids and in `?after=`.
package struct WatchPosition: Sendable, Hashable, CustomStringConvertible {
    package var epoch: String
    package var offset: Int64

    package init(epoch: String, offset: Int64) {
        self.epoch = epoch
        self.offset = offset
    }

    /// Nil when it is none. A client sends back what it was given; anything else is no place to go on from. An epoch is
    /// letters and digits: what comes from a client must not break out of the line that it is told in again.
    package init?(parsing text: some StringProtocol) {
        guard text.utf8.count <= 64, let dash = text.lastIndex(of: "-"), dash != text.startIndex,
            text[..<dash].utf8.allSatisfy(Self.isOfEpoch),
            let offset = Int64(text[text.index(after: dash)...]), offset >= 0
        else { return nil }
        self.init(epoch: String(text[..<dash]), offset: offset)
    }

    private static func isOfEpoch(_ octet: UInt8) -> Bool {
        switch octet {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"):
            true
        default: false
        }
    }

    package var description: String { "\(epoch)-\(offset)" }
}
