import Glibc
import LoopTesting
import System
import Testing

@testable import Loop

@Suite("Descriptors on a loop")
struct RegistrationTests {
    final class Handler: EventHandler, @unchecked Sendable {
        var body: () -> Void
        init(_ body: @escaping () -> Void = {}) { self.body = body }
        func handle(_ readiness: Readiness) { body() }
    }

    @Test("a stale event never reaches the new owner of its place")
    func stale() throws {
        let thread = try LoopThread()
        let loop = thread.loop
        let pairs = try (0..<3).map { _ in try Pair() }
        let idle = try (0..<2).map { _ in try Pair() }
        // All are ready before the loop looks again, so one turn gets an event for each.
        for pair in pairs { pair.peer.write([1]) }

        final class State {
            var registrations: [EventLoop.Registration?] = []
            var newcomers: [EventLoop.Registration] = []
            var handled = 0
        }
        let state = OnLoop(State())
        let newcomersEvents = OnLoop(0)
        try thread.on {
            for (index, pair) in pairs.enumerated() {
                let handler = Handler {
                    // Whoever comes first gives back the others' places, and a newcomer takes each.
                    state.value.handled += 1
                    for other in pairs.indices {
                        guard let registration = state.value.registrations[other] else { continue }
                        loop.deregister(registration)
                        state.value.registrations[other] = nil
                        guard other != index else { continue }
                        let descriptor = idle[state.value.newcomers.count].descriptor
                        let newcomer = Handler { newcomersEvents.value += 1 }
                        if let registration = try? loop.register(descriptor, for: .read, handler: newcomer) {
                            state.value.newcomers.append(registration)
                        }
                    }
                }
                state.value.registrations.append(try loop.register(pair.descriptor, for: .read, handler: handler))
            }
        }
        try thread.turns()
        #expect(try thread.on { state.value.handled } == 1)
        #expect(try thread.on { state.value.newcomers.count } == 2)
        #expect(try thread.on { newcomersEvents.value } == 0)

        // The newcomers do hear of their own descriptors.
        for pair in idle { pair.peer.write([1]) }
        try thread.turns()
        try thread.on { for newcomer in state.value.newcomers { loop.deregister(newcomer) } }
        #expect(try thread.on { newcomersEvents.value } >= 2)
    }

    @Test("a handler hears of what it waits for, again and again until it is dealt with, and no more once it has left")
    func interest() throws {
        let thread = try LoopThread()
        let loop = thread.loop
        let pair = try Pair()
        let count = OnLoop(0)
        let registration = OnLoop<EventLoop.Registration?>(nil)
        let handler = Handler { count.value += 1 }
        try thread.on { registration.value = try loop.register(pair.descriptor, for: .read, handler: handler) }
        try thread.turns()
        #expect(try thread.on { count.value } == 0)
        pair.peer.write([1])
        try thread.turns()
        #expect(try thread.on { count.value } >= 2)

        let paused = try thread.on {
            loop.update(registration.value!, interest: [])
            return count.value
        }
        try thread.turns()
        #expect(try thread.on { count.value } == paused)
        try thread.on { loop.update(registration.value!, interest: .read) }
        try thread.turns()
        let resumed = try thread.on {
            loop.deregister(registration.value!)
            return count.value
        }
        #expect(resumed > paused)
        try thread.turns()
        #expect(try thread.on { count.value } == resumed)
    }

    @Test("what epoll refuses is an error, and its place serves the next")
    func refused() throws {
        let thread = try LoopThread()
        let loop = thread.loop
        let pair = try Pair()
        pair.peer.write([1])
        let heard = thread.queue(of: Int.self)
        let file = Glibc.open("/proc/self/exe", O_RDONLY | O_CLOEXEC)
        defer { Glibc.close(file) }
        let number = try thread.on { () -> Int32 in
            do throws(SystemError) {
                _ = try loop.register(file, for: .read, handler: Handler())
                return 0
            } catch {
                return error.number
            }
        }
        // epoll_ctl(2): EPERM for a file that cannot be waited for.
        #expect(number == EPERM)
        let registration = OnLoop<EventLoop.Registration?>(nil)
        try thread.on {
            registration.value = try loop.register(
                pair.descriptor, for: .read,
                handler: Handler {
                    heard.put(1)
                    if let own = registration.value { loop.deregister(own) }
                    registration.value = nil
                })
        }
        #expect(heard.takeFirst() == 1)
    }
}
