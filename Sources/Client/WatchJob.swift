import JSON
import System

/// Follows one document on its event stream, over as many connections as it takes. `Watching` decides, this does.
final class WatchJob: Job {
    private(set) var id: String?
    private(set) var outcome: Outcome?
    private(set) var wakesAtMilliseconds: Int64?
    private let row: Int
    private unowned let session: Session
    private var watching: Watching
    private var transfer: Transfer?
    private var lines = LineSplitter()
    private var refusal: [UInt8] = []
    private let documentID: String

    init(id: String, row: Int, session: Session, timeoutMilliseconds: Int64?) {
        self.id = id
        documentID = id
        self.row = row
        self.session = session
        watching = Watching(timeoutMilliseconds: timeoutMilliseconds)
    }

    var occupiesPlace: Bool { outcome == nil }
    var isSending: Bool { false }
    var goesOnAlone: Bool { true }

    func start(nowMilliseconds: Int64) {
        session.console.update(row) { $0.startWatching() }
        act(watching.start(), nowMilliseconds: nowMilliseconds)
    }

    func tick(nowMilliseconds: Int64) {
        guard let wakesAtMilliseconds, wakesAtMilliseconds <= nowMilliseconds else { return }
        self.wakesAtMilliseconds = nil
        act(watching.connectAgain(), nowMilliseconds: nowMilliseconds)
    }

    /// Stops without an outcome of its own.
    func abandon() {
        if let transfer { session.transfers.cancel(transfer) }
        transfer = nil
        wakesAtMilliseconds = nil
    }

    private func act(_ action: Watching.Action, nowMilliseconds: Int64) {
        switch action {
        case .connect(let after):
            lines = LineSplitter()
            refusal = []
            let request = session.calls.events(id: documentID, after: after)
            transfer = session.transfers.start(request) { [weak self] event in self?.take(event) }
        case .wait(let milliseconds):
            wakesAtMilliseconds = nowMilliseconds + milliseconds
        case .finish(let error):
            outcome = error.outcome
            session.ended(row, error, name: documentID)
        }
    }

    private func take(_ event: Transfer.Event) {
        switch event {
        case .head(let head):
            guard head.isSuccess else { break }
            watching.connected(nowMilliseconds: Clock.monotonicMilliseconds)
            session.online()
        case .body(let bytes):
            guard let transfer else { return }
            if transfer.head.isSuccess {
                for line in lines.receive(bytes) where outcome == nil { take(line: line) }
            } else {
                refusal += bytes.prefix(max(0, Problem.bodyBytesMax - refusal.count))
            }
        case .ended(let error):
            guard let ended = transfer else { return }
            transfer = nil
            if error == nil, ended.head.isSuccess, let rest = lines.end() { take(line: rest) }
            if outcome == nil { connectionEnded(error, head: ended.head) }
        }
    }

    private func take(line: [UInt8]) {
        // A line that is no state (a notice of a later version, a broken one) is passed over: the next is whole again.
        guard let json = try? JSONValue.parse(line), let state = DocumentState(json) else { return }
        session.emit(String(decoding: line, as: UTF8.self))
        watching.receive(state)
        let now = Clock.monotonicMilliseconds
        session.console.update(row) { $0.receive(state, nowMilliseconds: now) }
        if state.status.isTerminal {
            outcome = Outcome(state.status)
            abandon()
        }
    }

    private func connectionEnded(_ error: ClientError?, head: ReplyHead) {
        var end = Watching.ConnectionEnd.closed
        if let error {
            end = .trouble(error)
        } else if !head.isSuccess {
            end = .trouble(.refused(Problem(head, body: refusal)))
        }
        let now = Clock.monotonicMilliseconds
        let action = watching.connectionEnded(end, nowMilliseconds: now, random: .random(in: 0..<1))
        if case .wait = action, case .trouble(let trouble) = end {
            session.offline(trouble)
            session.console.update(row) { $0.isOffline = true }
        }
        act(action, nowMilliseconds: now)
    }
}
