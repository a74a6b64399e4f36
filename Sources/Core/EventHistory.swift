/// The newest events of one document, for watchers that come back.
///
/// Offsets grow by one or more, so a gap in them says nothing; what is lost is known by `droppedThrough`, the offset of
/// the newest event that is no longer here.
package struct EventHistory<Event> {
    /// Events kept a document; the oldest is dropped for a new one.
    package static var eventsMaxDefault: Int { 256 }

    private var events: [(offset: Int64, event: Event)] = []
    private var first = 0
    private var droppedThrough: Int64
    private let eventsMax: Int

    /// `droppedThrough`: what had been told before the first event that will be kept.
    package init(droppedThrough: Int64 = 0, eventsMax: Int = EventHistory.eventsMaxDefault) {
        self.droppedThrough = droppedThrough
        self.eventsMax = eventsMax
    }

    package var count: Int { events.count - first }

    /// Keeps an event; returns the one that had to go for it.
    package mutating func append(_ event: Event, at offset: Int64) -> Event? {
        precondition(offset > (events.last?.offset ?? droppedThrough), "offsets grow")
        events.append((offset, event))
        return count > eventsMax ? dropFirst() : nil
    }

    /// Drops the oldest event.
    package mutating func dropFirst() -> Event? {
        guard first < events.count else { return nil }
        let oldest = events[first]
        droppedThrough = oldest.offset
        first += 1
        if first > 32 && first > events.count / 2 {
            events.removeFirst(first)
            first = 0
        }
        return oldest.event
    }

    /// Drops the oldest event if it is not newer than `offset`.
    package mutating func dropFirst(through offset: Int64) -> Event? {
        guard first < events.count, events[first].offset <= offset else { return nil }
        return dropFirst()
    }

    /// All events after `offset`, oldest first; nil when some of them are no longer here, or were never told.
    package func after(_ offset: Int64) -> [Event]? {
        guard offset >= droppedThrough, offset <= events.last?.offset ?? droppedThrough else { return nil }
        // Resumed watches mostly miss little: looked for from the end.
        var index = events.count
        while index > first && events[index - 1].offset > offset { index -= 1 }
        return events[index...].map(\.event)
    }
}

/// What a watch begins with.
package struct WatchStart<Event: Sendable>: Sendable {
    /// In order; never empty.
    package var events: [Event]
    /// Whether nothing was missed since the watcher was last here; nil for a watch that resumes nothing.
    package var recovered: Bool?

    package init(events: [Event], recovered: Bool?) {
        self.events = events
        self.recovered = recovered
    }

    /// API.md, "Resume": what is retained after `after` is replayed; when it is not retained, the current state comes;
    /// when nothing is newer, the current state is sent once, at its own offset.
    package init(after: WatchPosition?, current: Event, at position: WatchPosition, history: EventHistory<Event>) {
        guard let after else {
            self.init(events: [current], recovered: nil)
            return
        }
        if after == position {
            self.init(events: [current], recovered: true)
        } else if after.epoch == position.epoch, let missed = history.after(after.offset), !missed.isEmpty {
            self.init(events: missed, recovered: true)
        } else {
            self.init(events: [current], recovered: false)
        }
    }
}
