import Core
import Loop
import System

// Theory of operation
//
// Bytes come in one of two ways. Those that pass through the loop (a form's, a chunked body's, what came with the head)
// are copied into a buffer that all uploads of the loop share (`UploadBuffers`). A disk thread writes the buffer while
// another hashes it; each of the two takes one buffer of this upload at a time, in order. With `buffersInFlightMax` on
// their way, or no buffer free, the sink is congested: the owner reads its socket no further until `drained` is called.
// A body of known length is read from its socket by the disk thread itself (`takeTurn`), and no loop sees it; where the
// content ends before the body does, a `ContentScanner` finds its end.
//
// A sync is made only when somebody waits for it, and runs beside the writing. A digest that has missed bytes (those of
// a former process) reads them from the file while the others come.

/// What became of an upload's bytes.
package struct ContentReceipt: Sendable {
    /// Names them: the document's once it is on the document's record.
    package var token: Int64
    package var bytes: Int64
    package var sha256: String?
    /// The first of them, for judging the type.
    package var prefix: [UInt8]
}

/// Takes the bytes of one request from a loop to the disk. Used on one loop.
package final class ContentSink: @unchecked Sendable {
    package static let buffersInFlightMax = 4
    /// How much a thread reads to catch up with the digest before it serves others.
    static let catchUpBytes: Int64 = 64 << 20

    private let loop: EventLoop
    private let store: BlobStore
    private let buffers: UploadBuffers
    private let file: ContentFile
    private let token: Int64
    private let startBytes: Int64
    private var isNameDurable: Bool
    private var digest: RunningDigest?
    /// What the digest was before this request, where its bytes may have to be taken back.
    private var digestBefore: RunningDigest?

    private var buffer: UploadBuffer?
    private var toWrite: [UploadBuffer] = []
    private var toHash: [UploadBuffer] = []
    private var isWriting = false
    private var isHashing = false
    private var isCatchingUp = false
    private var isOpening = false
    private var syncsRunning = 0
    private var intake: SocketIntake?
    private var lane: DigestLane?
    private var turn: Turn?
    private var isWaitingForBuffer = false

    private struct Turn {
        var bytesMax: Int64
        var completion: @Sendable (IntakeOutcome) -> Void
    }

    private struct Quiet {
        /// Whether a digest that lags must have caught up as well.
        var needsDigest: Bool
        var body: @Sendable () -> Void
    }
    private var whenQuiet: Quiet?
    private var failure: SystemError?
    /// A sync failed: of what came since the last good one nothing is known.
    package private(set) var hasFailedSync = false
    /// Answers that wait until no thread uses the file any more.
    private var whenIdle: [@Sendable () -> Void] = []
    private var isAbandoned = false

    /// In the upload: those before this request, and those that it brought.
    package private(set) var receivedBytes: Int64
    private var handedBytes: Int64
    /// All of these are in the file.
    package private(set) var writtenBytes: Int64
    /// Called when a congested sink takes bytes again.
    package var drained: (() -> Void)?
    /// Called once when the disk refuses, and nothing is being written any more; what comes after is dropped.
    package var failed: ((SystemError) -> Void)?

    /// Goes on behind `startBytes` of the file that `token` names. With `isDurable` its name is known to last.
    package init(
        store: BlobStore, document: DocumentID, token: Int64, startBytes: Int64 = 0, isNameDurable: Bool = false,
        isHashed: Bool, mayBeTakenBack: Bool = false, buffers: UploadBuffers, loop: EventLoop
    ) {
        self.loop = loop
        self.store = store
        self.buffers = buffers
        self.token = token
        self.startBytes = startBytes
        self.isNameDurable = isNameDurable
        receivedBytes = startBytes
        handedBytes = startBytes
        writtenBytes = startBytes
        file = ContentFile(path: store.contentPath(document, token: token), startBytes: startBytes)
        guard isHashed else { return }
        var digest = store.digests.take(token) ?? RunningDigest()
        // More was hashed than was kept.
        if digest.hashedBytes > startBytes { digest = RunningDigest() }
        self.digest = digest
        if mayBeTakenBack { digestBefore = digest.copy() }
        if digest.hashedBytes != startBytes {
            // Another process hashed what is there.
            isCatchingUp = true
            openThenCatchUp()
        }
    }

    private var inFlight: Int {
        max(toWrite.count + (isWriting ? 1 : 0), toHash.count + (isHashing ? 1 : 0))
    }

    package var isCongested: Bool { inFlight >= Self.buffersInFlightMax || buffers.isExhausted }

    // MARK: Taking bytes

    package func write(_ bytes: Span<UInt8>) {
        // Counted even when it is dropped: whether the body is whole is one question, whether it could be kept another.
        receivedBytes += Int64(bytes.count)
        guard failure == nil, !isAbandoned else { return }
        bytes.withUnsafeBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let buffer = self.buffer ?? buffers.take()
                self.buffer = buffer
                let part = rest.prefix(buffer.room)
                buffer.append(UnsafeRawBufferPointer(rebasing: part))
                rest = rest.dropFirst(part.count)
                if buffer.room == 0 { handOver() }
            }
        }
        // While one is being written the next ones gather; an idle disk waits for nobody.
        if !isWriting { handOver() }
        if isCongested { waitForRoom() }
    }

    private func handOver() {
        guard let buffer, buffer.count > 0 else { return }
        self.buffer = nil
        buffer.offset = handedBytes
        handedBytes += Int64(buffer.count)
        buffer.readers = 1
        toWrite.append(buffer)
        if digest != nil && !isCatchingUp {
            buffer.readers = 2
            toHash.append(buffer)
        }
        writeNext()
        hashNext()
    }

    private func waitForRoom() {
        guard !isWaitingForBuffer, buffers.isExhausted else { return }
        isWaitingForBuffer = true
        buffers.wait { [weak self] in
            guard let self else { return }
            isWaitingForBuffer = false
            tellIfDrained()
        }
    }

    private func tellIfDrained() {
        if isCongested { waitForRoom() } else { drained?() }
    }

    private func release(_ buffer: UploadBuffer) {
        buffer.readers -= 1
        if buffer.readers == 0 { buffers.give(buffer) }
    }

    // MARK: Reading the socket beside the loop

    /// From here on bytes come by `takeTurn`. `socket` is a duplicate of the connection's. With a scanner the content
    /// is `undecided` and what the socket brings, as far as the scanner says.
    package func attach(
        _ socket: consuming OwnedDescriptor, scanner: (any ContentScanner)? = nil, undecided: [UInt8] = []
    ) {
        if let digest, !isCatchingUp { lane = DigestLane(digest, buffers: store.intakeBuffers, threads: store.disk) }
        intake = SocketIntake(
            socket, file: file, buffers: store.intakeBuffers, lane: lane, scanner: scanner, undecided: undecided)
    }

    /// Takes what the socket has once everything before it is written; `bytesMax` is all that is left of the body.
    /// Answers how much came, and why no more; nothing after a failure, which `failed` tells, or the end.
    package func takeTurn(bytesMax: Int64, then completion: @escaping @Sendable (IntakeOutcome) -> Void) {
        turn = Turn(bytesMax: bytesMax, completion: completion)
        handOver()
        beginTurnIfDue()
    }

    /// False when there is no turn to begin.
    @discardableResult
    private func beginTurnIfDue() -> Bool {
        guard let turn, let intake, !isWriting, toWrite.isEmpty, buffer == nil, failure == nil, !isAbandoned,
            // The digest takes bytes in order.
            lane == nil || !isHashing && toHash.isEmpty
        else { return false }
        self.turn = nil
        isWriting = true
        let start = writtenBytes
        store.disk.submit(from: loop) {
            intake.turn(at: start, bytesMax: turn.bytesMax)
        } then: { outcome in
            self.took(outcome, turn)
        }
        return true
    }

    private func took(_ outcome: IntakeOutcome, _ turn: Turn) {
        isWriting = false
        receivedBytes += outcome.contentBytes
        handedBytes += outcome.contentBytes
        writtenBytes += outcome.contentBytes
        if case .failed(let error) = outcome.end { return fail(error) }
        if isCatchingUp { catchUp() }
        if case .noBuffer = outcome.end, outcome.readBytes == 0, whenQuiet == nil, !isAbandoned {
            self.turn = turn
            return store.intakeBuffers.wait { [self, loop, buffers = store.intakeBuffers] in
                loop.post {
                    // Who is called and wants no buffer any more lets the next one have its turn.
                    if !self.beginTurnIfDue() { buffers.callNext() }
                }
            }
        }
        if !isAbandoned { turn.completion(outcome) }
        stepDone()
    }

    private func writeNext() {
        guard !isWriting, failure == nil, !toWrite.isEmpty else {
            beginTurnIfDue()
            return
        }
        isWriting = true
        let piece = toWrite.removeFirst()
        store.disk.submit(from: loop) { [file] in
            Self.outcome { () throws(SystemError) in try file.write(piece.bytes, at: piece.offset) }
        } then: { failure in
            self.wrote(piece, failure)
        }
    }

    private func wrote(_ piece: UploadBuffer, _ failure: SystemError?) {
        isWriting = false
        // Giving the buffer back may wake this very upload, which may then be at its end: what became of the piece is
        // said before.
        if let failure {
            fail(failure)
            return release(piece)
        }
        writtenBytes = piece.offset + Int64(piece.count)
        release(piece)
        if toWrite.isEmpty { handOver() }
        writeNext()
        if isCatchingUp { catchUp() }
        stepDone()
    }

    private func hashNext() {
        guard !isHashing, !toHash.isEmpty else { return }
        isHashing = true
        let piece = toHash.removeFirst()
        store.disk.submit(from: loop) { [digest] in
            digest?.update(piece.bytes, at: piece.offset)
        } then: {
            self.isHashing = false
            self.release(piece)
            self.hashNext()
            self.beginTurnIfDue()
            self.stepDone()
        }
    }

    private func stepDone() {
        if isAbandoned || failure != nil { return endIfIdle() }
        // One that finds its own buffers back and all others taken gets in line: nobody else would call it.
        if drained != nil { tellIfDrained() }
        becomeQuietIfSo()
    }

    private static func outcome(_ body: () throws(SystemError) -> Void) -> SystemError? {
        do throws(SystemError) {
            try body()
            return nil
        } catch {
            return error
        }
    }

    // MARK: Catching up with the digest

    private func openThenCatchUp() {
        isWriting = true
        isOpening = true
        store.disk.submit(from: loop) { [file] in
            Self.outcome { () throws(SystemError) in try file.open() }
        } then: { failure in
            self.isWriting = false
            self.isOpening = false
            if let failure { return self.fail(failure) }
            // What gathered meanwhile may hold the last free buffer.
            if self.toWrite.isEmpty { self.handOver() }
            self.writeNext()
            self.catchUp()
            self.stepDone()
        }
    }

    private func catchUp() {
        // A short body may be at its end before its file is open.
        guard isCatchingUp, !isOpening, !isHashing, let digest, failure == nil, !isAbandoned,
            whenQuiet?.needsDigest != false
        else { return }
        let end = writtenBytes
        if digest.hashedBytes == end {
            // In step, when nothing is on its way that the digest would miss. What turns bring without a lane it always
            // reads from the file: of the turn that is under way nothing is known here yet.
            if end == handedBytes, intake == nil || lane != nil { isCatchingUp = false }
            return
        }
        isHashing = true
        store.disk.submit(from: loop) { [file] in
            Self.outcome { () throws(SystemError) in
                try digest.catchUp(file.raw, to: end, bytesMax: Self.catchUpBytes)
            }
        } then: { failure in
            self.isHashing = false
            if let failure { return self.fail(failure) }
            self.catchUp()
            self.stepDone()
        }
    }

    // MARK: Ends

    /// Calls once everything that was received is in the file, and nothing is under way.
    private func onceQuiet(needsDigest: Bool = false, _ body: @escaping @Sendable () -> Void) {
        // Whoever waits for the next bytes waits no more.
        turn = nil
        whenQuiet = Quiet(needsDigest: needsDigest, body: body)
        handOver()
        if needsDigest { catchUp() }
        becomeQuietIfSo()
    }

    private func becomeQuietIfSo() {
        // Two syncs at once could share one error, and the other would say that all is well.
        guard whenQuiet != nil, !isWriting, !isHashing, syncsRunning == 0, toWrite.isEmpty, toHash.isEmpty,
            buffer == nil, failure == nil
        else { return }
        guard let lane else { return becomeQuiet() }
        // The thread that hashes may still be at it.
        isHashing = true
        lane.whenIdle { [loop] in
            loop.post { [self] in
                isHashing = false
                if isAbandoned || failure != nil { return endIfIdle() }
                becomeQuiet()
            }
        }
    }

    private func becomeQuiet() {
        let quiet = whenQuiet
        whenQuiet = nil
        quiet?.body()
    }

    private func fail(_ error: SystemError) {
        if failure == nil {
            failure = error
            dropWaiting()
        }
        endIfIdle()
    }

    /// After a failure: answers once nothing more is written, so that another request may go on in the file.
    private func onceIdle(_ body: @escaping @Sendable () -> Void) {
        whenIdle.append(body)
        endIfIdle()
    }

    private func dropWaiting() {
        for piece in toWrite { release(piece) }
        for piece in toHash { release(piece) }
        toWrite = []
        toHash = []
        if let buffer {
            buffer.readers = 1
            release(buffer)
            self.buffer = nil
        }
        whenQuiet = nil
        turn = nil
    }

    /// Everything that came is in the file; it need not last. The file is closed, and another sink may go on.
    package func pause(then completion: @escaping @Sendable (Int64) -> Void) {
        if failure != nil { return onceIdle { [self] in completion(writtenBytes) } }
        onceQuiet { [self] in
            keepDigest()
            closeFile()
            completion(writtenBytes)
        }
    }

    /// Makes everything that is in the file by now last, while more comes. Answers how much that is.
    package func syncWritten(then completion: @escaping @Sendable (Result<Int64, SystemError>) -> Void) {
        let end = writtenBytes
        syncsRunning += 1
        let needsName = !isNameDurable
        store.sync(file, needsName: needsName) { [loop] failure in
            loop.post { [self] in
                syncsRunning -= 1
                if isAbandoned { return endIfIdle() }
                if let failure {
                    hasFailedSync = true
                    fail(failure)
                    return onceIdle { completion(.failure(failure)) }
                }
                isNameDurable = true
                completion(.success(end))
                endIfIdle()
                becomeQuietIfSo()
            }
        }
    }

    /// Everything that came lasts when this answers.
    package func sync(then completion: @escaping @Sendable (Result<Int64, SystemError>) -> Void) {
        if let failure { return onceIdle { completion(.failure(failure)) } }
        onceQuiet { [self] in
            // A request without a byte has opened nothing yet.
            syncWritten(then: completion)
        }
    }

    /// No more bytes come. Answers when they are on the disk for good.
    package func finish(then completion: @escaping @Sendable (Result<ContentReceipt, SystemError>) -> Void) {
        if let failure { return onceIdle { completion(.failure(failure)) } }
        onceQuiet(needsDigest: true) { [self] in
            syncWritten { [self] result in
                switch result {
                case .failure(let error): completion(.failure(error))
                case .success(let bytes): conclude(bytes, completion)
                }
            }
        }
    }

    private func conclude(
        _ bytes: Int64, _ completion: @escaping @Sendable (Result<ContentReceipt, SystemError>) -> Void
    ) {
        isWriting = true
        let (token, digest) = (token, digest)
        store.disk.submit(from: loop) { [file] () -> Result<ContentReceipt, SystemError> in
            do throws(SystemError) {
                let prefix = try file.prefix()
                file.close()
                return .success(
                    ContentReceipt(token: token, bytes: bytes, sha256: digest?.finish(), prefix: prefix))
            } catch {
                return .failure(error)
            }
        } then: { result in
            self.isWriting = false
            if self.isAbandoned { return self.endIfIdle() }
            completion(result)
        }
    }

    /// Whether the bytes of this request are what its client said.
    package func verify(
        _ checksum: BodyChecksum, then completion: @escaping @Sendable (Result<Bool, SystemError>) -> Void
    ) {
        if let failure { return onceIdle { completion(.failure(failure)) } }
        onceQuiet { [self] in
            isWriting = true
            let (start, end) = (startBytes, writtenBytes)
            store.disk.submit(from: loop) { [file] () -> Result<Bool, SystemError> in
                do throws(SystemError) {
                    try file.open()
                    return .success(try checksum.matches(file.raw, from: start, to: end))
                } catch {
                    return .failure(error)
                }
            } then: { result in
                self.isWriting = false
                if self.isAbandoned { return self.endIfIdle() }
                completion(result)
            }
        }
    }

    /// Takes back what this request brought.
    package func cutBack(then completion: @escaping @Sendable (SystemError?) -> Void) {
        if let failure { return onceIdle { completion(failure) } }
        onceQuiet { [self] in
            isWriting = true
            let start = startBytes
            store.disk.submit(from: loop) { [file] in
                Self.outcome { () throws(SystemError) in try file.cut(to: start) }
            } then: { failure in
                self.isWriting = false
                if let failure {
                    self.fail(failure)
                    return completion(failure)
                }
                (self.receivedBytes, self.handedBytes, self.writtenBytes) = (start, start, start)
                if let before = self.digestBefore { self.digest = before }
                self.keepDigest()
                self.closeFile()
                completion(nil)
            }
        }
    }

    private func keepDigest() {
        if let digest { store.digests.keep(digest, of: token) }
        digest = nil
        lane = nil
        intake = nil
    }

    private func closeFile() {
        store.disk.submit { [file] in file.close() }
    }

    /// The upload is given up, or its bytes did not become the document's: they are removed.
    package func abandon() {
        guard !isAbandoned else { return }
        isAbandoned = true
        dropWaiting()
        drained = nil
        failed = nil
        whenIdle = []
        endIfIdle()
    }

    /// After a failure or the end of it all: the file is let go of once no thread uses it.
    private func endIfIdle() {
        guard isAbandoned || failure != nil, !isWriting, !isHashing, syncsRunning == 0 else { return }
        if isAbandoned {
            store.disk.submit { [file] in file.remove() }
        } else {
            closeFile()
        }
        if let failure, let failed {
            self.failed = nil
            failed(failure)
        }
        let answers = whenIdle
        whenIdle = []
        for answer in answers { answer() }
    }
}
