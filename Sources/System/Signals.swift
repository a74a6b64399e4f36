import CLinux
import Glibc

/// Signals as readable events (signalfd(2)).
package struct SignalSource: ~Copyable {
    package static let hangUp = SIGHUP
    package static let interrupt = SIGINT
    package static let terminate = SIGTERM

    private let descriptor: OwnedDescriptor
    package var raw: Int32 { descriptor.raw }

    /// Must run before any thread is started: a blocked signal is inherited, and reaches only this descriptor then.
    package init(_ signals: [Int32]) throws(SystemError) {
        var set = sigset_t()
        sigemptyset(&set)
        for signal in signals { sigaddset(&set, signal) }
        let result = pthread_sigmask(SIG_BLOCK, &set, nil)
        guard result == 0 else { throw SystemError("pthread_sigmask", result) }
        let flags = Int32(SFD_NONBLOCK) | Int32(SFD_CLOEXEC)
        descriptor = OwnedDescriptor(owning: try check("signalfd") { signalfd(-1, &set, flags) })
    }

    /// The next signal that arrived, or nil.
    package func next() -> Int32? {
        var info = signalfd_siginfo()
        let size = MemoryLayout<signalfd_siginfo>.size
        guard read(descriptor.raw, &info, size) == size else { return nil }
        return Int32(info.ssi_signo)
    }

    /// A peer that closes must be an errno, not the end of the process.
    package static func ignoreBrokenPipes() { _ = signal(SIGPIPE, SIG_IGN) }

    /// Whoever started this process may have had its children reaped by the kernel; ours are waited for.
    package static func waitForChildren() { _ = signal(SIGCHLD, SIG_DFL) }
}
