import Loop
import Synchronization

/// Makes the digest of one upload beside its writing: buffers come from the thread that writes, and another thread
/// takes one after the other.
final class DigestLane: Sendable {
    private struct State {
        var waiting: [IntakeBuffer] = []
        var isRunning = false
        var whenIdle: (@Sendable () -> Void)?
    }

    private let digest: RunningDigest
    private let buffers: IntakeBuffers
    private let threads: DiskThreads
    // A leaf lock: nothing is called while it is held.
    private let state = Mutex(State())

    init(_ digest: RunningDigest, buffers: IntakeBuffers, threads: DiskThreads) {
        self.digest = digest
        self.buffers = buffers
        self.threads = threads
    }

    /// Takes a buffer that is written, and gives it back when it has been read.
    func put(_ buffer: IntakeBuffer) {
        let starts = state.withLock { state in
            state.waiting.append(buffer)
            defer { state.isRunning = true }
            return !state.isRunning
        }
        if starts { threads.submit { [self] in run() } }
    }

    private func run() {
        while true {
            let (next, done) = state.withLock { state -> (IntakeBuffer?, (@Sendable () -> Void)?) in
                guard state.waiting.isEmpty else { return (state.waiting.removeFirst(), nil) }
                state.isRunning = false
                defer { state.whenIdle = nil }
                return (nil, state.whenIdle)
            }
            guard let next else {
                done?()
                return
            }
            digest.update(next.bytes, at: next.offset)
            buffers.give(next)
        }
    }

    /// Calls, from any thread, once nothing waits. For one asker at a time.
    func whenIdle(_ body: @escaping @Sendable () -> Void) {
        let isIdle = state.withLock { state in
            if state.isRunning { state.whenIdle = body }
            return !state.isRunning
        }
        if isIdle { body() }
    }
}
