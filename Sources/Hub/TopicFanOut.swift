import Core

// Theory of operation
//
// The watchers of one topic on one loop stand in a circle, and each knows up to which event it was served. Serving goes
// round: whoever is behind gets everything that is there by now, in one piece. So the work is one write a watcher a
// round, however fast events come: what is published while a round is under way joins what the later watchers get, and
// the earlier ones get it in the next round. A round is done in slices, so that the loop serves other connections in
// between. When nobody is behind, nothing is kept.

/// A member's place in a circle. A member keeps it and leaves it alone.
package struct Membership: Sendable {
    fileprivate var place = -1

    package init() {}

    /// Whether the member stands in a circle.
    package var isAttached: Bool { place >= 0 }
}

/// Somebody in a topic's circle. Called on its own loop.
package protocol TopicMember: AnyObject {
    var membership: Membership { get set }
    /// Takes what is new. It may detach itself and others meanwhile.
    func deliver(_ run: EventRun)
}

/// One topic on one loop: the events that are on their way, and the circle of those who get them.
package final class TopicFanOut {
    private let compressors: LoopCompressors
    private struct Place {
        /// Nil: left while a round was under way.
        var member: (any TopicMember)?
        /// The number of the first event that the member was not served yet. Beside the reference and not in the
        /// member, so that a round touches no member that has nothing to get.
        var next: UInt64
    }

    private var places: [Place] = []
    private var leftPlaces = 0
    private var pending: [EncodedEvent] = []
    /// The number of `pending[0]`, counted from the topic's first event.
    private var pendingStart: UInt64 = 0
    private var head: UInt64 { pendingStart + UInt64(pending.count) }

    private var position = 0
    /// Places still to be looked at before everybody is served.
    private var placesLeft = 0
    /// Everything before this had been published when the last round began, and is served to all when this one ends.
    private var headAtRoundStart: UInt64 = 0

    private var run: EventRun?
    private var runStart: UInt64 = 0
    private var runEnd: UInt64 = 0

    package init(_ compressors: LoopCompressors) { self.compressors = compressors }

    package var memberCount: Int { places.count - leftPlaces }
    package var isIdle: Bool { placesLeft == 0 }
    /// Events that wait for somebody to be served.
    package var pendingCount: Int { pending.count }

    /// Joins the circle: gets every event that is published from now on.
    package func attach(_ member: any TopicMember) {
        precondition(!member.membership.isAttached, "a member stands in one circle")
        member.membership.place = places.count
        places.append(Place(member: member, next: head))
        if placesLeft > 0 { placesLeft += 1 }
    }

    /// Leaves the circle. Does nothing for one that has left.
    package func detach(_ member: any TopicMember) {
        guard member.membership.isAttached else { return }
        let place = member.membership.place
        precondition(places[place].member === member, "a member leaves its own circle")
        if isIdle {
            places.swapAt(place, places.count - 1)
            places[place].member?.membership.place = place
            places.removeLast()
        } else {
            places[place].member = nil
            leftPlaces += 1
        }
        member.membership.place = -1
    }

    package func publish(_ event: EncodedEvent) {
        guard memberCount > 0 else { return }
        if isIdle { (position, headAtRoundStart) = (0, head) }
        pending.append(event)
        placesLeft = places.count
    }

    /// Serves at most `deliveriesMax` members; returns how many it served.
    package func serve(deliveriesMax: Int) -> Int {
        var deliveries = 0
        while placesLeft > 0 && deliveries < deliveriesMax {
            if position >= places.count { beginRound() }
            let start = places[position].next
            guard start < head, let member = places[position].member else {
                position += 1
                placesLeft -= 1
                continue
            }
            let run = run(from: start)
            places[position].next = head
            position += 1
            placesLeft -= 1
            deliveries += 1
            member.deliver(run)
        }
        if placesLeft == 0 { settle() }
        return deliveries
    }

    private func run(from start: UInt64) -> EventRun {
        if let run, runStart == start, runEnd == head { return run }
        let made = EventRun(pending[Int(start - pendingStart)...], compressors)
        (run, runStart, runEnd) = (made, start, head)
        return made
    }

    /// Every place was looked at once since the last round began: what had been published by then is served.
    private func beginRound() {
        position = 0
        let served = Int(headAtRoundStart - pendingStart)
        if served > 0 {
            pending.removeFirst(served)
            pendingStart = headAtRoundStart
        }
        headAtRoundStart = head
    }

    /// Nobody is behind.
    private func settle() {
        pendingStart = head
        pending.removeAll(keepingCapacity: pending.capacity <= 64)
        run = nil
        guard leftPlaces > 0 else { return }
        places.removeAll { $0.member == nil }
        leftPlaces = 0
        for index in places.indices { places[index].member?.membership.place = index }
    }
}
