@testable import Core

/// Whatever may be answered to a request.
enum SimulatedReply: Equatable {
    /// So far the upload is; nothing of it may be taken back.
    case standing(Int64, isComplete: Bool)
    /// All of it is there, and the document waits for a worker.
    case complete(Int64)
    case refused(AppendRefusal)
    case checksumMismatch
    case superseded
    case storage
    /// It came to an end without its bytes.
    case gone
    case done
}

/// One request that is being served: answered once, unless its client has gone.
final class SimulatedExchange {
    private unowned let world: UploadWorld
    private(set) var isAlive = true
    private(set) var isAnswered = false
    var client: UploadClient?
    /// Takes the body.
    var transfer: SimulatedTransfer?

    init(_ world: UploadWorld) { self.world = world }

    func respond(_ reply: SimulatedReply) {
        guard isAlive, !isAnswered else { return }
        isAnswered = true
        world.checker.told(reply)
        client?.answered(reply)
    }

    /// Told of an upload that goes on.
    func interim(_ offset: Int64) {
        guard isAlive, !isAnswered else { return }
        world.checker.told(.standing(offset, isComplete: false))
    }

    func clientLeft() {
        guard isAlive else { return }
        isAlive = false
        if !isAnswered { transfer?.abort() }
    }
}

/// Brings the owner's word home (`UploadHolding`).
final class SimulatedHolding {
    private let process: SimulatedProcess
    private(set) var eviction: SimulatedOwner.Eviction?
    var evicted: ((SimulatedOwner.Eviction) -> Void)?

    init(_ process: SimulatedProcess) { self.process = process }

    func happen(_ reason: SimulatedOwner.Eviction) {
        process.connectionLetters.append { [self] in
            eviction = reason
            evicted?(reason)
        }
    }
}

/// What a client says of its body's sum, and when.
enum SimulatedSum { case none, before, behind }

/// `ResumableTransfer` step by step.
final class SimulatedTransfer {
    private unowned let world: UploadWorld
    private let process: SimulatedProcess
    private let exchange: SimulatedExchange
    private var grant: SimulatedOwner.Grant
    private let room: UploadRoom
    private let bodyCompletes: Bool
    private let isRight: (([UInt8]) -> Bool)?
    private let holding: SimulatedHolding
    private let sink: SimulatedSink
    private let isDraft: Bool
    private let startBytes: Int64
    private var transfer: UploadTransfer
    private var hasOverrun = false
    private var isEnding = false
    private var isReleased = false
    private var isSyncing = false

    private var permit: SimulatedOwner.Permit { grant.permit }

    init(
        _ world: UploadWorld, _ process: SimulatedProcess, _ exchange: SimulatedExchange, grant: SimulatedOwner.Grant,
        room: UploadRoom, bodyCompletes: Bool, isRight: (([UInt8]) -> Bool)?, isDraft: Bool,
        holding: SimulatedHolding
    ) {
        self.world = world
        self.process = process
        self.exchange = exchange
        self.grant = grant
        self.room = room
        self.bodyCompletes = bodyCompletes
        self.isRight = isRight
        self.isDraft = isDraft
        self.holding = holding
        startBytes = grant.upload.writtenBytes
        transfer = UploadTransfer(startBytes: startBytes, awaitsSum: isRight != nil)
        sink = SimulatedSink(
            world, process, token: grant.upload.token ?? world.newToken(), startBytes: startBytes,
            isNameDurable: grant.upload.acknowledgedBytes > 0)
        world.checker.begins(sink)
    }

    private func perform(_ work: @escaping (SimulatedOwner) -> Void) {
        process.ownerLetters.append { [world] in work(world.owner) }
    }

    func begin() {
        let (permit, token, length) = (permit, sink.token, room.length)
        perform { $0.continueUpload(permit, token: token, length: length) }
        sink.failed = { [weak self] in self?.diskFailed() }
        holding.evicted = { [weak self, sink] reason in
            self?.evicted(reason)
            if reason != .supersededByNewer { sink.abandon() }
        }
        if let reason = holding.eviction { return evicted(reason) }
        if isDraft { interimLater() }
        exchange.transfer = self
        // The client may have gone while the right was waited for.
        if !exchange.isAlive { abort() }
    }

    func receive(_ bytes: [UInt8]) {
        guard !isEnding else { return }
        let taken = sink.receivedBytes - startBytes
        let fits = room.bytesMax.map { min(Int64(bytes.count), $0 - taken) } ?? Int64(bytes.count)
        if fits > 0 { sink.write(Array(bytes.prefix(Int(fits)))) }
        guard fits < Int64(bytes.count) else { return }
        hasOverrun = true
        finish()
    }

    func finish() {
        guard !isEnding else { return }
        isEnding = true
        guard let isRight else { return keep() }
        sink.verify(isRight) { [self] matches in
            switch matches {
            case nil: diskFailed()
            case true?:
                transfer.awaitsSum = false
                keep()
            case false?: takeBack(.checksumMismatch)
            }
        }
    }

    private func keep() {
        let total = sink.receivedBytes
        if hasOverrun && room.endsAtLimit {
            return acknowledgeThenRelease { [self] _ in exchange.respond(.refused(.beyondLimit(total))) }
        }
        if hasOverrun, isDraft, let length = room.length {
            return acknowledgeThenRelease { [self] _ in exchange.respond(.refused(.beyondLength(length))) }
        }
        let end = UploadAppendEnd.of(
            total: total, length: room.length, bodyCompletes: bodyCompletes, endsAtLength: !isDraft)
        switch end {
        case .unfinished:
            acknowledgeThenRelease { [self] grant in
                exchange.respond(.standing(grant.upload.acknowledgedBytes, isComplete: false))
            }
        case .shortOfLength(let length):
            acknowledgeThenRelease { [self] _ in exchange.respond(.refused(.inconsistentLength(known: length))) }
        case .complete where grant.upload.form == .part:
            let (permit, token) = (permit, sink.token)
            perform { $0.continueUpload(permit, token: token, length: total) }
            acknowledgeThenRelease { [self] grant in
                exchange.respond(.standing(grant.upload.acknowledgedBytes, isComplete: true))
            }
        case .complete: complete()
        }
    }

    private func acknowledgeThenRelease(_ reply: @escaping (SimulatedOwner.Grant) -> Void) {
        sink.sync { [self] durable in
            guard let durable else { return diskFailed() }
            acknowledge(durable) { [self] result in
                switch result {
                case .success(let grant): letGo { reply(grant) }
                case .failure(.storage): letGo { [self] in exchange.respond(.storage) }
                case .failure: giveUp(.superseded)
                }
            }
        }
    }

    private func acknowledge(
        _ durable: Int64, then completion: @escaping (Result<SimulatedOwner.Grant, SimulatedOwner.Refusal>) -> Void
    ) {
        let permit = permit
        perform { [process] owner in
            owner.acknowledge(permit, offset: durable) { result in
                process.connectionLetters.append { completion(result) }
            }
        }
    }

    private func complete() {
        sink.sync { [self] bytes in
            guard let bytes else { return diskFailed() }
            isReleased = true
            let (permit, token) = (permit, sink.token)
            perform { [process] owner in
                owner.uploadCompleted(permit, token: token, bytes: bytes) { result in
                    process.connectionLetters.append { [self] in
                        switch result {
                        case .success(let bytes): exchange.respond(.complete(bytes))
                        case .failure:
                            sink.abandon()
                            exchange.respond(.superseded)
                        }
                    }
                }
            }
        }
    }

    private func interimLater() {
        process.timers.append { [weak self] in self?.tellInterim() }
    }

    private func tellInterim() {
        guard !isEnding, exchange.isAlive else { return }
        guard sink.writtenBytes > grant.upload.acknowledgedBytes, !isSyncing, !transfer.awaitsSum else {
            return interimLater()
        }
        isSyncing = true
        sink.syncWritten { [self] durable in
            guard let durable, !isReleased else { return isSyncing = false }
            acknowledge(durable) { [self] result in
                isSyncing = false
                if case .success(let grant) = result {
                    self.grant = grant
                    if !isEnding { exchange.interim(grant.upload.acknowledgedBytes) }
                }
                if !isEnding { interimLater() }
            }
        }
    }

    func abort() {
        guard !isEnding else { return }
        isEnding = true
        if transfer.awaitsSum { return takeBack(nil) }
        if world.isDraining { acknowledgeThenRelease { _ in } } else { letGo {} }
    }

    private func takeBack(_ reply: SimulatedReply?) {
        sink.cutBack { [self] in
            release(.sumRefuted)
            if let reply { exchange.respond(reply) }
        }
    }

    private func letGo(then reply: @escaping () -> Void) {
        sink.pause { [self] in
            release(.stopped)
            reply()
        }
    }

    private func release(_ end: UploadTransfer.End) {
        let written = transfer.keptBytes(end, written: sink.writtenBytes)
        guard !isReleased else { return }
        isReleased = true
        let permit = permit
        perform { $0.releaseUpload(permit, written: written) }
    }

    private func diskFailed() {
        isEnding = true
        release(sink.hasFailedSync ? .syncFailed : .diskRefused)
        exchange.respond(.storage)
    }

    private func evicted(_ reason: SimulatedOwner.Eviction) {
        guard !isReleased else { return }
        switch reason {
        case .supersededByNewer:
            guard !isEnding else { return }
            isEnding = true
            if transfer.awaitsSum { return takeBack(.superseded) }
            letGo { [self] in exchange.respond(.superseded) }
        case .begunAgain: giveUp(.superseded)
        case .cancelled: giveUp(.gone)
        }
    }

    private func giveUp(_ reply: SimulatedReply) {
        isEnding = true
        isReleased = true
        sink.abandon()
        exchange.respond(reply)
    }
}
