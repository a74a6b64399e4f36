import Core
import Hub
import Loop
import Wire

/// A poll that is answered when there is something new (`Prefer: wait`, RFC 7240 §4.3). It waits in the document's
/// audience like any watcher, and holds no thread.
final class LongPoll: TopicMember, ResponseProducer, @unchecked Sendable {
    static let waitSecondsMax = 60

    var endsWithPeer: Bool { true }

    private let exchange: Exchange
    private var seat: Seat
    private let seconds: Int
    private let tag: String
    private var timer: TimerHeap.Token?
    var membership = Membership()

    /// Waits for a state that is newer than the one with `tag`. The seat is taken.
    static func start(_ exchange: Exchange, _ seat: Seat, seconds: Int, tag: String) {
        let poll = LongPoll(exchange, seat, min(seconds, waitSecondsMax), tag)
        exchange.wait(poll)
        seat.attach(poll, on: exchange.server)
        poll.timer = exchange.loop.schedule(afterMilliseconds: Int64(poll.seconds) * 1000) { poll.expire() }
    }

    private init(_ exchange: Exchange, _ seat: Seat, _ seconds: Int, _ tag: String) {
        self.exchange = exchange
        self.seat = seat
        self.seconds = seconds
        self.tag = tag
    }

    func deliver(_ run: EventRun) {
        guard end() else { return }
        WatchRoutes.answer(exchange, run.newest, waitSeconds: seconds)
    }

    private func expire() {
        guard end() else { return }
        WatchRoutes.answerUnchanged(exchange, tag: tag, waitSeconds: seconds)
    }

    /// Leaves the audience; false when it has been left already.
    private func end() -> Bool {
        guard seat.isTaken else { return false }
        if let timer { exchange.loop.cancel(timer) }
        timer = nil
        seat.leave(self, on: exchange.server)
        return true
    }

    func drained() {}
    func abort() { _ = end() }
    func sweep(now: Int64) {}
    /// Nothing new has come; the client asks again, then of the next server.
    func drain() { expire() }
}
