import Synchronization
import System

/// How many connections each client has, over all loops, where there is a bound for it.
///
/// Off by default: behind a reverse proxy every client has the proxy's address. The kernel spreads the connections of
/// one client over the loops, so the count is the server's and not a loop's.
final class ConnectionCrowds: Sendable {
    /// Beyond the bound, so many connections of a client may still ask how the server is: the probes of a balancer come
    /// from the same address as the clients behind it.
    static let probesMax = 16

    enum Answer {
        /// `seat` is kept while the connection lives.
        case serve(seat: AnyObject?)
        case probesOnly(seat: AnyObject)
        case refuse
    }

    private let max: Int?
    // Protects the counts. A leaf lock: nothing is called while it is held.
    private let counts = Mutex<[String: Int]>([:])

    init(max: Int?) { self.max = max }

    /// Called once a connection; costs a system call and the lock where there is a bound.
    func join(_ descriptor: Int32) -> Answer {
        guard let max else { return .serve(seat: nil) }
        // A peer that is gone already is served by nobody.
        guard let client = (try? Socket.peerAddress(of: descriptor))?.client else { return .refuse }
        let count = counts.withLock { counts in
            let count = counts[client, default: 0]
            if count < max + Self.probesMax { counts[client] = count + 1 }
            return count
        }
        if count >= max + Self.probesMax { return .refuse }
        let seat = Place(crowds: self, client: client)
        return count < max ? .serve(seat: seat) : .probesOnly(seat: seat)
    }

    private func leave(_ client: String) {
        counts.withLock { counts in
            let count = counts[client, default: 1]
            counts[client] = count > 1 ? count - 1 : nil
        }
    }

    /// Counts for one connection for as long as it lives.
    private final class Place: Sendable {
        let crowds: ConnectionCrowds
        let client: String

        init(crowds: ConnectionCrowds, client: String) {
            self.crowds = crowds
            self.client = client
        }

        deinit { crowds.leave(client) }
    }
}
