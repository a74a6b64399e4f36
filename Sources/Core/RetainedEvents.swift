/// Which events of which documents are kept, oldest first, and how much that is: the bound over all documents together.
///
/// The histories hold the events; this holds one name an event, and says whose oldest event must go.
package struct RetainedEvents: Sendable {
    private var names: [(document: DocumentID, offset: Int64)] = []
    private var first = 0
    private(set) var byteCount = 0
    private let bytesMax: Int

    package init(bytesMax: Int) { self.bytesMax = bytesMax }

    var nameCount: Int { names.count - first }

    /// An event was put at the end of its document's history.
    package mutating func append(_ id: DocumentID, at offset: Int64, byteCount: Int) {
        names.append((id, offset))
        self.byteCount += byteCount
    }

    /// An event has left its history.
    package mutating func dropped(_ byteCount: Int) { self.byteCount -= byteCount }

    /// Which event goes next, while there is more than the bound. It may have left its history already; then nothing is
    /// to be dropped for it, and the next one is asked for. Amortised constant time.
    package mutating func takeBeyondBound() -> (document: DocumentID, offset: Int64)? {
        // Names of events that have left by their document's own bound must not pile up either.
        guard byteCount > bytesMax || nameCount > Self.namesMax(bytesMax), first < names.count else {
            return nil
        }
        let oldest = names[first]
        first += 1
        if first > 1024 && first > names.count / 2 {
            names.removeFirst(first)
            first = 0
        }
        return oldest
    }

    /// An event has some hundred bytes at least, so no bound in bytes holds more of them than this.
    static func namesMax(_ bytesMax: Int) -> Int { max(64, bytesMax / 256) }
}
