import Testing

@testable import headway_load

@Suite("The account of deliveries")
struct DeliveryBookTests {
    /// A book with messages published at 0, 1, 2, … ns by publisher 0.
    static func book(watchers: Int, messages: Int, conflates: Bool = false, publishers: Int = 1) -> DeliveryBook {
        var book = DeliveryBook(watchers: watchers, publishers: publishers, conflates: conflates)
        book.measuredFrom = 0
        for index in 0..<messages { #expect(book.publish(0, at: Int64(index)) == UInt32(index)) }
        return book
    }

    static func stamp(_ sequence: UInt32, of publisher: UInt32 = 0) -> MessageStamp {
        MessageStamp(run: 1, publisher: publisher, sequence: sequence, sentNanoseconds: Int64(sequence))
    }

    @Test("a message is in flight until every watcher has it")
    func inFlight() {
        var book = Self.book(watchers: 3, messages: 2)
        #expect(book.inFlight == 2)
        for watcher in 0..<3 {
            #expect(book.completionLatency.count == 0)
            book.deliver(to: watcher, Self.stamp(0), at: 100 + Int64(watcher))
        }
        #expect(book.inFlight == 1)
        #expect(book.completionLatency.largest == 102)
        #expect(book.deliveryLatency.count == 3)
        for watcher in 0..<3 { book.deliver(to: watcher, Self.stamp(1), at: 200) }
        #expect(book.inFlight == 0)
        #expect((book.delivered, book.missing, book.disordered, book.unknown) == (6, 0, 0, 0))
    }

    @Test("a gap is missing, and what lies in it is not waited for")
    func gap() {
        var book = Self.book(watchers: 2, messages: 4)
        for sequence: UInt32 in 0..<4 { book.deliver(to: 0, Self.stamp(sequence), at: 10) }
        book.deliver(to: 1, Self.stamp(0), at: 10)
        book.deliver(to: 1, Self.stamp(3), at: 10)
        #expect(book.missing == 2)
        #expect(book.inFlight == 0)
    }

    @Test("where watchers conflate a gap is skipped, and a newer message completes the older ones")
    func conflating() {
        var book = Self.book(watchers: 2, messages: 4, conflates: true)
        book.deliver(to: 0, Self.stamp(3), at: 10)
        #expect(book.inFlight == 4)
        book.deliver(to: 1, Self.stamp(2), at: 20)
        #expect((book.skipped, book.missing, book.inFlight) == (5, 0, 1))
        #expect(book.completionLatency.count == 3)
        book.writeOff(publishedBefore: .max, at: 30)
        #expect((book.missing, book.inFlight) == (1, 0))
    }

    @Test("a message that comes twice, or late, is disordered and counts for nothing else")
    func disordered() {
        var book = Self.book(watchers: 1, messages: 3)
        for sequence: UInt32 in [0, 0, 2, 1] { book.deliver(to: 0, Self.stamp(sequence), at: 10) }
        #expect((book.disordered, book.missing, book.inFlight) == (2, 1, 0))
    }

    @Test("publishers may overtake each other, and each has its own numbers")
    func publishers() {
        var book = Self.book(watchers: 1, messages: 2, publishers: 2)
        #expect(book.publish(1, at: 5) == 0)
        for stamp in [Self.stamp(0, of: 1), Self.stamp(0), Self.stamp(1)] { book.deliver(to: 0, stamp, at: 10) }
        #expect((book.disordered, book.missing, book.inFlight) == (0, 0, 0))
    }

    @Test("what nobody has published is unknown")
    func unknown() {
        var book = Self.book(watchers: 1, messages: 1)
        book.deliver(to: 0, Self.stamp(1), at: 10)
        book.deliver(to: 0, Self.stamp(0, of: 7), at: 10)
        #expect((book.unknown, book.delivered, book.inFlight) == (2, 0, 1))
    }

    @Test("a watcher that leaves takes what was on its way along, and is not waited for")
    func leaving() {
        var book = Self.book(watchers: 2, messages: 2)
        book.deliver(to: 0, Self.stamp(0), at: 10)
        book.leave(1, at: 20)
        book.leave(1, at: 20)
        #expect((book.missing, book.inFlight, book.watching) == (2, 1, 1))
        #expect(book.publish(0, at: 30) == 2)
        book.deliver(to: 0, Self.stamp(1), at: 40)
        book.deliver(to: 0, Self.stamp(2), at: 40)
        #expect((book.missing, book.inFlight) == (2, 0))
    }

    @Test("only what is older than the patience is written off")
    func patience() {
        var book = Self.book(watchers: 2, messages: 3)
        book.deliver(to: 0, Self.stamp(0), at: 10)
        #expect(book.writeOff(publishedBefore: 2, at: 20) == 3)
        #expect((book.missing, book.inFlight) == (3, 1))
        #expect(book.completionLatency.count == 0)
    }

    @Test("a publisher has at most so many messages in flight, for as long as the oldest is")
    func bound() {
        let most = DeliveryBook.inFlightPerPublisherMax
        var book = Self.book(watchers: 1, messages: most)
        #expect(!book.canPublish(0))
        book.deliver(to: 0, Self.stamp(0), at: 10)
        #expect(book.canPublish(0))
        #expect(book.publish(0, at: 20) == UInt32(most))
        #expect(!book.canPublish(0))
        for sequence in 1...UInt32(most) { book.deliver(to: 0, Self.stamp(sequence), at: 30) }
        #expect((book.missing, book.inFlight, book.canPublish(0)) == (0, 0, true))
    }
}
