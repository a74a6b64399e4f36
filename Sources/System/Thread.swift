import CLinux
import Glibc

/// A thread that lives as long as the process (pthread_create(3)).
package enum Thread {
    private final class Body {
        let name: String
        let run: @Sendable () -> Void
        init(_ name: String, _ run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }

    package static func start(named name: String, _ run: @escaping @Sendable () -> Void) throws(SystemError) {
        let body = Unmanaged.passRetained(Body(name, run))
        var thread = pthread_t()
        let result = pthread_create(
            &thread, nil,
            { raw in
                let body = Unmanaged<Body>.fromOpaque(raw!).takeRetainedValue()
                // pthread_setname_np(3) refuses names of more than 15 bytes.
                _ = hw_set_thread_name(String(body.name.prefix(15)))
                body.run()
                return nil
            }, body.toOpaque())
        if result != 0 {
            body.release()
            throw SystemError("pthread_create", result)
        }
        pthread_detach(thread)
    }

    /// Only for threads that have nothing else to do (nanosleep(2)).
    package static func sleep(milliseconds: Int64) {
        let end = Clock.monotonicMilliseconds + milliseconds
        while case let rest = end - Clock.monotonicMilliseconds, rest > 0 {
            usleep(UInt32(clamping: rest * 1000))
        }
    }

    package static var currentID: UInt { UInt(pthread_self()) }
}

/// A queue between threads: any thread puts in, one or more wait and take (pthread_cond_wait(3)).
package final class BlockingQueue<Element: Sendable>: @unchecked Sendable {
    // `lock` protects `items` and `isClosed`; nothing is called while it is held.
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let filled = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var items: [Element] = []
    private var isClosed = false

    package init() {
        pthread_mutex_init(lock, nil)
        pthread_cond_init(filled, nil)
    }

    deinit {
        pthread_cond_destroy(filled)
        pthread_mutex_destroy(lock)
        filled.deallocate()
        lock.deallocate()
    }

    package func put(_ item: Element) {
        pthread_mutex_lock(lock)
        items.append(item)
        pthread_cond_signal(filled)
        pthread_mutex_unlock(lock)
    }

    /// Everything that waits, oldest first; blocks while there is nothing. Empty once closed and drained.
    package func takeAll() -> [Element] {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        while items.isEmpty && !isClosed { pthread_cond_wait(filled, lock) }
        let taken = items
        items = []
        return taken
    }

    /// The oldest item; blocks while there is none. Nil once closed and drained.
    package func takeFirst() -> Element? {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        while items.isEmpty && !isClosed { pthread_cond_wait(filled, lock) }
        return items.isEmpty ? nil : items.removeFirst()
    }

    package func close() {
        pthread_mutex_lock(lock)
        isClosed = true
        pthread_cond_broadcast(filled)
        pthread_mutex_unlock(lock)
    }
}
