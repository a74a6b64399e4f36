/// Which events of which documents are kept, oldest first, and how much that is: the bound over all documents together.
///
/// The histories hold the events; this holds one name an event, and says whose oldest event must go.
package struct RetainedEvents: Sendable {
    private var owners: [DocumentID] = []
    private var first = 0
    private(set) var byteCount = 0
    private let bytesMax: Int

    package init(bytesMax: Int) { self.bytesMax = bytesMax }

    var nameCount: Int { owners.count - first }

    /// An event was put at the end of its document's history.
    package mutating func append(_ id: DocumentID, byteCount: Int) {
        owners.append(id)
        self.byteCount += byteCount
    }

    /// An event has left its history.
    package mutating func dropped(_ byteCount: Int) { self.byteCount -= byteCount }

    /// Whose oldest event goes next, while there is more than the bound; a document that has let go of it already has
    /// nothing to drop, and the next one is asked. Amortised constant time.
    package mutating func takeBeyondBound() -> DocumentID? {
        // Names of events that have left by their document's own bound must not pile up either.
        guard byteCount > bytesMax || nameCount > Self.namesMax(bytesMax), first < owners.count else {
            return nil
        }
        let oldest = owners[first]
        first += 1
        if first > 1024 && first > owners.count / 2 {
            owners.removeFirst(first)
            first = 0
        }
        return oldest
    }

    /// An event has some hundred bytes at least, so no bound in bytes holds more of them than this.
    static func namesMax(_ bytesMax: Int) -> Int { max(64, bytesMax / 256) }
}
