import CLinux
import Synchronization
import System

// Theory of operation
//
// One loop is one thread around epoll_wait. All that belongs to a loop (its streams, timers, watchers, documents) is
// touched by that thread alone, so none of it has a lock. A turn is: wait; hand each ready descriptor to its handler;
// run what other threads put into the mailbox; run due timers; then the end of the turn, where streams that were
// written to send what they gathered in one call each. Code on a loop runs to its end without suspension.
//
// The kernel gives back a 64-bit token an event: the slot of the registration and its generation. A slot that was given
// to another descriptor within the same turn has another generation, so a stale event never reaches a new owner.

/// Something that waits for a descriptor on a loop.
package protocol EventHandler: AnyObject {
    func handle(_ readiness: Readiness)
}

/// Work that gathers during a turn and is done once at its end.
package protocol TurnEndHandler: AnyObject {
    func turnEnds()
}

/// A thread that waits for descriptors, messages and timers, and runs their handlers one after the other.
package final class EventLoop: @unchecked Sendable {
    /// Bytes of the buffer that all streams of a loop read into, one after the other.
    package static let readBufferBytes = 256 * 1024
    private static let eventsPerTurnMax = 256

    package let index: Int
    package let readBuffer: UnsafeMutableRawBufferPointer
    let cork = CorkBuffer()

    private let poller: Poller
    private let wakeUp: WakeUp
    // The mailbox protects what other threads post. It is a leaf lock: nothing is called while it is held.
    private let mailbox = Mutex<[@Sendable () -> Void]>([])
    private let isAwake = Atomic<Bool>(false)
    private let threadID = Atomic<UInt>(0)

    private struct Slot {
        var handler: (any EventHandler)?
        var generation: UInt32
    }
    private var slots: [Slot] = []
    private var freeSlots: [Int] = []
    private var timers = TimerHeap()
    private var turnEnders: [any TurnEndHandler] = []
    private var isStopping = false

    private var turnMilliseconds = Clock.monotonicMilliseconds
    /// Monotonic time, read once a turn.
    package var nowMilliseconds: Int64 { turnMilliseconds }

    private static let wakeUpToken = UInt64.max

    package init(index: Int) throws(SystemError) {
        self.index = index
        readBuffer = .allocate(byteCount: Self.readBufferBytes, alignment: 4096)
        poller = try Poller()
        wakeUp = try WakeUp()
        try poller.add(wakeUp.raw, .read, token: Self.wakeUpToken)
    }

    deinit { readBuffer.deallocate() }

    /// Whether the caller runs on this loop's thread.
    package var isCurrent: Bool { threadID.load(ordering: .relaxed) == Thread.currentID }

    /// Runs until `stop`; the calling thread becomes the loop's.
    package func run() throws(SystemError) {
        threadID.store(Thread.currentID, ordering: .relaxed)
        var failure: SystemError?
        withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: Self.eventsPerTurnMax) { events in
            while !isStopping && failure == nil {
                do throws(SystemError) { try turn(events) } catch { failure = error }
            }
        }
        if let failure { throw failure }
    }

    private func turn(_ events: UnsafeMutableBufferPointer<epoll_event>) throws(SystemError) {
        let timeout = turnEnders.isEmpty ? timers.timeoutMilliseconds(now: Clock.monotonicMilliseconds) : 0
        let count = try poller.wait(into: events, timeoutMilliseconds: timeout)
        turnMilliseconds = Clock.monotonicMilliseconds
        for event in events[..<count] {
            let token = event.data.u64
            if token == Self.wakeUpToken {
                wakeUp.clear()
                // Before the mailbox is emptied: whoever posts after this must wake the loop again.
                isAwake.store(false, ordering: .sequentiallyConsistent)
                continue
            }
            let slot = slots[Int(token & 0xffff_ffff)]
            guard slot.generation == UInt32(token >> 32), let handler = slot.handler else { continue }
            handler.handle(Readiness(rawValue: event.events))
        }
        let letters = mailbox.withLock { letters in
            let taken = letters
            letters = []
            return taken
        }
        for letter in letters { letter() }
        while let work = timers.takeDue(now: nowMilliseconds) { work() }
        if !turnEnders.isEmpty {
            let ending = turnEnders
            turnEnders.removeAll(keepingCapacity: true)
            for handler in ending { handler.turnEnds() }
        }
    }

    /// Ends `run` after this turn. On the loop.
    package func stop() {
        isStopping = true
    }

    // MARK: Mailbox

    /// Runs `work` on the loop, in the order of posting. From any thread; costs a lock, and a wake-up when it sleeps.
    package func post(_ work: @escaping @Sendable () -> Void) {
        mailbox.withLock { $0.append(work) }
        if !isAwake.exchange(true, ordering: .sequentiallyConsistent) { wakeUp.signal() }
    }

    /// Runs `work` at once when already on this loop, else posts it.
    package func perform(_ work: @escaping @Sendable () -> Void) {
        if isCurrent { work() } else { post(work) }
    }

    // MARK: Descriptors

    /// A handler's place in the loop. It must be given back with `deregister` before the descriptor is closed.
    package struct Registration {
        fileprivate let slot: UInt32
        fileprivate let generation: UInt32
        fileprivate let descriptor: Int32

        fileprivate var token: UInt64 { UInt64(generation) << 32 | UInt64(slot) }
    }

    package func register(
        _ descriptor: Int32, for interest: Readiness, handler: any EventHandler
    ) throws(SystemError) -> Registration {
        let slot: Int
        if let free = freeSlots.popLast() {
            slot = free
            slots[slot].handler = handler
        } else {
            slot = slots.count
            slots.append(Slot(handler: handler, generation: 0))
        }
        let registration = Registration(
            slot: UInt32(slot), generation: slots[slot].generation, descriptor: descriptor)
        do throws(SystemError) {
            try poller.add(descriptor, interest, token: registration.token)
        } catch {
            free(slot)
            throw error
        }
        return registration
    }

    package func update(_ registration: Registration, interest: Readiness) {
        do throws(SystemError) {
            try poller.modify(registration.descriptor, interest, token: registration.token)
        } catch {
            preconditionFailure("\(error): a registered descriptor was closed without deregistering it")
        }
    }

    package func deregister(_ registration: Registration) {
        poller.remove(registration.descriptor)
        free(Int(registration.slot))
    }

    private func free(_ slot: Int) {
        slots[slot].handler = nil
        slots[slot].generation &+= 1
        freeSlots.append(slot)
    }

    // MARK: Time

    /// Runs `work` on the loop once, not before `milliseconds` have passed.
    @discardableResult
    package func schedule(afterMilliseconds milliseconds: Int64, _ work: @escaping () -> Void) -> TimerHeap.Token {
        timers.add(at: Clock.monotonicMilliseconds + milliseconds, work)
    }

    package func cancel(_ token: TimerHeap.Token) {
        timers.cancel(token)
    }

    /// Calls `handler` once when this turn ends.
    package func atTurnEnd(_ handler: any TurnEndHandler) {
        turnEnders.append(handler)
    }
}
