/// Keeps account of who has which message: losses, repetitions and order at each watcher, and for each message when
/// the last watcher had it.
///
/// For each watcher and publisher one figure is kept, the sequence number that is expected next. A higher one closes
/// a gap: what lies in it will not come any more and is *missing*, or *skipped* where watchers conflate, that is,
/// where a server may leave out all but the newest. A lower one is *disordered*: it was repeated, or overtaken.
///
/// A message is in flight until every watcher has it or has gone past it. What remains at the end is missing in either
/// case, for the newest message is the one that nobody may leave out.
package struct DeliveryBook {
    /// Messages of one publisher that can be in flight; a publisher waits beyond.
    package static let inFlightPerPublisherMax = 1 << 14

    package private(set) var delivered: UInt64 = 0
    package private(set) var missing: UInt64 = 0
    package private(set) var skipped: UInt64 = 0
    package private(set) var disordered: UInt64 = 0
    /// Stamps that nobody has written: a publisher or a sequence number that does not exist.
    package private(set) var unknown: UInt64 = 0
    package private(set) var inFlight = 0
    package private(set) var published: UInt64 = 0

    /// From publishing to delivery, each delivery; and to the last delivery, each message.
    package private(set) var deliveryLatency = LatencyHistogram()
    package private(set) var completionLatency = LatencyHistogram()
    /// Only what was published since is counted in the latencies; nothing at first.
    package var measuredFrom = Int64.max

    private struct Message {
        var sentNanoseconds: Int64 = 0
        var watchersLeft = 0
    }
    /// One publisher's messages in flight: a ring, found by the low bits of the sequence number.
    private struct Lane {
        var ring = [Message](repeating: Message(), count: inFlightPerPublisherMax)
        var oldest: UInt32 = 0
        var next: UInt32 = 0
    }
    private var lanes: [Lane]
    /// What each watcher expects next, all publishers of a watcher side by side.
    private var expected: [UInt32]
    private var hasLeft: [Bool]
    private let conflates: Bool
    package private(set) var watching: Int

    package init(watchers: Int, publishers: Int, conflates: Bool) {
        lanes = Array(repeating: Lane(), count: publishers)
        expected = Array(repeating: 0, count: watchers * publishers)
        hasLeft = Array(repeating: false, count: watchers)
        watching = watchers
        self.conflates = conflates
    }

    package func canPublish(_ publisher: Int) -> Bool {
        lanes[publisher].next - lanes[publisher].oldest < Self.inFlightPerPublisherMax
    }

    /// Enters a message that goes out, and returns its sequence number.
    package mutating func publish(_ publisher: Int, at sentNanoseconds: Int64) -> UInt32 {
        precondition(canPublish(publisher), "ask canPublish first")
        let sequence = lanes[publisher].next
        lanes[publisher].ring[Self.place(sequence)] = Message(
            sentNanoseconds: sentNanoseconds, watchersLeft: watching)
        lanes[publisher].next += 1
        published += 1
        if watching > 0 { inFlight += 1 }
        return sequence
    }

    /// Enters what a watcher received.
    package mutating func deliver(to watcher: Int, _ stamp: MessageStamp, at now: Int64) {
        let publisher = Int(stamp.publisher)
        guard publisher < lanes.count, stamp.sequence < lanes[publisher].next, !hasLeft[watcher] else {
            unknown += 1
            return
        }
        delivered += 1
        if stamp.sentNanoseconds >= measuredFrom { deliveryLatency.add(now - stamp.sentNanoseconds) }
        let place = watcher * lanes.count + publisher
        let next = expected[place]
        guard stamp.sequence >= next else {
            disordered += 1
            return
        }
        if stamp.sequence > next {
            let gap = UInt64(stamp.sequence - next)
            if conflates { skipped += gap } else { missing += gap }
            for sequence in next..<stamp.sequence { settle(sequence, of: publisher, at: now) }
        }
        settle(stamp.sequence, of: publisher, at: now)
        expected[place] = stamp.sequence + 1
    }

    /// A watcher is gone. What was on the way to it is missing; nothing is expected of it any more.
    package mutating func leave(_ watcher: Int, at now: Int64) {
        guard !hasLeft[watcher] else { return }
        abandon(watcher, publishedBefore: .max, at: now)
        hasLeft[watcher] = true
        watching -= 1
    }

    /// Writes off what was published before `moment` and has still not come, so that a lost message that no later one
    /// reveals does not hold the window shut. Returns how many deliveries that were.
    @discardableResult
    package mutating func writeOff(publishedBefore moment: Int64, at now: Int64) -> UInt64 {
        guard inFlight > 0 else { return 0 }
        let before = missing
        for watcher in hasLeft.indices where !hasLeft[watcher] {
            abandon(watcher, publishedBefore: moment, at: now)
        }
        return missing - before
    }

    private mutating func abandon(_ watcher: Int, publishedBefore moment: Int64, at now: Int64) {
        for publisher in lanes.indices {
            let place = watcher * lanes.count + publisher
            while expected[place] < lanes[publisher].next {
                let sequence = expected[place]
                guard lanes[publisher].ring[Self.place(sequence)].sentNanoseconds < moment else { break }
                missing += 1
                expected[place] += 1
                settle(sequence, of: publisher, at: now, counts: false)
            }
        }
    }

    /// One watcher more has a message, or has gone past it. `counts`: false where it never came.
    private mutating func settle(_ sequence: UInt32, of publisher: Int, at now: Int64, counts: Bool = true) {
        let place = Self.place(sequence)
        lanes[publisher].ring[place].watchersLeft -= 1
        guard lanes[publisher].ring[place].watchersLeft == 0 else { return }
        inFlight -= 1
        let sent = lanes[publisher].ring[place].sentNanoseconds
        if counts && sent >= measuredFrom { completionLatency.add(now - sent) }
        while lanes[publisher].oldest < lanes[publisher].next,
            lanes[publisher].ring[Self.place(lanes[publisher].oldest)].watchersLeft == 0
        {
            lanes[publisher].oldest += 1
        }
    }

    private static func place(_ sequence: UInt32) -> Int { Int(sequence) & (inFlightPerPublisherMax - 1) }
}
