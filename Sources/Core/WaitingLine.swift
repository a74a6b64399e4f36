// Theory of operation
//
// The line is ordered by weighted fair queueing (self-clocked, after Golestani 1994). Each document gets a tag when it
// joins: the later of the line's own time and the tag of the document that its client put there before, plus what the
// document costs: one unit at normal priority, a sixteenth at high, sixteen at low. The smallest tag is served first,
// and the line's time becomes that tag. So
//
// - the documents of one client, at one priority, are served in the order in which they came;
// - clients take turns, however many documents one of them has waiting;
// - a high priority goes before what waits, a low one behind, and yet nobody starves: whatever joins later gets a tag
//   beyond the line's time, so only a bounded number of documents is ever served before one that waits.
//
// A document that waits for a time of day (its next try) stands beside the line and joins it then; or at once, where
// that time is further off than any wait is long: the clock was set back since.

/// How soon a document is wanted, as its creator says.
package enum WorkPriority: String, Sendable, CaseIterable {
    case high, normal, low

    /// What a document costs its client's turn.
    var cost: UInt64 {
        switch self {
        case .high: 1
        case .normal: 16
        case .low: 256
        }
    }
}

/// What a document shows when it joins the line.
package struct WorkTicket: Sendable, Equatable {
    /// No wait is longer: neither that for a next try nor that for a service (`CircuitBreaker.Policy`).
    package static let waitMillisecondsMax: Int64 = 60 * 60_000

    /// Whoever made it (`Caller.key`); documents of nobody known share one turn.
    package var client: String?
    package var priority: WorkPriority
    /// It may not be served before this (Unix time); nil: at once.
    package var notBeforeMilliseconds: Int64?

    package init(client: String? = nil, priority: WorkPriority = .normal, notBeforeMilliseconds: Int64? = nil) {
        self.client = client
        self.priority = priority
        self.notBeforeMilliseconds = notBeforeMilliseconds
    }
}

/// Documents that wait for a worker. Places are found by binary search; joining and leaving move what stands behind
/// (16 bytes a document: 100,000 of them take some 80 µs).
package struct WaitingLine: Sendable {
    private struct Place: Comparable, Sendable {
        var tag: UInt64
        /// Parts places of the same tag by the order of joining.
        var sequence: UInt64

        static func < (one: Place, other: Place) -> Bool {
            (one.tag, one.sequence) < (other.tag, other.sequence)
        }
    }

    /// The documents of one client at one priority.
    private struct Flow: Hashable, Sendable {
        var client: String?
        var priority: WorkPriority
    }

    private struct Turn: Sendable {
        var lastTag: UInt64
        var count: Int
    }

    private struct Entry: Sendable {
        var place: Place
        var flow: Flow
    }

    private var places: [Place] = []
    private var documents: [UInt64: DocumentID] = [:]
    private var entries: [DocumentID: Entry] = [:]
    private var turns: [Flow: Turn] = [:]
    private var time: UInt64 = 0
    private var lastSequence: UInt64 = 0

    /// Those that wait for a time: the time is the tag.
    private var delays: [Place] = []
    private var delayed: [DocumentID: (place: Place, ticket: WorkTicket)] = [:]

    package init() {}

    /// Documents that could be served now.
    package var count: Int { places.count }
    package var isEmpty: Bool { places.isEmpty }
    /// Documents that wait for their time.
    package var delayedCount: Int { delayed.count }
    /// When the next of those joins the line.
    package var nextMilliseconds: Int64? { delays.first.map { Int64($0.tag) } }

    /// Joins the line, or waits beside it for the ticket's time; a document that is here already keeps its place.
    package mutating func join(_ id: DocumentID, _ ticket: WorkTicket = WorkTicket()) {
        guard entries[id] == nil, delayed[id] == nil else { return }
        guard let milliseconds = ticket.notBeforeMilliseconds else { return enter(id, ticket) }
        lastSequence += 1
        let place = Place(tag: UInt64(max(0, milliseconds)), sequence: lastSequence)
        delays.insert(place, at: Self.index(of: place, in: delays))
        documents[place.sequence] = id
        delayed[id] = (place, ticket)
    }

    /// Lets those join the line whose time has come.
    package mutating func admit(at unixMilliseconds: Int64) {
        while let first = delays.first, Int64(first.tag) <= unixMilliseconds { admit(first) }
        while let last = delays.last, Int64(last.tag) - unixMilliseconds > WorkTicket.waitMillisecondsMax {
            admit(last)
        }
    }

    private mutating func admit(_ place: Place) {
        guard let id = documents[place.sequence], let ticket = delayed[id]?.ticket else {
            preconditionFailure("who waits beside the line has a name and a ticket")
        }
        leave(id)
        enter(id, ticket)
    }

    private mutating func enter(_ id: DocumentID, _ ticket: WorkTicket) {
        let flow = Flow(client: ticket.client, priority: ticket.priority)
        lastSequence += 1
        let turn = turns[flow] ?? Turn(lastTag: 0, count: 0)
        let place = Place(tag: max(time, turn.lastTag) + ticket.priority.cost, sequence: lastSequence)
        turns[flow] = Turn(lastTag: place.tag, count: turn.count + 1)
        places.insert(place, at: Self.index(of: place, in: places))
        documents[place.sequence] = id
        entries[id] = Entry(place: place, flow: flow)
    }

    package mutating func takeFirst() -> DocumentID? {
        guard let first = places.first, let id = documents[first.sequence] else { return nil }
        time = first.tag
        leave(id)
        return id
    }

    package mutating func leave(_ id: DocumentID) {
        if let delay = delayed.removeValue(forKey: id) {
            documents[delay.place.sequence] = nil
            delays.remove(at: Self.index(of: delay.place, in: delays))
        }
        guard let entry = entries.removeValue(forKey: id) else { return }
        documents[entry.place.sequence] = nil
        places.remove(at: Self.index(of: entry.place, in: places))
        guard let turn = turns[entry.flow] else { return }
        // Who has nothing waiting begins his next turn at the line's own time.
        turns[entry.flow] = turn.count > 1 ? Turn(lastTag: turn.lastTag, count: turn.count - 1) : nil
    }

    /// How many are served before it, as things stand, plus one; nil when it is not in the line.
    package func position(of id: DocumentID) -> Int? {
        entries[id].map { Self.index(of: $0.place, in: places) + 1 }
    }

    private static func index(of place: Place, in places: [Place]) -> Int {
        var low = 0
        var high = places.count
        while low < high {
            let middle = (low + high) / 2
            if places[middle] < place { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
