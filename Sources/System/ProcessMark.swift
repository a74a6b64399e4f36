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
                let living = ProcessMark.end { contains($0) }
                found.formUnion(living)
                if living.isEmpty || Clock.monotonicMilliseconds >= deadline { return (found.count, living.count) }
                Thread.sleep(milliseconds: 5)
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

    /// All that bear it, zombies left out.
    var bearers: [Int32] {
        Self.processes { $0 == value }.filter { process in
            let descriptor = hw_pidfd_open(process)
            guard descriptor >= 0 else { return false }
            return !Self.hasEnded(OwnedDescriptor(owning: descriptor))
        }
    }

    /// Ends all that bear it but `child`, which somebody else waits for. Returns those that were not dead yet.
    func endDescendants(of child: Int32) -> [Int32] { Self.end(except: child) { $0 == value } }

    /// Sends SIGKILL to all whose mark is meant, reaps those that are dead and ours, and returns the others.
    private static func end(except child: Int32 = 0, _ isMeant: (UInt64) -> Bool) -> [Int32] {
        var living: [Int32] = []
        for process in processes(isMeant) where process != child {
            let raw = hw_pidfd_open(process)
            guard raw >= 0 else { continue }
            let descriptor = OwnedDescriptor(owning: raw)
            // The number may have passed to another since it was looked at; what the descriptor holds stays the same.
            guard let mark = Self.mark(of: process), isMeant(mark) else { continue }
            if !hasEnded(descriptor) {
                _ = hw_pidfd_send_signal(descriptor.raw, SIGKILL)
                living.append(process)
            }
            // Not a child of ours: whoever it is a child of will do it.
            var ending = hw_ending()
            _ = hw_reap(process, false, &ending)
        }
        return living
    }

    private static func hasEnded(_ descriptor: borrowing OwnedDescriptor) -> Bool {
        var ready = pollfd(fd: descriptor.raw, events: Int16(POLLIN), revents: 0)
        return poll(&ready, 1, 0) == 1
    }

    private static func processes(_ isMeant: (UInt64) -> Bool) -> [Int32] {
        var found: [Int32] = []
        // Without /proc nobody is found; the group is killed all the same.
        try? Files.eachName(in: "/proc") { name in
            if let process = Int32(name), let mark = mark(of: process), isMeant(mark) { found.append(process) }
        }
        return found
    }

    private static func mark(of process: Int32) -> UInt64? {
        var value: UInt64 = 0
        return hw_hard_limit(process, Int32(resource), &value) == 0 && value >= base && value < base << 1 ? value : nil
    }
}
