import CLinux
import Glibc

// Theory of operation
//
// A process that starts another which starts a third and ends, has left no trace in the third: another parent, and with
// setsid(2) another session and group. What no process can shed is its limits: they pass through fork and exec, and a
// hard limit is only ever lowered. RLIMIT_RSS limits nothing (Linux has not looked at it since 2.4.30), so its value is
// free to be a name. Each child is given one of its own that tells the server's run and the child; the filter of system
// calls refuses to change it, and prlimit(2) reads it of any process of the same user, also of one that has ended and
// is not yet reaped.
//
// So the descendants of a child are those that bear its mark, wherever they went. The server adopts those whose parent
// has ended (PR_SET_CHILD_SUBREAPER), to reap them. A later server finds what an earlier one left behind by the part of
// the mark that names the run, which it kept in a file: no child need be recorded, and none can be mistaken.

/// A name that a child and all that it starts bear.
package struct ProcessMark: Sendable, Hashable {
    static let resource = UInt32(HW_MARK_RESOURCE)
    /// Larger than any memory: nobody's own limit is taken for a mark.
    private static let base: UInt64 = 1 << 61
    private static let childBits: UInt64 = 28

    let value: UInt64

    /// The children of one run of the server.
    package struct Family: Sendable, Hashable {
        let number: UInt64

        package init() { number = Randomness.integer() >> 32 }

        /// As it was written down.
        package init?(_ text: String) {
            guard let number = UInt64(text), number >> 32 == 0 else { return nil }
            self.number = number
        }

        package var text: String { String(number) }

        func contains(_ value: UInt64) -> Bool {
            value >> ProcessMark.childBits == base >> ProcessMark.childBits | number
        }

        /// Ends all of them, and waits for that. Returns how many there were, and how many are there still.
        package func end(waitMilliseconds: Int64) -> (found: Int, left: Int) {
            let deadline = Clock.monotonicMilliseconds + waitMilliseconds
            var found: Set<Int32> = []
            while true {
                let sweep = ProcessMark.sweep { contains($0) }
                found.formUnion(sweep.found)
                if sweep.isClean || Clock.monotonicMilliseconds >= deadline { return (found.count, sweep.living) }
                if !sweep.hasMore { Thread.sleep(milliseconds: 5) }
            }
        }
    }

    /// Of this run.
    package static let family = Family()

    /// A new one. Two children that live at the same time have the same one time in millions of millions.
    init() { value = Self.base | Self.family.number << Self.childBits | Randomness.integer() >> (64 - Self.childBits) }

    /// Not where somebody has given this process a limit of its own, and no right to raise it.
    static var canBeSet: Bool {
        var limit: UInt64 = 0
        return hw_hard_limit(0, Int32(resource), &limit) == 0 && limit >= base << 1 || geteuid() == 0
    }

    /// All that bear it. One that has ended and is not reaped takes its place among the machine's processes as well.
    var bearers: [Int32] {
        var found: [Int32] = []
        Self.eachProcess { if Self.mark(of: $0) == value { found.append($0) } }
        return found
    }

    /// Reaps those of its bearers but `child` that have ended and were adopted: nobody else waits for them. Returns the
    /// CPU time that they and theirs have used, in clock ticks.
    func reapAdopted(_ bearers: [Int32], of child: Int32) -> Int64 {
        var microseconds: Int64 = 0
        for process in bearers where process != child {
            var ending = hw_ending()
            if hw_reap(process, false, &ending) == 1 { microseconds += Int64(ending.cpu_microseconds) }
        }
        return microseconds * ThisProcess.clockTicksPerSecond / 1_000_000
    }

    /// What a search for processes to be ended came to.
    package struct Sweep: Sendable, Equatable {
        /// All that were found alive, and sent SIGKILL.
        var found: Set<Int32> = []
        /// Of these, how many were not dead at the last look.
        var living = 0
        /// The last look found what none had found before: there may be more.
        package var hasMore = false

        /// Nothing is left, of which the last look found nothing.
        package var isClean: Bool { living == 0 && !hasMore }
    }

    /// A sweep looks again for so long, as long as it finds more.
    static let sweepMillisecondsMax: Int64 = 10
    /// The numbers that were given last, which each look tries once more at its end.
    static let newestMax: Int32 = 4

    /// Ends all that bear it but `child`, which somebody else waits for.
    func sweepDescendants(of child: Int32) -> Sweep { Self.sweep(except: child) { $0 == value } }

    /// Sends SIGKILL to all whose mark is meant, and reaps those that are dead and ours.
    ///
    /// One that starts the next and ends is dead before it is hit. So each is ended in the moment it is found, the
    /// newest are tried on top of that, and it is looked again at once as long as anything new comes up. A look that
    /// finds nothing has missed nothing: of such a chain, what has ended is there until it is reaped here.
    private static func sweep(except child: Int32 = 0, _ isMeant: (UInt64) -> Bool) -> Sweep {
        let deadline = Clock.monotonicMilliseconds + sweepMillisecondsMax
        var sweep = Sweep()
        repeat {
            var living: Set<Int32> = []
            sweep.hasMore = false
            func meet(_ process: Int32) {
                guard process != child, process > 1 else { return }
                switch end(process, isMeant) {
                case .alive:
                    living.insert(process)
                    if sweep.found.insert(process).inserted { sweep.hasMore = true }
                case .reaped: sweep.hasMore = true
                case .another: break
                }
            }
            eachProcess(meet)
            if sweep.hasMore, let newest = ThisProcess.newestProcessID {
                for process in newest - newestMax + 1...newest { meet(process) }
            }
            sweep.living = living.count
        } while sweep.hasMore && Clock.monotonicMilliseconds < deadline
        return sweep
    }

    private enum End { case alive, reaped, another }

    private static func end(_ process: Int32, _ isMeant: (UInt64) -> Bool) -> End {
        guard let mark = mark(of: process), isMeant(mark) else { return .another }
        let raw = hw_pidfd_open(process)
        guard raw >= 0 else { return .another }
        let descriptor = OwnedDescriptor(owning: raw)
        // The number may have passed to another since it was looked at; what the descriptor holds stays the same.
        guard let mark = Self.mark(of: process), isMeant(mark) else { return .another }
        let wasAlive = !hasEnded(descriptor)
        if wasAlive { _ = hw_pidfd_send_signal(descriptor.raw, SIGKILL) }
        // Where it is not a child of ours, whoever it is a child of will do it.
        let isReaped = reap(process)
        return wasAlive ? .alive : isReaped ? .reaped : .another
    }

    /// Whether it had ended and was a child of this process.
    private static func reap(_ process: Int32) -> Bool {
        var ending = hw_ending()
        return hw_reap(process, false, &ending) == 1
    }

    private static func hasEnded(_ descriptor: borrowing OwnedDescriptor) -> Bool {
        var ready = pollfd(fd: descriptor.raw, events: Int16(POLLIN), revents: 0)
        return poll(&ready, 1, 0) == 1
    }

    private static func eachProcess(_ body: (Int32) -> Void) {
        // Without /proc nobody is found; the group is killed all the same.
        try? Files.eachName(in: "/proc") { name in
            if let process = Int32(name) { body(process) }
        }
    }

    private static func mark(of process: Int32) -> UInt64? {
        var value: UInt64 = 0
        return hw_hard_limit(process, Int32(resource), &value) == 0 && value >= base && value < base << 1 ? value : nil
    }
}
