import JSON
import System

/// Follows every document on one stream, over as many connections as it takes. `Watching` decides when to connect,
/// `OpenDocuments` what is news; this does it, with a row for each document that is worked on.
final class WatchAllJob: Job {
    let id: String? = nil
    private(set) var outcome: Outcome?
    private unowned let session: Session
    private var watching: Watching
    private var documents = OpenDocuments()
    private var rows: [String: Int] = [:]
    private var transfer: Transfer?
    private var lines = LineSplitter()
    private var refusal: [UInt8] = []
    private var connectsAtMilliseconds: Int64?
    /// When the stream has told what it begins with, and the rest is asked for.
    private var asksAtMilliseconds: Int64?
    private var question: Transfer?
    /// Through the newest documents, since the present connection began.
    private var hasLooked = false
    private var isFirstConnection = true

    /// The first states of a stream come in one piece; this is long for it, and short for a person.
    static let settlingMilliseconds: Int64 = 1000
    /// How many documents may come and end in a gap and still be told.
    static let lookedThroughMax = 100

    init(session: Session, timeoutMilliseconds: Int64?) {
        self.session = session
        watching = Watching(timeoutMilliseconds: timeoutMilliseconds)
    }

    var occupiesPlace: Bool { outcome == nil }
    var isSending: Bool { false }
    var goesOnAlone: Bool { true }
    var wakesAtMilliseconds: Int64? { [connectsAtMilliseconds, asksAtMilliseconds].compactMap(\.self).min() }

    func start(nowMilliseconds: Int64) {
        session.console.whileEmpty("connecting")
        act(watching.start(), nowMilliseconds: nowMilliseconds)
    }

    func tick(nowMilliseconds: Int64) {
        if let connectsAtMilliseconds, connectsAtMilliseconds <= nowMilliseconds {
            self.connectsAtMilliseconds = nil
            act(watching.connectAgain(), nowMilliseconds: nowMilliseconds)
        }
        if let asksAtMilliseconds, asksAtMilliseconds <= nowMilliseconds {
            self.asksAtMilliseconds = nil
            askForNext()
        }
    }

    private func act(_ action: Watching.Action, nowMilliseconds: Int64) {
        switch action {
        case .connect:
            lines = LineSplitter()
            refusal = []
            transfer = session.transfers.start(session.calls.eventsOfAll()) { [weak self] event in self?.take(event) }
        case .wait(let milliseconds):
            connectsAtMilliseconds = nowMilliseconds + milliseconds
        case .finish(let error):
            outcome = error.outcome
            session.stop(error)
        }
    }

    private func take(_ event: Transfer.Event) {
        switch event {
        case .head(let head):
            if head.isSuccess { connected() }
        case .body(let bytes):
            guard let transfer else { return }
            if transfer.head.isSuccess {
                for line in lines.receive(bytes) { take(line: line) }
            } else {
                refusal += bytes.prefix(max(0, Problem.bodyBytesMax - refusal.count))
            }
        case .ended(let error):
            guard let ended = transfer else { return }
            transfer = nil
            if error == nil, ended.head.isSuccess, let rest = lines.end() { take(line: rest) }
            connectionEnded(error, head: ended.head)
        }
    }

    private func connected() {
        let now = Clock.monotonicMilliseconds
        watching.connected(nowMilliseconds: now)
        session.online()
        session.console.whileEmpty("waiting for documents; Ctrl-C ends it")
        if isFirstConnection && !session.printsJSON && session.console.mode == .plain {
            session.console.note("watching all documents of \(session.calls.address.shown); Ctrl-C ends it")
        }
        isFirstConnection = false
        documents.connected()
        hasLooked = false
        asksAtMilliseconds = documents.hasGap ? now + Self.settlingMilliseconds : nil
    }

    private func take(line: [UInt8]) {
        // A line that is no state (a notice of a later version, a broken one) is passed over: the next is whole again.
        guard let json = try? JSONValue.parse(line), let state = DocumentState(json) else { return }
        take(state, line: String(decoding: line, as: UTF8.self))
    }

    private func take(_ state: DocumentState, line: @autoclosure () -> String) {
        let isNews = documents.receive(state)
        if let row = rows[state.id] { session.console.update(row) { $0.isOffline = false } }
        guard isNews else { return }
        watching.receiveNews()
        session.emit(line())
        let now = Clock.monotonicMilliseconds
        let row = rows[state.id] ?? session.console.add(ProgressRow(name: state.name ?? state.id))
        session.console.update(row) { $0.receive(state, nowMilliseconds: now) }
        rows[state.id] = state.status.isTerminal ? nil : row
    }

    // MARK: What ended in a gap

    /// Looks through the newest documents, then asks for each that the stream has not mentioned; each answer goes on to
    /// the next question.
    private func askForNext() {
        guard transfer?.head.isSuccess == true else { return }
        if !hasLooked {
            let list = session.calls.list(status: nil, limit: Self.lookedThroughMax, cursor: nil)
            ask(list) { [unowned self] json in
                hasLooked = true
                // The newest comes first; told are they in the order they came.
                for json in (json["documents"]?.arrayValue ?? []).reversed() {
                    guard let state = DocumentState(json) else { continue }
                    if documents.cameInGap(state) || rows[state.id] != nil { take(state, line: json.compactText) }
                }
            }
        } else if let id = documents.unheard.first {
            ask(session.calls.state(id: id)) { [unowned self] json in
                // Whatever came, this document is not asked for again.
                guard let state = DocumentState(json), state.id == id else { return documents.remove(id) }
                take(state, line: json.compactText)
            } whenGone: { [unowned self] in
                documents.remove(id)
                guard let row = rows.removeValue(forKey: id) else { return }
                let name = session.console.board[row].name
                session.ended(row, .refused(Problem(status: 404, detail: "deleted meanwhile")), name: name)
            }
        }
    }

    private func ask(_ request: Request, then use: @escaping (JSONValue) -> Void, whenGone: (() -> Void)? = nil) {
        guard question == nil else { return }
        var body: [UInt8] = []
        question = session.transfers.start(request) { [weak self] event in
            guard let self, let question else { return }
            switch event {
            case .head: break
            case .body(let bytes): body += bytes.prefix(max(0, Transfers.replyBytesMax - body.count))
            case .ended(let error):
                self.question = nil
                if error == nil, question.head.isSuccess, let json = try? JSONValue.parse(body) {
                    use(json)
                    askForNext()
                } else if question.head.status == 404, let whenGone {
                    whenGone()
                    askForNext()
                } else {
                    // It could not be asked just now; what was last known stands until it is asked again.
                    asksAtMilliseconds = Clock.monotonicMilliseconds + Backoff.mostMilliseconds
                }
            }
        }
    }

    private func connectionEnded(_ error: ClientError?, head: ReplyHead) {
        var end = Watching.ConnectionEnd.closed
        if let error {
            end = .trouble(error)
        } else if !head.isSuccess {
            end = .trouble(head.status == 404 ? notServed : .refused(Problem(head, body: refusal)))
        }
        let now = Clock.monotonicMilliseconds
        let action = watching.connectionEnded(end, nowMilliseconds: now, random: .random(in: 0..<1))
        asksAtMilliseconds = nil
        if case .wait = action, case .trouble(let trouble) = end {
            session.offline(trouble)
            session.console.whileEmpty("offline, trying again")
            for row in rows.values { session.console.update(row) { $0.isOffline = true } }
        }
        act(action, nowMilliseconds: now)
    }

    private var notServed: ClientError {
        .unreadableReply(
            server: session.calls.address.shown,
            reason: "it has no /v1/events, so it is an older one; watch documents by their ids")
    }
}
