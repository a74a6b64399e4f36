import Blobs
import Core
import Documents
import Hub
import Loop
import System
import Wire

// Theory of operation
//
//   grant ──► bytes ──► end of the body ──► quiet ──► synced ──► acknowledged ──► released ──► reply
//               │                             │
//               ├── evicted ──────────────────┴──► released (what is written stays) ──► 409
//               └── client gone ─────────────────► released (what is written stays)
//
// Whatever happens, the permit is released exactly once, after the last write: the next request begins there. It is
// released before the reply goes out, so that a client which goes on at once finds the upload free.

/// One request's bytes on their way to the end of an upload.
final class ResumableTransfer: BodyConsumer, @unchecked Sendable {
    /// How often a client that takes interim responses is told how far its upload is.
    static let interimMilliseconds: Int64 = 1000

    private let request: UploadRequest
    private var grant: UploadGrant
    private let token: Int64
    private let place: UploadPlace
    private let room: UploadRoom
    private let bodyCompletes: Bool
    private let expectedChecksum: UploadChecksum?
    private let holding: UploadHolding
    private let sink: ContentSink
    private let progress: UploadProgressTeller
    private let startBytes: Int64
    /// What stays of the bytes when the request ends.
    private var transfer: UploadTransfer
    /// Bytes came behind the upload's end; they are not taken.
    private var hasOverrun = false
    /// No more bytes are taken, and what becomes of those that came is being seen to.
    private var isEnding = false
    private var isReleased = false {
        didSet { place.release(after: sink.receivedBytes - startBytes, lackingBytes: lackingBytes) }
    }
    /// What the upload lacks when it can be gone on with; 0 where nobody knows, nil when it is over.
    private var lackingBytes: Int64?
    private var isSyncing = false

    private var exchange: Exchange { request.exchange }
    private var documents: Documents { exchange.server.shared.documents }
    private var permit: UploadPermit { grant.permit }

    init(
        _ request: UploadRequest, grant: UploadGrant, place: UploadPlace, room: UploadRoom, bodyCompletes: Bool,
        isHashed: Bool, checksum: UploadChecksum?, holding: UploadHolding
    ) {
        self.request = request
        self.grant = grant
        self.place = place
        self.room = room
        self.bodyCompletes = bodyCompletes
        expectedChecksum = checksum
        self.holding = holding
        // Never used before, so that two uploads of one document never meet in one file.
        token = grant.upload.token ?? Int64(Randomness.integer() >> 1)
        startBytes = grant.upload.writtenBytes
        transfer = UploadTransfer(
            startBytes: startBytes, awaitsSum: checksum != nil || request.trailerChecksumFollows)
        let exchange = request.exchange
        sink = ContentSink(
            store: exchange.server.shared.store, document: grant.permit.document, token: token,
            startBytes: startBytes, isNameDurable: grant.upload.acknowledgedBytes > 0, isHashed: isHashed,
            mayBeTakenBack: transfer.awaitsSum, buffers: exchange.server.uploadBuffers, loop: exchange.loop)
        let permit = grant.permit
        progress = UploadProgressTeller(loop: exchange.loop) {
            [documents = exchange.server.shared.documents] received in
            documents.perform(permit.document) { $0.uploadProgressed(permit, received: received) }
        }
    }

    /// Takes the body, unless the right is gone already.
    func begin() {
        let (permit, token, length) = (permit, token, room.length)
        documents.perform(permit.document) { $0.continueUpload(permit, token: token, length: length) }
        sink.drained = { [weak self] in self?.exchange.resumeBody() }
        sink.failed = { [weak self] error in self?.diskFailed(error) }
        holding.evicted = { [weak self, sink] reason in
            self?.evicted(reason)
            // The right was taken while this request had it: the bytes are nobody's, even if it has ended since.
            if reason != .supersededByNewer { sink.abandon() }
        }
        if let reason = holding.eviction { return evicted(reason) }
        if request.takesProgress { interimLater() }
        exchange.takeBody(self)
    }

    // MARK: Bytes

    func receive(_ bytes: Span<UInt8>) {
        guard !isEnding else { return }
        let taken = sink.receivedBytes - startBytes
        let fits = room.bytesMax.map { min(Int64(bytes.count), $0 - taken) } ?? Int64(bytes.count)
        if fits > 0 {
            guard grew(to: taken + fits) else { return }
            sink.write(bytes.extracting(0..<Int(fits)))
            if sink.isCongested { exchange.pauseBody() }
            progress.tell(sink.receivedBytes)
        }
        guard fits < Int64(bytes.count) else { return }
        hasOverrun = true
        finish()
    }

    // What the declared length brings has been found to fit.
    var directSink: ContentSink? { isEnding ? nil : sink }
    func tookDirectly() {
        if grew(to: sink.receivedBytes - startBytes) { progress.tell(sink.receivedBytes) }
    }

    /// False when no more may be kept; what came before stays.
    private func grew(to bytes: Int64) -> Bool {
        guard !isEnding, let problem = place.grew(to: bytes) else { return !isEnding }
        isEnding = true
        if transfer.awaitsSum { takeBack(problem) } else { letGo { [self] in request.respond(problem) } }
        return false
    }

    func finish() {
        guard !isEnding else { return }
        isEnding = true
        do throws(UploadFieldError) {
            let decisive = try UploadChecksum.decisive(
                head: expectedChecksum, trailers: exchange.trailers, isAnnounced: request.trailerChecksumFollows)
            guard let said = decisive else { return keep() }
            sink.verify(BodyChecksum(said.algorithm.sum, expected: said.value)) { [self] result in
                switch result {
                case .failure(let error): diskFailed(error)
                case .success(true):
                    transfer.awaitsSum = false
                    keep()
                case .success(false): takeBack(.checksumMismatch)
                }
            }
        } catch {
            takeBack(Problem(error.status, error.code, error.detail))
        }
    }

    // MARK: The body is whole

    private func keep() {
        let total = sink.receivedBytes
        if hasOverrun && room.endsAtLimit {
            return refuseOverrun(.tooLarge(limitBytes: total))
        }
        if hasOverrun, request.dialect != .tus, let length = room.length {
            // The draft refuses what passes the end; tus takes what fits.
            return refuseOverrun(.beyondLength(length))
        }
        let end = UploadAppendEnd.of(
            total: total, length: room.length, bodyCompletes: bodyCompletes, endsAtLength: request.dialect == .tus)
        switch end {
        case .unfinished:
            acknowledgeThenRelease { [self] grant in request.answer(grant, isComplete: false) }
        case .shortOfLength(let length):
            acknowledgeThenRelease { [self] _ in request.refuse(.inconsistentLength(known: length), at: total) }
        case .complete where grant.upload.form == .part:
            let permit = permit
            let token = token
            documents.perform(permit.document) { $0.continueUpload(permit, token: token, length: total) }
            acknowledgeThenRelease { [self] grant in request.answer(grant, isComplete: true) }
        case .complete: complete()
        }
    }

    /// Of an upload that can be gone on with, what fits stays.
    private func refuseOverrun(_ problem: Problem) {
        if request.isOnRecord { return letGo { [self] in request.refuseBody(problem) } }
        acknowledgeThenRelease { [self] _ in request.respond(problem) }
    }

    private func acknowledgeThenRelease(_ reply: @escaping @Sendable (UploadGrant) -> Void) {
        sink.sync { [self] result in
            switch result {
            case .failure(let error): diskFailed(error)
            case .success(let durable):
                let permit = permit
                documents.ask(permit.document, from: exchange.loop) { owner, answer in
                    owner.acknowledge(permit, offset: durable, then: answer)
                } then: { [self] (result: Result<UploadGrant, DocumentRefusal>) in
                    switch result {
                    case .success(let grant): letGo { reply(grant) }
                    case .failure(.storage(let failure)): letGo { [self] in request.respond(.storage(failure)) }
                    // Without the right the bytes are nobody's.
                    case .failure(let refusal): giveUp(Problem(refusal))
                    }
                }
            }
        }
    }

    private func complete() {
        sink.finish { [self] result in
            switch result {
            case .failure(let error): diskFailed(error)
            case .success(let receipt):
                isReleased = true
                UploadCompletion.record(
                    receipt, permit, declared: grant.contentType, pipeline: grant.pipeline, name: grant.name,
                    metadata: nil, server: exchange.server, loop: exchange.loop
                ) { [self] result in
                    switch result {
                    case .success(let event):
                        request.answerComplete(event, bytes: receipt.bytes, metadata: grant.upload.metadataText)
                    case .failure(let refusal):
                        sink.abandon()
                        request.respond(Problem(refusal))
                    }
                }
            }
        }
    }

    // MARK: Interim responses

    private func interimLater() {
        exchange.loop.schedule(afterMilliseconds: Self.interimMilliseconds) { [weak self] in self?.tellInterim() }
    }

    private func tellInterim() {
        guard !isEnding, exchange.isAlive else { return }
        // What must be compared with its sum first is not told before.
        guard sink.writtenBytes > grant.upload.acknowledgedBytes, !isSyncing, !transfer.awaitsSum else {
            return interimLater()
        }
        isSyncing = true
        sink.syncWritten { [self] result in
            guard case .success(let durable) = result, !isReleased else { return isSyncing = false }
            let permit = permit
            documents.ask(permit.document, from: exchange.loop) { owner, answer in
                owner.acknowledge(permit, offset: durable, then: answer)
            } then: { [self] (result: Result<UploadGrant, DocumentRefusal>) in
                isSyncing = false
                if case .success(let grant) = result {
                    self.grant = grant
                    if !isEnding { request.interim(grant) }
                }
                if !isEnding { interimLater() }
            }
        }
    }

    // MARK: Ends that nobody wished for

    /// The client is gone, or sends what is no body.
    func abort() {
        guard !isEnding else { return }
        isEnding = true
        if transfer.awaitsSum { return takeBack(nil) }
        if exchange.server.shared.isDraining {
            // This process will not be asked how far the upload is.
            acknowledgeThenRelease { _ in }
        } else {
            letGo {}
        }
    }

    private func takeBack(_ problem: Problem?) {
        sink.cutBack { [self] _ in
            release(.sumRefuted)
            if let problem { request.refuseBody(problem) }
        }
    }

    /// Ends the writing, then lets the next request go on behind what is there.
    private func letGo(then reply: @escaping @Sendable () -> Void) {
        sink.pause { [self] _ in
            release(.stopped)
            reply()
        }
    }

    private func release(_ end: UploadTransfer.End) {
        let written = transfer.keptBytes(end, written: sink.writtenBytes)
        guard !isReleased else { return }
        lackingBytes = room.length.map { max(0, $0 - written) } ?? 0
        isReleased = true
        let permit = permit
        documents.perform(permit.document) { $0.releaseUpload(permit, written: written) }
    }

    private func diskFailed(_ error: SystemError) {
        isEnding = true
        release(sink.hasFailedSync ? .syncFailed : .diskRefused)
        request.respond(error.isNoSpace ? .storageFull : .storage(.failed("\(error)")))
    }

    private func evicted(_ reason: UploadEviction) {
        guard !isReleased else { return }
        switch reason {
        case .supersededByNewer:
            // A body that is whole goes its way; the newer request waits for it.
            guard !isEnding else { return }
            isEnding = true
            if transfer.awaitsSum { return takeBack(Problem(.superseded)) }
            letGo { [self] in request.respond(Problem(.superseded)) }
        case .begunAgain: giveUp(Problem(.superseded))
        case .cancelled: giveUp(.cancelledMeanwhile)
        }
    }

    /// The right is gone, and the record says so: what was written is thrown away.
    private func giveUp(_ problem: Problem) {
        isEnding = true
        isReleased = true
        sink.abandon()
        request.respond(problem)
    }
}

extension UploadChecksum.Algorithm {
    fileprivate var sum: BodyChecksum.Algorithm {
        switch self {
        case .sha1: .sha1
        case .sha256: .sha256
        case .md5: .md5
        case .crc32c: .crc32c
        }
    }
}
