import JSON

@testable import Core

/// The owner of all documents, which follows the real one step by step where it leases, records and clears away.
final class SimulatedWorkOwner {
    final class Live {
        var document: Document
        var lease: WorkLease
        var account: WorkAccount
        var recordsPending = 0
        var isDeleted = false
        var isCeilingBeingRecorded = false
        var waitingOrders: [() -> Void] = []

        init(_ document: Document, lease: WorkLease, account: WorkAccount) {
            self.document = document
            self.lease = lease
            self.account = account
        }
    }

    private unowned let world: WorkWorld
    private let process: SimulatedProcess
    let retries = RetryPolicy()
    private(set) var live: [DocumentID: Live] = [:]
    private var leases: Set<DocumentID> = []

    init(_ world: WorkWorld, _ process: SimulatedProcess) {
        self.world = world
        self.process = process
    }

    // MARK: Recording and telling

    private func entry(_ live: Live) -> WorkLedger.Entry {
        var next = live.document
        next.advanceOffset()
        let record = DocumentRecord(
            id: next.id, status: next.status, createdAtMilliseconds: next.createdAtMilliseconds,
            ceiling: max(next.percentage.published, next.percentage.requestedCeiling), outputToken: live.lease.run,
            bytes: [])
        return WorkLedger.Entry(record: record, account: live.account, document: next)
    }

    private func order(_ write: WorkLedger.Write, then completion: @escaping (Bool) -> Void) {
        world.ledger.order(write) { [process] isGood in
            process.ownerLetters.append { completion(isGood) }
        }
    }

    private func write(_ live: Live, then completion: @escaping (Bool) -> Void = { _ in }) {
        order(.update(entry(live)), then: completion)
    }

    private func change(_ live: Live, _ change: DocumentChange) {
        guard let weight = try? live.document.apply(change, at: world.now) else { return }
        if weight != .none && live.recordsPending == 0 { tell(live) }
        recordCeiling(live)
    }

    private func changeOnRecord(
        _ live: Live, _ change: DocumentChange, then completion: @escaping () -> Void = {}
    ) throws(DocumentConflict) {
        _ = try live.document.apply(change, at: world.now)
        live.recordsPending += 1
        recordThenTell(live, completion)
    }

    private func recordThenTell(_ live: Live, _ completion: @escaping () -> Void) {
        let entry = entry(live)
        order(.update(entry)) { [self] isGood in
            guard isGood else {
                process.timers.append { [self] in recordThenTell(live, completion) }
                return
            }
            live.recordsPending -= 1
            if !live.isDeleted && live.recordsPending == 0 {
                _ = try? live.document.apply(.ceilingRecorded(entry.record.ceiling), at: world.now)
                tell(live)
            }
            completion()
            settled(live)
        }
    }

    private func recordCeiling(_ live: Live) {
        guard let ceiling = live.document.percentage.ceilingToRecord, !live.isCeilingBeingRecorded else { return }
        live.isCeilingBeingRecorded = true
        order(.ceiling(live.document.id, ceiling)) { [self] isGood in
            live.isCeilingBeingRecorded = false
            if isGood { change(live, .ceilingRecorded(ceiling)) }
        }
    }

    private func tell(_ live: Live) {
        live.document.advanceOffset()
        world.checker.told(live.document)
    }

    private func settled(_ live: Live) {
        while live.recordsPending == 0 && !live.waitingOrders.isEmpty { live.waitingOrders.removeFirst()() }
    }

    private func whenSettled(_ id: DocumentID, then order: @escaping (Live) -> Void) {
        guard let found = find(id) else { return }
        guard found.recordsPending > 0 else { return order(found) }
        found.waitingOrders.append { [self] in whenSettled(id, then: order) }
    }

    private func find(_ id: DocumentID) -> Live? {
        if let found = live[id] { return found.isDeleted ? nil : found }
        guard let entry = world.ledger.entries[id] else { return nil }
        // Written only where it is read: a document is a value, so it is what it was.
        guard let value = try? JSONValue.parse(entry.document.recorded(now: world.now)),
            let document = Document(record: value, ceiling: entry.record.ceiling)
        else {
            world.checker.complain("a record that cannot be read")
            return nil
        }
        let restored = Live(document, lease: WorkLease(run: entry.record.outputToken), account: entry.account)
        live[id] = restored
        if !document.isTerminal && document.epoch != process.epoch { goOn(restored, entry.record.ceiling) }
        return restored
    }

    // MARK: People

    func create(_ document: Document) {
        let created = Live(document, lease: WorkLease(), account: WorkAccount())
        live[document.id] = created
        created.recordsPending = 1
        order(.insert(entry(created))) { [self] isGood in
            created.recordsPending -= 1
            guard isGood else { return live[document.id] = nil }
            tell(created)
            uploaded(created)
            settled(created)
        }
    }

    private func uploaded(_ live: Live) {
        let change = DocumentChange.uploadCompleted(bytes: 10, sha256: nil, contentType: "application/pdf")
        try? changeOnRecord(live, change) { [self] in
            world.checker.accepted(live.document.id)
            if live.document.status == .queued && !live.isDeleted { enqueue(live) }
        }
    }

    func cancel(_ id: DocumentID) {
        whenSettled(id) { [self] live in
            let goneOnFrom = live.document.checkpoint?.run
            guard
                (try? changeOnRecord(
                    live, .cancelled,
                    then: { [self] in
                        if let goneOnFrom { world.removeLater(WorkFile(document: id, run: goneOnFrom)) }
                    })) != nil
            else { return }
            world.checker.wantsEnd(id)
            withdraw(id)
        }
    }

    func retry(_ id: DocumentID) {
        whenSettled(id) { [self] live in
            guard live.document.canRunAgain || live.document.status == .cancelled else { return }
            world.checker.wantsRetry(id)
            live.account.failures = []
            try? changeOnRecord(live, .retried) { [self] in if !live.isDeleted { enqueue(live) } }
        }
    }

    func delete(_ id: DocumentID) {
        guard let found = find(id) else { return }
        world.checker.wantsEnd(id)
        let runs = Set([found.lease.run, found.document.checkpoint?.run].compactMap { $0 })
        _ = try? found.document.apply(.cancelled, at: world.now)
        found.isDeleted = true
        found.recordsPending += 1
        withdraw(id)
        order(.remove(id)) { [self] isGood in
            found.recordsPending -= 1
            defer { settled(found) }
            guard isGood else {
                found.isDeleted = false
                found.recordsPending += 1
                return recordThenTell(found) {}
            }
            live[id] = nil
            for run in runs { world.removeLater(WorkFile(document: id, run: run)) }
        }
    }

    // MARK: Leases

    private func enqueue(_ live: Live) { world.pipeline.enqueue(live.document.id, live.document.ticket) }
    private func withdraw(_ id: DocumentID) { world.pipeline.withdraw(id) }

    func lease(_ id: DocumentID, floor: Int64, settings: String) -> SimulatedLease? {
        guard let found = live[id], !found.isDeleted, found.document.status == .queued else { return nil }
        if let point = found.document.checkpoint, point.settings != settings { forgetCheckpoint(found) }
        let before = found.lease.run
        let run = found.lease.take(atLeast: floor, nowMilliseconds: world.now.monotonicMilliseconds)
        world.checker.leased(id, run, after: before)
        change(found, .leased)
        found.account.leased()
        if found.document.attempt != found.account.attempts { world.checker.complain("attempts are miscounted") }
        leases.insert(id)
        write(found)
        return SimulatedLease(document: id, run: run, checkpoint: found.document.checkpoint, settings: settings)
    }

    private func leased(_ id: DocumentID, _ run: Int64) -> Live? {
        guard let found = live[id], found.lease.isHeld(by: run, of: found.document) else { return nil }
        world.checker.taken(id, run)
        return found
    }

    func isCurrent(_ id: DocumentID, _ run: Int64) -> Bool { leased(id, run) != nil }

    func renew(_ id: DocumentID, run: Int64) -> Bool {
        guard let found = leased(id, run) else { return false }
        found.lease.renew(nowMilliseconds: world.now.monotonicMilliseconds)
        leases.insert(id)
        return true
    }

    func endLeases() {
        for id in leases.sorted() {
            guard let found = live[id], found.document.status == .processing, let run = found.lease.run else {
                leases.remove(id)
                continue
            }
            guard found.lease.hasRunOut(nowMilliseconds: world.now.monotonicMilliseconds) else { continue }
            leases.remove(id)
            withdraw(id)
            giveBack(id, run: run)
        }
    }

    func giveBack(_ id: DocumentID, run: Int64) {
        guard let found = leased(id, run) else { return removeOutput(of: id, run) }
        change(found, .requeued)
        found.account.repeatsAttempt = true
        removeOutput(of: id, run)
        enqueue(found)
    }

    func worked(_ id: DocumentID, run: Int64, _ progress: WorkProgress) {
        if let found = leased(id, run) { change(found, .worked(progress)) }
    }

    func checkpointed(_ id: DocumentID, _ point: Checkpoint) {
        guard let found = leased(id, point.run) else { return }
        let before = found.document.checkpoint
        guard point.isBeyond(before) || before?.run != point.run else { return }
        _ = try? found.document.apply(.checkpointed(point), at: world.now)
        write(found) { [self] isGood in
            guard isGood, let before, before.run != point.run else { return }
            removeOutput(of: id, before.run)
        }
    }

    func checkpointFailed(_ id: DocumentID, run: Int64) {
        if let found = leased(id, run) { forgetCheckpoint(found) }
    }

    private func forgetCheckpoint(_ live: Live) {
        guard let point = live.document.checkpoint else { return }
        _ = try? live.document.apply(.checkpointed(nil), at: world.now)
        write(live) { [self] isGood in if isGood { removeOutput(of: live.document.id, point.run) } }
    }

    func finished(_ id: DocumentID, run: Int64, _ verdict: RunVerdict, unitsRead: Int64) {
        guard let found = leased(id, run) else { return removeOutput(of: id, run) }
        switch verdict {
        case .complete(let units, let chunks):
            try? changeOnRecord(found, .completed(units: units, chunks: chunks))
        case .waits(let words, let milliseconds):
            setBack(found, run, words, afterMilliseconds: milliseconds, isAttempt: false)
        case .fallsBack: world.checker.complain("no worker of this world has a second reader")
        case .failed(let error):
            let pages = found.document.unitsArePages ? unitsRead : nil
            let checkpoint = found.document.checkpoint
            let isLast = found.account.isLast(
                error, pages: pages, checkpoint: checkpoint, attemptsMax: retries.attemptsMax)
            let decision = retries.decide(
                error, pages: pages, checkpoint: checkpoint, failed: &found.document.failedRuns,
                jitter: Double.random(in: 0...1, using: &world.random))
            switch decision {
            case .again(let milliseconds):
                if isLast { world.checker.complain("it is tried again after its last attempt") }
                setBack(found, run, error.detail, afterMilliseconds: milliseconds, isAttempt: true)
            case .giveUp(let reason):
                if !isLast { world.checker.complain("it is given up too early: \(reason.detail)") }
                try? changeOnRecord(found, .failed(reason)) { [self] in removeOutput(of: id, run) }
            }
        }
    }

    private func setBack(
        _ live: Live, _ run: Int64, _ words: String, afterMilliseconds wait: Int64, isAttempt: Bool
    ) {
        let change = DocumentChange.setBack(
            message: words, notBeforeMilliseconds: world.now.unixMilliseconds + wait, isAttempt: isAttempt)
        live.account.repeatsAttempt = !isAttempt
        try? changeOnRecord(live, change) { [self] in
            removeOutput(of: live.document.id, run)
            if live.document.status == .queued && !live.isDeleted { enqueue(live) }
        }
    }

    private func removeOutput(of id: DocumentID, _ run: Int64) {
        if let found = live[id] {
            guard found.recordsPending == 0 else {
                return found.waitingOrders.append { [self] in removeOutput(of: id, run) }
            }
            if !found.isDeleted && found.lease.needsOutput(of: run, of: found.document) { return }
        }
        world.removeLater(WorkFile(document: id, run: run))
    }

    // MARK: Restart

    func recover(_ id: DocumentID) { _ = find(id) }

    /// Every end of this world's processes is a death.
    private func goOnAtWork(_ live: Live) {
        guard live.document.status == .processing else {
            tell(live)
            return enqueue(live)
        }
        let decision = retries.afterServerDeath(
            live.document.serverDeaths + 1, jitter: Double.random(in: 0...1, using: &world.random))
        guard case .again(let milliseconds) = decision else {
            world.checker.setAside(live.document)
            try? changeOnRecord(live, .failed(DocumentError(.crashed, "It was set aside.")))
            return
        }
        live.account.repeatsAttempt = true
        let time = milliseconds > 0 ? world.now.unixMilliseconds + milliseconds : nil
        _ = try? live.document.apply(.serverDied(notBeforeMilliseconds: time), at: world.now)
        tell(live)
        enqueue(live)
    }

    private func goOn(_ live: Live, _ ceiling: Double) {
        live.document.recover(epoch: process.epoch, ceiling: ceiling)
        if live.document.status == .uploading {
            uploaded(live)
        } else {
            goOnAtWork(live)
        }
    }
}

/// A worker's permission to work on a document.
struct SimulatedLease {
    var document: DocumentID
    var run: Int64
    var checkpoint: Checkpoint?
    var settings: String
}
