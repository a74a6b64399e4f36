import Core

/// What a watcher's connection does with what its topics have: sends it, or lets it wait for a peer that does not keep
/// up. What waits is bounded, and the newest state of each document is always in it (see `Outbox`).
package struct Delivery {
    package enum Decision: Equatable, Sendable {
        /// Send the run now.
        case send
        /// It waits; ask to be told when the connection has room.
        case wait
        /// More waits than one watcher may hold: let the peer go. It comes back and is told the newest state.
        case tooSlow
    }

    private var outbox = Outbox<EncodedEvent>()
    /// Something waits, so that nothing may overtake it.
    package private(set) var isWaiting = false

    package init() {}

    /// What an event that waits costs beside its own bytes.
    private static let itemBytes = 64

    /// What waits of this document is not wanted any more.
    package mutating func forget(_ document: DocumentID) {
        outbox.removeAll(of: document)
        isWaiting = !outbox.isEmpty
    }

    /// `isBackedUp`: the connection has not taken what it was given before.
    package mutating func take(_ run: EventRun, isBackedUp: Bool) -> Decision {
        if !isBackedUp && !isWaiting { return .send }
        isWaiting = true
        for event in run.events {
            let item = Outbox<EncodedEvent>.Item(
                event: event, document: event.document, weight: event.weight,
                byteCount: event.jsonCount + Self.itemBytes)
            guard outbox.put(item) else { return .tooSlow }
        }
        return .wait
    }

    /// The connection has room: what has waited, in one piece; nil when nothing has.
    package mutating func takeWaiting(_ compressors: LoopCompressors) -> EventRun? {
        guard isWaiting else { return nil }
        isWaiting = false
        return EventRun(outbox.takeAll().map(\.event)[...], compressors)
    }
}
