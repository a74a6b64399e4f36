import Loop
import Synchronization
import System

/// A loop on a thread of its own, and the test's way to it. Nothing waits by time: a test blocks on a queue until the
/// loop has put something in. Should that never come, the loop itself ends the wait after `patienceMilliseconds`, and
/// the test fails for want of it instead of hanging.
package final class LoopThread: Sendable {
    /// Nothing came within `patienceMilliseconds`.
    package struct NothingCame: Error {}

    package static let patienceMilliseconds: Int64 = 30_000

    package let loop: EventLoop
    private let ended = BlockingQueue<SystemError?>()
    /// Protects the ends of the queues that tests wait at; nil once nobody waits any more.
    private let queueEnds = Mutex<[@Sendable () -> Void]?>([])

    package init() throws {
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
                for end in self.queueEnds.withLock({ $0.take() }) ?? [] { end() }
                loop.stop()
            }
        }
    }

    /// A queue that a test may wait at.
    package func queue<Element: Sendable>(of type: Element.Type) -> BlockingQueue<Element> {
        let queue = BlockingQueue<Element>()
        let isOver = queueEnds.withLock { ends in
            ends?.append { queue.close() }
            return ends == nil
        }
        // A loop that has ended puts nothing in.
        if isOver { queue.close() }
        return queue
    }

    /// Runs `body` on the loop and waits for its result.
    @discardableResult
    package func on<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) throws -> Value {
        let results = queue(of: Result<Value, any Error>.self)
        loop.post { results.put(Result { try body() }) }
        guard let result = results.takeFirst() else { throw NothingCame() }
        return try result.get()
    }

    /// Lets the loop take some turns: whatever was ready when this was called has been handled when it returns.
    package func turns() throws {
        for _ in 0..<3 { try on {} }
    }

    /// Ends the loop and waits for its thread; what `run` threw, if it did.
    package func stop() throws -> SystemError? {
        loop.post { [loop] in loop.stop() }
        guard let end = ended.takeFirst() else { throw NothingCame() }
        return end
    }
}

/// Something that only the loop's thread touches.
package final class OnLoop<Value>: @unchecked Sendable {
    package var value: Value
    package init(_ value: Value) { self.value = value }
}
