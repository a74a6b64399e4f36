import JSON
import System

/// Sends one file, and with `watching` follows its document to the end.
///
/// To be watched from the first byte, the document is made first and its bytes are put into it while its events come
/// in; the row then shows what the server has, never what was merely sent. A pipe has no length to make a document of:
/// it goes in one request and is watched from then on.
final class UploadJob: Job {
    private(set) var id: String?
    private let file: String
    private let standardInputName: String
    private let row: Int
    private unowned let session: Session
    private let watches: Bool
    private let wishes: DocumentWishes
    private var source: UploadSource?
    private var sending: Transfer?
    private var reply: [UInt8] = []
    private var created: ServerCalls.Created?
    private var isAccepted = false
    private var putBackoff = Backoff()
    private var putTries = 0
    private var putAgainAtMilliseconds: Int64?
    private var watch: WatchJob?
    private var ownOutcome: Outcome?

    /// How often the bytes of a document that exists are sent, when the connection breaks under them.
    static let putTriesMax = 4

    init(path: String, row: Int, session: Session, options: Session.UploadOptions) {
        file = path
        standardInputName = options.standardInputName
        self.row = row
        self.session = session
        watches = options.watching
        wishes = options.wishes
    }

    var outcome: Outcome? { ownOutcome ?? watch?.outcome }
    var occupiesPlace: Bool { outcome == nil && !isAccepted }
    var isSending: Bool { sending != nil }
    var wakesAtMilliseconds: Int64? {
        [putAgainAtMilliseconds, watch?.wakesAtMilliseconds].compactMap(\.self).min()
    }
    var goesOnAlone: Bool { isAccepted && id != nil }

    func start(nowMilliseconds: Int64) {
        guard let source = openSource() else { return }
        session.console.update(row) {
            $0.startSending(totalBytes: source.sizeBytes, nowMilliseconds: nowMilliseconds)
        }
        if watches && source.sizeBytes != nil {
            send(session.calls.create(source, wishes: wishes), then: documentCreated)
        } else {
            send(session.calls.upload(source, wishes: wishes), then: uploadAccepted)
        }
    }

    func tick(nowMilliseconds: Int64) {
        if let sending, watch == nil, created == nil, let source {
            session.console.update(row) {
                $0.send(
                    sentBytes: sending.sentBytes, totalBytes: source.sizeBytes, nowMilliseconds: nowMilliseconds)
            }
        }
        if let again = putAgainAtMilliseconds, again <= nowMilliseconds {
            putAgainAtMilliseconds = nil
            putContent()
        }
        watch?.tick(nowMilliseconds: nowMilliseconds)
        if watch?.outcome != nil { stopSending() }
    }

    private func openSource() -> UploadSource? {
        do {
            source = try UploadSource(path: file, standardInputName: standardInputName)
        } catch {
            fail(error)
        }
        return source
    }

    private func send(_ request: Request, then succeed: @escaping (ReplyHead) throws(ClientError) -> Void) {
        reply = []
        sending = session.transfers.start(request) { [weak self] event in
            guard let self, let transfer = sending else { return }
            switch event {
            case .head: break
            case .body(let bytes): reply += bytes.prefix(max(0, Problem.bodyBytesMax - reply.count))
            case .ended(let error):
                sending = nil
                do throws(ClientError) {
                    if let error { throw error }
                    if !transfer.head.isSuccess { throw ClientError.refused(Problem(transfer.head, body: reply)) }
                    try succeed(transfer.head)
                } catch {
                    sendingFailed(error)
                }
            }
        }
    }

    private func documentCreated(_ head: ReplyHead) throws(ClientError) {
        let created = try session.calls.created(reply)
        self.created = created
        accept(created.id)
        follow(created.id)
        putContent()
    }

    private func putContent() {
        guard let created, let source = putTries == 0 ? source : openSource() else { return }
        putTries += 1
        send(session.calls.putContent(of: created, source)) { [unowned self] _ in isAccepted = true }
    }

    private func uploadAccepted(_ head: ReplyHead) throws(ClientError) {
        let created = try session.calls.created(reply)
        isAccepted = true
        accept(created.id)
        if watches { return follow(created.id) }
        session.emit(created.json.compactText)
        let words = "\(Wording.bytes(source?.readBytes ?? 0)) sent"
        let now = Clock.monotonicMilliseconds
        session.console.update(row) { $0.end(.complete, words: words, nowMilliseconds: now) }
        ownOutcome = .complete
    }

    private func accept(_ id: String) {
        self.id = id
        session.accepted(id, row: row)
    }

    private func follow(_ id: String) {
        let watch = WatchJob(id: id, row: row, session: session, timeoutMilliseconds: nil)
        self.watch = watch
        watch.start(nowMilliseconds: Clock.monotonicMilliseconds)
    }

    private func sendingFailed(_ error: ClientError) {
        guard created != nil else { return fail(error) }
        switch error {
        case .refused(let problem) where problem.status == 409 && putTries > 1:
            // The bytes had arrived; only the answer to them was lost.
            isAccepted = true
        case .unreachable, .connectionLost:
            if putTries >= Self.putTriesMax { return fail(error) }
            putAgainAtMilliseconds = Clock.monotonicMilliseconds + putBackoff.next(random: .random(in: 0..<1))
        default:
            fail(error)
        }
    }

    private func fail(_ error: ClientError) {
        guard outcome == nil else { return }
        watch?.abandon()
        ownOutcome = error.outcome
        session.ended(row, error, name: session.console.board[row].name)
    }

    /// The document has ended while its bytes were still on their way: nobody wants them any more.
    private func stopSending() {
        if let sending { session.transfers.cancel(sending) }
        sending = nil
        putAgainAtMilliseconds = nil
    }
}
