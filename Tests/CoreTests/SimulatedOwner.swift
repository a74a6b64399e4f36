import JSON

@testable import Core

/// The owner of one document, as far as uploads go: `DocumentOwner` step by step, with the real document, holder and
/// record, and with a simulated ledger and disk under it.
final class SimulatedOwner {
    struct Permit: Equatable {
        var number: UInt64
    }

    struct Grant {
        var permit: Permit
        var upload: ResumableUpload
        var length: Int64?

        init(_ permit: Permit, _ document: Document) {
            self.permit = permit
            upload = document.upload
            length = document.declaredBytes
        }
    }

    enum Refusal: Error, Equatable {
        case notFound
        case conflict(DocumentConflict)
        case storage
    }

    enum Eviction { case supersededByNewer, begunAgain, cancelled }

    struct Taker {
        var evict: (Eviction) -> Void
        var answer: (Result<Grant, Refusal>) -> Void
    }

    final class Live {
        var document: Document
        var recordsPending = 0
        var waitingOrders: [() -> Void] = []
        var isDeleted = false
        var permit: Permit?
        var holder = UploadHolder()
        var takers: [UInt64: Taker] = [:]
        var evictUpload: ((Eviction) -> Void)?

        init(_ document: Document) { self.document = document }

        var isUnused: Bool {
            document.status == .uploading && permit == nil && !isDeleted && holder.isFree && recordsPending == 0
        }
    }

    private unowned let world: UploadWorld
    private let process: SimulatedProcess
    private(set) var live: Live?
    private var loading: [(Result<Live, Refusal>) -> Void] = []
    private var lastPermit: UInt64 = 0

    init(_ world: UploadWorld, _ process: SimulatedProcess) {
        self.world = world
        self.process = process
    }

    // MARK: Finding

    private func find(then completion: @escaping (Result<Live, Refusal>) -> Void) {
        if let live { return completion(live.isDeleted ? .failure(.notFound) : .success(live)) }
        loading.append(completion)
        if loading.count > 1 { return }
        process.ledgerReads.append { [self] in
            let record = world.ledger.committed
            process.ownerLetters.append { [self] in loaded(record) }
        }
    }

    private func loaded(_ record: DocumentRecord?) {
        let waiting = loading
        loading = []
        if live == nil, let record, var document = Document(record) {
            if !document.isTerminal && document.epoch != process.epoch {
                document.recover(epoch: process.epoch, ceiling: record.ceiling)
                if document.status == .uploading { _ = try? document.apply(.uploadCutBack, at: world.now) }
            }
            live = Live(document)
        }
        let answer: Result<Live, Refusal> =
            live.map { $0.isDeleted ? .failure(.notFound) : .success($0) } ?? .failure(.notFound)
        for completion in waiting { completion(answer) }
    }

    private func whenSettled(then order: @escaping (Result<Live, Refusal>) -> Void) {
        find { [self] result in
            guard case .success(let live) = result, live.recordsPending > 0 else { return order(result) }
            live.waitingOrders.append { [self] in whenSettled(then: order) }
        }
    }

    private func settled(_ live: Live) {
        while live.recordsPending == 0 && !live.waitingOrders.isEmpty { live.waitingOrders.removeFirst()() }
    }

    // MARK: Recording

    private func record(of document: Document) -> DocumentRecord {
        var next = document
        next.advanceOffset()
        return DocumentRecord(
            id: next.id, status: next.status, createdAtMilliseconds: next.createdAtMilliseconds,
            ceiling: max(next.percentage.published, next.percentage.requestedCeiling), outputToken: nil,
            isPart: next.isPart, dueMilliseconds: world.lifetimes.dueMilliseconds(next),
            bytes: next.recorded(now: world.now))
    }

    private func order(_ write: SimulatedLedger.Write, then completion: @escaping (Bool) -> Void) {
        world.ledger.order(write) { [process] isGood in process.ownerLetters.append { completion(isGood) } }
    }

    private func change(_ live: Live, _ change: DocumentChange) throws(DocumentConflict) {
        _ = try live.document.apply(change, at: world.now)
    }

    private func changeOnRecord(
        _ live: Live, _ change: DocumentChange, then completion: @escaping (Live) -> Void = { _ in }
    ) throws(DocumentConflict) {
        _ = try live.document.apply(change, at: world.now)
        live.recordsPending += 1
        recordThenTell(live, completion)
    }

    private func recordThenTell(_ live: Live, _ completion: @escaping (Live) -> Void) {
        order(.update(record(of: live.document))) { [self] isGood in
            guard isGood else {
                return process.timers.append { [self] in recordThenTell(live, completion) }
            }
            live.recordsPending -= 1
            completion(live)
            settled(live)
        }
    }

    // MARK: Life

    func create(_ document: Document, then answer: @escaping (Bool) -> Void) {
        let created = Live(document)
        live = created
        created.recordsPending = 1
        order(.insert(record(of: document))) { [self] isGood in
            created.recordsPending -= 1
            if !isGood && live === created { live = nil }
            answer(isGood)
            settled(created)
        }
    }

    func cancel(then answer: @escaping (Refusal?) -> Void) {
        whenSettled { [self] result in
            switch result {
            case .failure(let refusal): answer(refusal)
            case .success(let live):
                do throws(DocumentConflict) {
                    try changeOnRecord(live, .cancelled) { _ in answer(nil) }
                    endUpload(live, .cancelled, of: live.document.upload)
                } catch {
                    answer(.conflict(error))
                }
            }
        }
    }

    func delete(then answer: @escaping (Refusal?) -> Void) {
        find { [self] result in
            switch result {
            case .failure(let refusal): answer(refusal)
            case .success(let live):
                _ = try? live.document.apply(.cancelled, at: world.now)
                live.isDeleted = true
                live.recordsPending += 1
                endUpload(live, .cancelled, of: live.document.upload)
                order(.remove) { [self] isGood in
                    live.recordsPending -= 1
                    defer { settled(live) }
                    guard isGood else {
                        live.isDeleted = false
                        live.recordsPending += 1
                        recordThenTell(live) { _ in }
                        return answer(.storage)
                    }
                    self.live = nil
                    removeContent(live.document.contentToken)
                    answer(nil)
                }
            }
        }
    }

    func expire() {
        find { [self] result in
            guard case .success(let live) = result, live.recordsPending == 0 else { return }
            guard let due = world.lifetimes.dueMilliseconds(live.document), due <= world.now.unixMilliseconds,
                live.permit == nil
            else { return order(.update(record(of: live.document))) { _ in } }
            if live.document.isTerminal { return delete { _ in } }
            try? changeOnRecord(live, .failed(DocumentError(.uploadExpired, "Nothing was added.")))
            endUpload(live, .cancelled, of: live.document.upload)
        }
    }

    // MARK: Bytes of one request

    func beginUpload(evict: @escaping (Eviction) -> Void, then answer: @escaping (Result<Permit, Refusal>) -> Void) {
        find { [self] result in
            answer(
                result.flatMap { live in
                    guard live.document.status == .uploading else {
                        return .failure(.conflict(live.document.uploadConflict))
                    }
                    let upload = live.document.upload
                    do throws(DocumentConflict) {
                        let begins = DocumentChange.uploadBegan(total: nil, contentType: nil)
                        if upload.token == nil { try change(live, begins) } else { try changeOnRecord(live, begins) }
                    } catch {
                        return .failure(.conflict(error))
                    }
                    endUpload(live, .begunAgain, of: upload)
                    lastPermit += 1
                    live.permit = Permit(number: lastPermit)
                    live.evictUpload = evict
                    return .success(Permit(number: lastPermit))
                })
        }
    }

    func uploadLost(_ permit: Permit) {
        guard let live, permit == live.permit else { return }
        live.permit = nil
        live.evictUpload = nil
        try? change(live, .uploadLost)
    }

    func uploadCompleted(
        _ permit: Permit, token: Int64, bytes: Int64, then answer: @escaping (Result<Int64, Refusal>) -> Void
    ) {
        guard let live, permit == live.permit else { return refuse(permit, answer) }
        live.permit = nil
        live.evictUpload = nil
        live.document.contentToken = token
        do throws(DocumentConflict) {
            try changeOnRecord(live, .uploadCompleted(bytes: bytes, sha256: nil, contentType: "text/plain")) { live in
                answer(live.isDeleted ? .failure(.notFound) : .success(bytes))
            }
            endUpload(live, .supersededByNewer, of: live.document.upload)
        } catch {
            answer(.failure(.conflict(error)))
        }
    }

    // MARK: Bytes over many requests

    func takeUpload(evict: @escaping (Eviction) -> Void, then answer: @escaping (Result<Grant, Refusal>) -> Void) {
        whenSettled { [self] result in
            switch result {
            case .failure(let refusal): answer(.failure(refusal))
            case .success(let live):
                guard live.document.status == .uploading else {
                    return answer(.failure(.conflict(live.document.uploadConflict)))
                }
                lastPermit += 1
                live.takers[lastPermit] = Taker(evict: evict, answer: answer)
                carryOut(live.holder.request(lastPermit), live)
            }
        }
    }

    private func carryOut(_ actions: [UploadHolder.Action], _ live: Live) {
        for action in actions {
            switch action {
            case .grant(let number): grant(number, live)
            case .evict(let number): live.takers[number]?.evict(.supersededByNewer)
            }
        }
    }

    private func grant(_ number: UInt64, _ live: Live) {
        guard let taker = live.takers[number] else { return world.checker.complain("a grant to nobody") }
        live.evictUpload?(.supersededByNewer)
        live.permit = Permit(number: number)
        live.evictUpload = taker.evict
        taker.answer(.success(Grant(Permit(number: number), live.document)))
    }

    func continueUpload(_ permit: Permit, token: Int64, length: Int64?) {
        guard let live, permit == live.permit else { return }
        try? change(live, .uploadContinued(token: token, length: length))
    }

    func acknowledge(_ permit: Permit, offset: Int64, then answer: @escaping (Result<Grant, Refusal>) -> Void) {
        guard let live, permit == live.permit else { return refuse(permit, answer) }
        recordDurable(live, offset) { [self] isGood in
            guard permit == live.permit else { return refuse(permit, answer) }
            answer(isGood ? .success(Grant(permit, live.document)) : .failure(.storage))
        }
    }

    private func recordDurable(_ live: Live, _ offset: Int64, then completion: @escaping (Bool) -> Void) {
        let token = live.document.upload.token
        live.document.upload.synced(offset)
        var next = live.document
        _ = try? next.apply(.uploadAcknowledged(offset), at: world.now)
        order(.update(record(of: next))) { [self] isGood in
            if isGood && live.document.upload.token == token { try? change(live, .uploadAcknowledged(offset)) }
            completion(isGood)
        }
    }

    private func refuse<Answer>(_ permit: Permit, _ answer: @escaping (Result<Answer, Refusal>) -> Void) {
        guard let live, live.recordsPending > 0 else {
            return answer(.failure(live.map { .conflict($0.document.uploadConflict) } ?? .notFound))
        }
        live.waitingOrders.append { [self] in refuse(permit, answer) }
    }

    func releaseUpload(_ permit: Permit, written: Int64) {
        guard let live else { return }
        live.takers[permit.number] = nil
        if permit == live.permit {
            live.permit = nil
            live.evictUpload = nil
            try? change(live, .uploadPaused(written: written))
        }
        carryOut(live.holder.released(permit.number), live)
    }

    private func endUpload(_ live: Live, _ reason: Eviction, of upload: ResumableUpload) {
        let evict = live.evictUpload
        let token = live.document.hasContent ? nil : upload.token
        live.evictUpload = nil
        live.permit = nil
        let refusal = Refusal.conflict(live.document.uploadConflict)
        for number in live.holder.clear() { live.takers[number]?.answer(.failure(refusal)) }
        live.takers = [:]
        live.waitingOrders.append { [self] in
            evict?(reason)
            removeContent(token)
        }
        settled(live)
    }

    private func removeContent(_ token: Int64?) {
        guard let token else { return }
        process.diskJobs.append { [world] in world.disk.remove(token) }
    }

    /// What is told of an upload that takes no more bytes: all of them, or nil when they never came whole.
    func endedUpload(then answer: @escaping (Result<Int64?, Refusal>) -> Void) {
        whenSettled { result in
            answer(
                result.flatMap { live in
                    guard live.document.status != .uploading else {
                        return .failure(.conflict(live.document.uploadConflict))
                    }
                    return .success(live.document.hasContent ? live.document.bytesTotal : nil)
                })
        }
    }

    // MARK: Leaving memory

    func lookIfUnused() {
        guard let live, live.isUnused else { return }
        makeAllDurable(live) { [self] in
            guard self.live === live else { return }
            order(.update(record(of: live.document))) { [self] isGood in
                if self.live === live, isGood, live.isUnused { self.live = nil }
            }
        }
    }

    private func makeAllDurable(_ live: Live, then completion: @escaping () -> Void) {
        let upload = live.document.upload
        guard let token = upload.token, upload.writtenBytes > upload.acknowledgedBytes else { return completion() }
        world.makeContentDurable(token, bytes: upload.writtenBytes, process) { [self] isGood in
            process.ownerLetters.append { [self] in
                guard live.isUnused && live.document.upload == upload else { return completion() }
                if !isGood {
                    try? change(live, .uploadCutBack)
                    return completion()
                }
                recordDurable(live, upload.writtenBytes) { _ in completion() }
            }
        }
    }
}
