import Loop
import Synchronization
import System

/// Makes new names in a directory durable. Whoever asks while a sync runs waits for the next one, which serves all of
/// them: a hundred uploads that end together cost two syncs of the directory, not a hundred.
final class DirectorySync: Sendable {
    typealias Completion = @Sendable (SystemError?) -> Void

    private struct State {
        var isRunning = false
        var waiting: [Completion] = []
    }

    private let path: String
    private let threads: DiskThreads
    private let counters: DiskCounters
    // A leaf lock: nothing is called while it is held.
    private let state = Mutex(State())

    init(path: String, threads: DiskThreads, counters: DiskCounters) {
        self.path = path
        self.threads = threads
        self.counters = counters
    }

    /// Calls on a disk thread, once a sync that began after this call is done.
    func request(_ completion: @escaping Completion) {
        let starts = state.withLock { state in
            state.waiting.append(completion)
            defer { state.isRunning = true }
            return !state.isRunning
        }
        if starts { threads.submit { [self] in run() } }
    }

    private func run() {
        while true {
            let served = state.withLock { state in
                defer { state.waiting = [] }
                if state.waiting.isEmpty { state.isRunning = false }
                return state.waiting
            }
            if served.isEmpty { return }
            var failure: SystemError?
            do throws(SystemError) {
                counters.directorySyncs.add(1, ordering: .relaxed)
                try Files.syncDirectory(path)
            } catch {
                failure = error
            }
            for completion in served { completion(failure) }
        }
    }
}

/// How often the disk was made to keep something, for `/metrics` and the benchmark.
package final class DiskCounters: Sendable {
    package let fileSyncs = Atomic<Int>(0)
    package let directorySyncs = Atomic<Int>(0)

    package init() {}
}
