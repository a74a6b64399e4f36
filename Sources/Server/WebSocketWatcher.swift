import Core
import Hub
import Loop
import Wire

/// A watch of one document over WebSocket: one state a text message, and a close when it is terminal.
final class WebSocketWatcher: WatcherSocket, TopicMember {
    var membership = Membership()
    private var seat: Seat

    init(
        _ stream: SocketStream, _ server: LoopServer, _ seat: Seat, _ start: WatchStart<EncodedEvent>,
        deflate: DeflateParameters?
    ) {
        self.seat = seat
        super.init(stream, server, deflate: deflate)
        seat.attach(self, on: server)
        begin(start)
    }

    func deliver(_ run: EventRun) { send(run) }

    override func sent(_ newest: EncodedEvent) {
        if newest.isTerminal { close(code: 1000, reason: newest.status.rawValue) }
    }

    override func leave() { seat.leave(self, on: server) }
}
