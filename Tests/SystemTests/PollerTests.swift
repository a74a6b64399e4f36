import CLinux
import Glibc
import Testing

@testable import System

@Suite("Waiting for descriptors, wake-ups and signals")
struct PollerTests {
    /// The tokens of what is ready, without waiting for it.
    static func ready(_ poller: borrowing Poller) throws -> [UInt64: Readiness] {
        try withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: 8) { events in
            let count = try poller.wait(into: events, timeoutMilliseconds: 0)
            var found: [UInt64: Readiness] = [:]
            for event in events[..<count] { found[event.data.u64] = Readiness(rawValue: event.events) }
            return found
        }
    }

    @Test("what is ready is named by the token it was given, for as long as it is ready")
    func tokens() throws {
        let poller = try Poller()
        let pipe = try DescriptorPair.pipe()
        try poller.add(pipe.first.raw, .read, token: 7 << 40)
        try poller.add(pipe.second.raw, .write, token: 8)
        #expect(try Self.ready(poller) == [8: .write])
        try DescriptorIO.writeAll(pipe.second.raw, [1])
        for _ in 0..<2 { #expect(try Self.ready(poller) == [8: .write, 7 << 40: .read]) }
        try poller.modify(pipe.first.raw, [], token: 7 << 40)
        poller.remove(pipe.second.raw)
        #expect(try Self.ready(poller) == [:])
        #expect(throws: SystemError("epoll_ctl(MOD)", ENOENT)) {
            try poller.modify(pipe.second.raw, .write, token: 8)
        }
        #expect(throws: SystemError("epoll_ctl(ADD)", EEXIST)) {
            try poller.add(pipe.first.raw, .read, token: 1)
        }
    }

    @Test("any number of wake-ups is one, until it is cleared")
    func wakeUp() throws {
        let poller = try Poller()
        let wakeUp = try WakeUp()
        try poller.add(wakeUp.raw, .read, token: 1)
        #expect(try Self.ready(poller) == [:])
        for _ in 0..<3 { wakeUp.signal() }
        #expect(try Self.ready(poller) == [1: .read])
        wakeUp.clear()
        #expect(try Self.ready(poller) == [:])
        wakeUp.clear()
    }

    @Test("a signal becomes an event instead of the end of the process")
    func signals() throws {
        // On a thread of its own: the signal stays blocked there.
        let seen = try onOwnThread {
            let source = try SignalSource([SIGUSR2, SIGTERM])
            let before = source.next()
            pthread_kill(pthread_self(), SIGUSR2)
            return [before, source.next(), source.next()]
        }
        #expect(seen == [nil, SIGUSR2, nil])
    }

    @Test("clocks go forward, and randomness does not repeat")
    func clocksAndRandomness() {
        let before = Clock.monotonicNanoseconds
        #expect(Clock.monotonicNanoseconds >= before)
        #expect(Clock.monotonicMilliseconds >= before / 1_000_000)
        // 2020, before which no machine that runs this was set.
        #expect(Clock.unixMilliseconds > 1_577_836_800_000)
        #expect(Randomness.bytes(0) == [])
        #expect(Randomness.bytes(100_000).count == 100_000)
        #expect(Randomness.bytes(16) != Randomness.bytes(16))
        #expect(Randomness.integer() != Randomness.integer())
    }
}
