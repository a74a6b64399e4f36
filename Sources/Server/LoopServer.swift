import Blobs
import Core
import Documents
import Hub
import Logging
import Loop
import Pipeline
import Synchronization
import System
import Wire

/// The server on one loop: its listener, its connections, its watchers.
package final class LoopServer: @unchecked Sendable {
    package let loop: EventLoop
    package let shared: ServerShared
    let router: Router
    /// What this loop's connections watch. On the loop.
    var topics: LoopHub { shared.hub.topics(of: loop) }
    let sweeper: Sweeper
    /// What this loop's uploads share.
    let uploadBuffers = UploadBuffers()
    private var listener: Listener?
    private let connectionsMax: Int
    private var dateSecond: Int64 = -1
    private var dateText = ""

    package init(loop: EventLoop, shared: ServerShared) {
        self.loop = loop
        self.shared = shared
        router = Router()
        sweeper = Sweeper(loop: loop)
        let loops = shared.hub.loops.count
        connectionsMax = max(16, (ThisProcess.openFilesMax - shared.configuration.descriptorsKept) / loops)
    }

    /// Takes connections from `descriptor`. On the loop.
    package func listen(on descriptor: consuming OwnedDescriptor) throws(SystemError) {
        sweeper.start()
        listener = try Listener(descriptor, loop: loop) { [unowned self] connection in accept(connection) }
    }

    /// Connections beyond `connectionsMax` that are still taken, for who asks how the server is.
    private static let probesMax = 16

    private func accept(_ descriptor: consuming OwnedDescriptor) {
        // Some descriptors are kept back: without them accepted documents could not be worked on, nor uploads written.
        let isFull = sweeper.count >= connectionsMax
        // Beyond those it is hung up on without a word. No request has been read: it may ask after an upload, and would
        // take what is said for the upload's end.
        guard sweeper.count < connectionsMax + Self.probesMax else { return }
        var refusal = isFull ? Problem.tooManyConnections : nil
        let seat: AnyObject?
        switch shared.crowds.join(descriptor.raw) {
        case .serve(let taken): seat = taken
        case .probesOnly(let taken):
            seat = taken
            refusal = refusal ?? .tooManyConnectionsOfClient
        case .refuse: return
        }
        Socket.setNoDelay(descriptor.raw)
        Socket.keepAlive(descriptor.raw)
        // A loop that cannot take one more descriptor drops this one; the peer sees its connection end.
        guard let stream = try? SocketStream(descriptor, loop: loop) else { return }
        stream.holding = seat
        shared.counters.connections.add(1)
        _ = HTTPConnection(stream, server: self, refusal: refusal)
    }

    /// The time of day for the `Date` field, made once a second.
    var date: String {
        let second = Clock.unixMilliseconds / 1000
        if second != dateSecond {
            dateSecond = second
            dateText = HTTPDate.text(unixMilliseconds: second * 1000)
        }
        return dateText
    }

    var now: Moment {
        Moment(monotonicMilliseconds: Clock.monotonicMilliseconds, unixMilliseconds: Clock.unixMilliseconds)
    }

    /// Takes no more connections and ends those there are, each when its answer is out. On the loop.
    package func drain() {
        listener?.close()
        listener = nil
        sweeper.drain()
    }

    /// Whether every connection has ended.
    package var isQuiet: Bool { sweeper.count == 0 }
}
