/// What waits for one slow watcher: the newest state of each document, and every step before it.
///
/// A tick is replaced by whatever comes after it for the same document; steps stay, in order, until `bytesMax` is
/// reached. Then the watcher is too slow to be told every step, and it is let go with 1008 rather than told half.
package struct Outbox<Event> {
    package struct Item {
        package var event: Event
        package var document: DocumentID
        package var weight: ChangeWeight
        package var byteCount: Int

        package init(event: Event, document: DocumentID, weight: ChangeWeight, byteCount: Int) {
            self.event = event
            self.document = document
            self.weight = weight
            self.byteCount = byteCount
        }
    }

    package static var bytesMaxDefault: Int { 256 * 1024 }

    private var items: [Item] = []
    private var byteCount = 0

    package init() {}

    package var isEmpty: Bool { items.isEmpty }

    /// False when the watcher is too slow: what waits is more than it may hold.
    package mutating func put(_ item: Item, bytesMax: Int = Outbox.bytesMaxDefault) -> Bool {
        if let index = items.lastIndex(where: { $0.document == item.document }), items[index].weight == .tick {
            byteCount -= items[index].byteCount
            items.remove(at: index)
        }
        items.append(item)
        byteCount += item.byteCount
        return byteCount <= bytesMax
    }

    package mutating func removeAll(of document: DocumentID) {
        items.removeAll { item in
            guard item.document == document else { return false }
            byteCount -= item.byteCount
            return true
        }
    }

    package mutating func takeAll() -> [Item] {
        let taken = items
        items = []
        byteCount = 0
        return taken
    }
}
