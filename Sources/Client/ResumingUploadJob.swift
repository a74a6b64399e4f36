import Glibc
import JSON
import System

/// Sends one plain file over as many requests as it takes; `UploadCourse` decides, this does.
///
/// The document is made first, so it can be watched from its first byte. What is begun is kept (`KeptUploadsFile`), so
/// that a later run finds it. No byte is held for the next try: it is read from the file again.
final class ResumingUploadJob: Job {
    private(set) var id: String?
    let path: String?
    private let file: String
    private let row: Int
    private unowned let session: Session
    private let options: Session.UploadOptions
    private var source: UploadSource?
    private var course = UploadCourse(sizeBytes: 0, isRemembered: false, giveUpMilliseconds: 0)
    private var request: Transfer?
    private var sendingFrom: Int64?
    private var tryAtMilliseconds: Int64?
    private var waitReason = UploadCourse.Reason.connectionLost
    private var isPaused = false
    private var isAccepted = false
    /// By an earlier run.
    private var isRemembered = false
    /// Whether the server is known to have it.
    private var isBegun = false
    private var hasLasting = false
    private var watch: WatchJob?
    private var ownOutcome: Outcome?

    init(path: String, row: Int, session: Session, options: Session.UploadOptions) {
        self.path = path
        file = path
        self.row = row
        self.session = session
        self.options = options
    }

    var outcome: Outcome? { ownOutcome ?? watch?.outcome }
    var occupiesPlace: Bool { outcome == nil && !isAccepted }
    var isSending: Bool { source != nil && !isAccepted }
    var goesOnAlone: Bool { isAccepted && id != nil }
    var isResumable: Bool { hasLasting && !isAccepted && outcome == nil }
    var wakesAtMilliseconds: Int64? {
        // The seconds of a countdown are to be seen.
        let second = tryAtMilliseconds.map { min($0, Clock.monotonicMilliseconds + 1000) }
        return [second, watch?.wakesAtMilliseconds].compactMap(\.self).min()
    }

    func start(nowMilliseconds: Int64) {
        let source: UploadSource
        do {
            source = try UploadSource(path: file, standardInputName: "")
        } catch {
            return fail(error)
        }
        source.mustStay = true
        self.source = source
        let kept = remembered(source)
        id = kept?.documentID
        isRemembered = kept != nil
        course = UploadCourse(
            sizeBytes: source.sizeBytes ?? 0, isRemembered: kept != nil,
            giveUpMilliseconds: options.giveUpMilliseconds)
        session.console.update(row) {
            $0.startSending(totalBytes: source.sizeBytes, nowMilliseconds: nowMilliseconds)
        }
        act(course.start())
    }

    func tick(nowMilliseconds: Int64) {
        tellProgress(nowMilliseconds)
        if let again = tryAtMilliseconds {
            if again <= nowMilliseconds {
                tryAtMilliseconds = nil
                act(course.goOn())
            }
            tellWait(nowMilliseconds)
        }
        watch?.tick(nowMilliseconds: nowMilliseconds)
        if watch?.outcome != nil && !isAccepted { documentEnded() }
    }

    private func tellProgress(_ now: Int64) {
        guard let source, let sendingFrom, let request else { return }
        if watch == nil {
            session.console.update(row) {
                $0.send(
                    sentBytes: sendingFrom + request.sentBytes, totalBytes: source.sizeBytes, nowMilliseconds: now)
            }
        }
        if request.sentBytes > 0 { interrupt(nil) }
        if case .watching(let state) = session.console.board[row].phase { course.arrived(state.bytesReceived ?? 0) }
    }

    private func tellWait(_ now: Int64) {
        // Rounded up: "0 s" is for the try itself.
        let seconds = tryAtMilliseconds.map { max(1, ($0 - now + 999) / 1000) } ?? 0
        interrupt(
            waitReason == .connectionLost
                ? .connectionLost(secondsLeft: seconds) : .serverBusy(secondsLeft: seconds))
    }

    private func interrupt(_ interruption: ProgressRow.Interruption?) {
        session.console.update(row) { $0.interrupt(isPaused ? .paused : interruption) }
    }

    // MARK: Pausing

    func pause() {
        guard isSending, outcome == nil else { return }
        isPaused = true
        stopSending()
        interrupt(.paused)
    }

    func goOn() {
        guard isPaused else { return }
        isPaused = false
        course.pause()
        interrupt(nil)
        act(course.goOn())
    }

    // MARK: Steps

    private func act(_ step: UploadCourse.Step) {
        guard let source, outcome == nil else { return }
        switch step {
        case .create: create(source)
        case .ask:
            guard let id else { return }
            ask(session.calls.uploadStanding(id: id), .ask) { [unowned self] head, _ in
                let step = course.stands(
                    at: head.uploadOffset, length: head.headers["upload-length"].flatMap { Int64($0) },
                    isWhole: head.headers["document-id"] != nil)
                switch step {
                case .send(let offset): found(id, source, at: offset)
                case .finish: found(id, source, at: source.sizeBytes ?? 0)
                default: break
                }
                return step
            }
        case .send(let offset): send(source, from: offset)
        case .wait(let milliseconds, let reason):
            tryAtMilliseconds = Clock.monotonicMilliseconds + milliseconds
            waitReason = reason
            tellWait(Clock.monotonicMilliseconds)
        case .finish: finish()
        case .readEnd: readEnd()
        case .giveUp(let error): giveUp(error)
        }
    }

    private func create(_ source: UploadSource) {
        if isRemembered || isBegun {
            session.console.note("\(TerminalText.clean(source.name)): the upload begun before is gone; beginning anew")
            forget()
            watch?.abandon()
            watch = nil
            id = nil
        }
        (isRemembered, isBegun) = (false, false)
        let chosen = id ?? newID()
        id = chosen
        ask(session.calls.create(source, id: chosen, wishes: options.wishes), .create) {
            [unowned self] _, body throws(ClientError) in
            let created = try session.calls.created(body)
            begin(created.id, source)
            return course.created()
        }
    }

    private func newID() -> String {
        var generator = SystemRandomNumberGenerator()
        return ChosenID.make(
            unixMilliseconds: Clock.unixMilliseconds, random: (generator.next(), generator.next()))
    }

    private func send(_ source: UploadSource, from offset: Int64) {
        guard let id else { return }
        do {
            try source.begin(at: offset)
        } catch {
            return changed(error)
        }
        sendingFrom = offset
        if source.leftBytes == 0 { interrupt(nil) }
        ask(session.calls.uploadRest(id: id, source, offset: offset), .send) { [unowned self] head, _ in
            course.took(
                upTo: head.uploadOffset, isWhole: head.headers["document-id"] != nil,
                nowMilliseconds: Clock.monotonicMilliseconds, random: .random(in: 0..<1))
        }
    }

    private func ask(
        _ request: Request, _ kind: UploadCourse.Request,
        then read: @escaping (ReplyHead, [UInt8]) throws(ClientError) -> UploadCourse.Step
    ) {
        self.request = session.transfers.exchange(request) { [weak self] head, body, error in
            guard let self else { return }
            self.request = nil
            sendingFrom = nil
            if head.status > 0 { session.isServerKnown = true }
            course.isServerKnown = session.isServerKnown
            do throws(ClientError) {
                if let error { throw error }
                session.online()
                act(try read(head, body))
            } catch {
                if case .file = error { return changed(error) }
                let step = course.failed(
                    kind, error, nowMilliseconds: Clock.monotonicMilliseconds, random: .random(in: 0..<1))
                if case .wait = step { session.offline(error) }
                act(step)
            }
        }
    }

    private func stopSending() {
        if let request { session.transfers.cancel(request) }
        request = nil
        sendingFrom = nil
        tryAtMilliseconds = nil
    }

    // MARK: The document

    private func begin(_ id: String, _ source: UploadSource) {
        self.id = id
        isBegun = true
        keep(id, source)
        if options.watching { follow(id) }
    }

    private func found(_ id: String, _ source: UploadSource, at offset: Int64) {
        guard !isBegun else { return }
        if isRemembered {
            let place = Wording.bytes(offset, of: source.sizeBytes ?? 0)
            session.console.note("\(TerminalText.clean(source.name)): going on where it was, at \(place)")
        }
        begin(id, source)
    }

    private func follow(_ id: String) {
        guard watch == nil else { return }
        session.accepted(id, row: row)
        let watch = WatchJob(id: id, row: row, session: session, timeoutMilliseconds: nil)
        self.watch = watch
        watch.start(nowMilliseconds: Clock.monotonicMilliseconds)
    }

    private func finish() {
        forget()
        interrupt(nil)
        isAccepted = true
        guard let id, watch == nil else { return }
        session.accepted(id, row: row)
        guard session.printsJSON else { return sent() }
        request = session.transfers.exchange(session.calls.state(id: id)) { [weak self] head, body, error in
            guard let self else { return }
            request = nil
            if error == nil, let json = try? JSONValue.parse(body) { session.emit(json.compactText) }
            sent()
        }
    }

    private func sent() {
        let words = "\(Wording.bytes(source?.sizeBytes ?? 0)) sent"
        let now = Clock.monotonicMilliseconds
        session.console.update(row) { $0.end(.complete, words: words, nowMilliseconds: now) }
        ownOutcome = .complete
    }

    /// The watch has told the end of a document whose bytes are still on their way: nobody wants them any more.
    private func documentEnded() {
        stopSending()
        forget()
    }

    /// Somebody ended the document; it says itself how. Who watches hears it anyway.
    private func readEnd() {
        forget()
        guard let id, watch == nil else { return }
        request = session.transfers.exchange(session.calls.state(id: id)) { [weak self] head, body, error in
            guard let self else { return }
            request = nil
            guard error == nil, let json = try? JSONValue.parse(body), let state = DocumentState(json),
                state.status.isTerminal
            else { return fail(error ?? .refused(Problem(status: 410, detail: "the upload was ended"))) }
            let now = Clock.monotonicMilliseconds
            session.console.update(row) { $0.receive(state, nowMilliseconds: now) }
            ownOutcome = Outcome(state.status)
        }
    }

    /// Parts of two files would make a third: what the server has of the one is of no use.
    private func changed(_ error: ClientError) {
        stopSending()
        forget()
        watch?.abandon()
        watch = nil
        guard let id else { return fail(error) }
        var cancel = session.calls.cancel(id: id)
        cancel.timeoutMilliseconds = Self.cancelMilliseconds
        request = session.transfers.exchange(cancel) { [weak self] _, _, _ in
            self?.request = nil
            self?.fail(error)
        }
    }

    private static let cancelMilliseconds: Int64 = 5_000

    private func giveUp(_ error: ClientError) {
        switch error {
        case .unreachable, .connectionLost: break
        case .refused(let problem) where problem.isPassing: break
        default: forget()
        }
        fail(error)
    }

    private func fail(_ error: ClientError) {
        guard outcome == nil else { return }
        stopSending()
        watch?.abandon()
        ownOutcome = error.outcome
        session.ended(row, error, name: session.console.board[row].name)
    }

    // MARK: What is kept for a later run

    private var absolutePath: String? {
        guard let resolved = realpath(file, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    private func remembered(_ source: UploadSource) -> KeptUploads.Upload? {
        guard let place = absolutePath, let stamp = source.stamp else { return nil }
        let kept = session.keptUploads?.read().find(server: session.calls.address.shown, path: place, stamp: stamp)
        return kept.flatMap { $0.isSentElsewhere ? nil : $0 }
    }

    private func keep(_ id: String, _ source: UploadSource) {
        guard let place = absolutePath, let stamp = source.stamp, let file = session.keptUploads else { return }
        let upload = KeptUploads.Upload(
            server: session.calls.address.shown, path: place, stamp: stamp, documentID: id, process: getpid(),
            keptAtSeconds: Clock.unixMilliseconds / 1000)
        hasLasting = file.update { $0.keep(upload) }
    }

    private func forget() {
        guard let id else { return }
        hasLasting = false
        session.keptUploads?.update { $0.drop(documentID: id) }
    }
}

extension ReplyHead {
    fileprivate var uploadOffset: Int64? { headers["upload-offset"].flatMap { Int64($0) } }
}
