import Synchronization

/// Digests of uploads that nobody brings bytes of now, so that the next request goes on with them. At most `countMax`:
/// the oldest goes first, and an upload whose digest is gone reads its file once more.
final class SuspendedDigests: Sendable {
    static let countMax = 1024

    private struct Kept {
        var digest: RunningDigest
        var number: UInt64
    }

    private struct State {
        var digests: [Int64: Kept] = [:]
        /// In the order of keeping; those that were taken out since are still in it.
        var order: [(token: Int64, number: UInt64)] = []
        var lastNumber: UInt64 = 0

        func isKept(_ place: (token: Int64, number: UInt64)) -> Bool { digests[place.token]?.number == place.number }
    }

    // A leaf lock: nothing is called while it is held.
    private let state = Mutex(State())

    func keep(_ digest: RunningDigest, of token: Int64) {
        state.withLock { state in
            state.lastNumber += 1
            state.digests[token] = Kept(digest: digest, number: state.lastNumber)
            state.order.append((token, state.lastNumber))
            while state.digests.count > Self.countMax {
                let oldest = state.order.removeFirst()
                if state.isKept(oldest) { state.digests[oldest.token] = nil }
            }
            if state.order.count > 2 * Self.countMax {
                let kept = state
                state.order.removeAll { !kept.isKept($0) }
            }
        }
    }

    func take(_ token: Int64) -> RunningDigest? {
        state.withLock { $0.digests.removeValue(forKey: token)?.digest }
    }
}
