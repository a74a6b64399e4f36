import Synchronization
import System
import Testing

@testable import Loop

/// A loop on a thread of its own, and the test's way to it. Nothing waits by time: a test blocks on a queue until the
/// loop has put something in. Should that never come, the loop itself ends the wait after `patienceMilliseconds`, and
/// the test fails for want of it instead of hanging.
final class LoopThread: Sendable {
    static let patienceMilliseconds: Int64 = 30_000

    let loop: EventLoop
    private let ended = BlockingQueue<SystemError?>()
    /// Protects the ends of the queues that tests wait at.
    private let queueEnds = Mutex<[@Sendable () -> Void]>([])

    init() throws {
        let loop = try EventLoop(index: 0)
        self.loop = loop
        try Thread.start(named: "loop") { [ended] in
            do throws(SystemError) {
                try loop.run()
                ended.put(nil)
            } catch {
                ended.put(error)
            }
        }
        // Holds this object until then: a test that only waits has no other use for it.
        loop.post {
            loop.schedule(afterMilliseconds: Self.patienceMilliseconds) {
                for end in self.queueEnds.withLock({ $0 }) { end() }
                loop.stop()
            }
        }
    }

    /// A queue that a test may wait at.
    func queue<Element: Sendable>(of type: Element.Type) -> BlockingQueue<Element> {
        let queue = BlockingQueue<Element>()
        queueEnds.withLock { $0.append { queue.close() } }
        return queue
    }

    /// Runs `body` on the loop and waits for its result.
    @discardableResult
    func on<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) throws -> Value {
        let results = queue(of: Result<Value, any Error>.self)
        loop.post { results.put(Result { try body() }) }
        return try #require(results.takeFirst()).get()
    }

    /// Lets the loop take some turns: whatever was ready when this was called has been handled when it returns.
    func turns() throws {
        for _ in 0..<3 { try on {} }
    }

    /// Ends the loop and waits for its thread; what `run` threw, if it did.
    func stop() throws -> SystemError? {
        loop.post { [loop] in loop.stop() }
        return try #require(ended.takeFirst())
    }
}

/// Something that only the loop's thread touches.
final class OnLoop<Value>: @unchecked Sendable {
    var value: Value
    init(_ value: Value) { self.value = value }
}
