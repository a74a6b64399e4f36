import Glibc
import Synchronization

/// Signals as bytes on a pipe, so that the one loop of a command hears of them where it waits for everything else.
///
/// `install` once, before the loop; then poll `descriptor` for reading, call `drain` when it is readable, and look at
/// `taken`. SIGINT, SIGTERM and SIGHUP are kept; SIGWINCH only wakes the loop, which then draws for the new width.
package enum Interrupts {
    private static let kept = Atomic<Int32>(0)
    private static let count = Atomic<Int>(0)
    private static let reading = Atomic<Int32>(-1)
    private static let writing = Atomic<Int32>(-1)

    package static var descriptor: Int32 { reading.load(ordering: .relaxed) }

    /// The first signal that asked the command to end; nil while none has.
    package static var taken: Int32? {
        let signal = kept.load(ordering: .relaxed)
        return signal == 0 ? nil : signal
    }

    /// How many have asked: a second one means at once.
    package static var takenCount: Int { count.load(ordering: .relaxed) }

    package static func install() {
        guard descriptor < 0 else { return }
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        reading.store(ends[0], ordering: .relaxed)
        writing.store(ends[1], ordering: .relaxed)
        // A closed reader of ours is an error of write(2), not the command's death in the middle of a line.
        signal(SIGPIPE, SIG_IGN)
        var action = sigaction()
        // Without SA_RESTART: a read or write that blocks comes back and looks.
        action.__sigaction_handler.sa_handler = { signal in
            // Only what is safe inside a handler: atomics that exist already, and write(2).
            if signal != SIGWINCH {
                _ = Interrupts.kept.compareExchange(expected: 0, desired: signal, ordering: .relaxed)
                Interrupts.count.wrappingAdd(1, ordering: .relaxed)
            }
            let saved = errno
            var byte: UInt8 = 0
            _ = write(Interrupts.writing.load(ordering: .relaxed), &byte, 1)
            errno = saved
        }
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGWINCH] { sigaction(signal, &action, nil) }
    }

    /// Empties the pipe after it was readable.
    package static func drain() {
        var bytes = [UInt8](repeating: 0, count: 64)
        while read(descriptor, &bytes, bytes.count) > 0 {}
    }
}
