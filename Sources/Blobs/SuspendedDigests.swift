import Synchronization

/// Digests of uploads that nobody brings bytes of now, so that the next request goes on with them. At most `countMax`:
/// the oldest goes first, and an upload whose digest is gone reads its file once more.
final class SuspendedDigests: Sendable {
    static let countMax = 1024

    private struct State {
        var digests: [Int64: RunningDigest] = [:]
        var order: [Int64] = []
    }

    // A leaf lock: nothing is called while it is held.
    private let state = Mutex(State())

    func keep(_ digest: RunningDigest, of token: Int64) {
        state.withLock { state in
            state.digests[token] = digest
            state.order.append(token)
            // Those that were taken out are still in order; they go with the rest.
            while state.digests.count > Self.countMax || state.order.count > 2 * Self.countMax {
                state.digests[state.order.removeFirst()] = nil
            }
        }
    }

    func take(_ token: Int64) -> RunningDigest? {
        state.withLock { $0.digests.removeValue(forKey: token) }
    }
}
