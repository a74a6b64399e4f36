import System

/// Threads for calls that block on a disk. Work is taken in the order of submission, by any thread of the pool; what
/// must stay in order submits its next step from the completion of the last.
package final class DiskThreads: Sendable {
    private let queue = BlockingQueue<@Sendable () -> Void>()

    package init(count: Int, name: String = "disk") throws(SystemError) {
        for index in 0..<count {
            try Thread.start(named: "\(name)-\(index)") { [queue] in
                while let work = queue.takeFirst() { work() }
            }
        }
    }

    package func submit(_ work: @escaping @Sendable () -> Void) {
        queue.put(work)
    }

    /// Runs `work` on a disk thread and hands its result to `completion` on `loop`.
    package func submit<Result: Sendable>(
        from loop: EventLoop, _ work: @escaping @Sendable () -> Result,
        then completion: @escaping @Sendable (Result) -> Void
    ) {
        queue.put {
            let result = work()
            loop.post { completion(result) }
        }
    }
}
