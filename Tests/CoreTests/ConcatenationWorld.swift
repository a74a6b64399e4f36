import JSON

@testable import Core

/// A document that is made of parts, the parts, their records and their disk: `Concatenation` and the owners of the
/// documents step by step, as `UploadWorld` has them for one. The whole and the parts have loops of their own.
final class ConcatenationWorld {
    enum Fault: String, CaseIterable {
        case crashProcess, crashMachine, diskFull, syncError, recordFailure, asked
    }

    final class Live {
        var document: Document
        /// Who wants to know when this part is whole.
        var waits: Set<DocumentID> = []
        var holder = UploadHolder()
        var takers: [UInt64: () -> Void] = [:]
        var isBusy = false
        /// Orders that wait until its creation is on record, or has failed (`whenSettled`).
        var waitingOrders: [() -> Void] = []

        init(_ document: Document) { self.document = document }
    }

    static let whole = DocumentID.sample
    static let parts = [
        DocumentID("0190b6c2-7e4a-7c3a-9d1e-000000000001")!, DocumentID("0190b6c2-7e4a-7c3a-9d1e-000000000002")!,
        DocumentID("0190b6c2-7e4a-7c3a-9d1e-000000000003")!,
    ]
    static let lengths: [Int64] = [5, 0, 9]

    private var random: SeededRandom
    private var disk = SimulatedDisk()
    private var ledgers: [DocumentID: SimulatedLedger] = [:]
    private var process = SimulatedProcess(1)
    private var live: [DocumentID: Live] = [:]
    private var processes = 1
    private var lastToken: Int64 = 0
    private var lastTaker: UInt64 = 0
    private var steps = 0
    private var last = ""
    private var now = Moment.start
    /// What was told of each part, and of the whole.
    private var told: [DocumentID: Int64] = [:]
    private(set) var isToldWhole = false
    private(set) var complaints: [String] = []

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
        for id in [Self.whole] + Self.parts { ledgers[id] = SimulatedLedger() }
    }

    private func complain(_ words: String) {
        complaints.append("\(words); step \(steps), process \(processes), after \(last)")
    }

    // MARK: Owners

    private func recorded(_ id: DocumentID) -> Document? { ledgers[id]?.document }

    private func find(_ id: DocumentID) -> Live? {
        if let found = live[id] { return found }
        guard let record = ledgers[id]?.committed, var document = Document(record) else { return nil }
        if document.epoch != process.epoch {
            document.recover(epoch: process.epoch, ceiling: record.ceiling)
            if document.status == .uploading { _ = try? document.apply(.uploadCutBack, at: now) }
        }
        live[id] = Live(document)
        return live[id]
    }

    private func record(of document: Document) -> DocumentRecord {
        DocumentRecord(
            id: document.id, status: document.status, createdAtMilliseconds: document.createdAtMilliseconds,
            ceiling: document.percentage.published, outputToken: nil, isPart: document.isPart,
            dueMilliseconds: Lifetimes().dueMilliseconds(document), bytes: document.recorded(now: now))
    }

    private func order(_ id: DocumentID, _ write: SimulatedLedger.Write, then completion: @escaping (Bool) -> Void) {
        ledgers[id]?.order(write) { [process] isGood in
            process.ownerLetters.append { completion(isGood) }
        }
    }

    private func create(_ id: DocumentID, _ form: ResumableUpload.Form, length: Int64?) {
        var document = Document(
            id: id, epoch: process.epoch, name: "n", contentType: nil, bytesTotal: length, pipeline: .document,
            metadata: JSONObject(), awaitsContent: true, at: now)
        document.upload = ResumableUpload(form: form)
        let created = Live(document)
        live[id] = created
        created.isBusy = true
        order(id, .insert(record(of: document))) { [self] isGood in
            created.isBusy = false
            if !isGood { live[id] = nil }
            for order in created.waitingOrders { order() }
            created.waitingOrders = []
            if isGood && form != .part { attempt() }
        }
    }

    // MARK: A part

    static func byte(_ part: Int, _ position: Int64) -> UInt8 { UInt8(part * 64) + UInt8(position) + 1 }

    /// A good client's next request for a part: creates it, or brings some of its bytes.
    private func bring(_ index: Int) {
        let id = Self.parts[index]
        guard let part = find(id) else {
            // It may be in the whole already, of which the client knows.
            return recorded(Self.whole) == nil ? create(id, .part, length: Self.lengths[index]) : ()
        }
        // Bytes whose record failed last all the same: it goes on behind them.
        let start = part.document.upload.durableBytes
        guard !part.isBusy, part.document.status == .uploading, !part.document.isWhollyAcknowledged else { return }
        let end = min(Self.lengths[index], start + .random(in: 1...4, using: &random))
        let token = part.document.upload.token ?? newToken()
        part.isBusy = true
        _ = try? part.document.apply(.uploadContinued(token: token, length: nil), at: now)
        let bytes = (start..<end).map { Self.byte(index, $0) }
        submit { [self] () throws(SimulatedDisk.Failure) in
            try disk.open(token, startBytes: start)
            try disk.write(token, bytes, at: start, &random)
            try disk.sync(token, namesToo: true, &random)
        } then: { [self] isGood in
            guard isGood else { return part.isBusy = false }
            part.document.upload.synced(end)
            var next = part.document
            _ = try? next.apply(.uploadAcknowledged(end), at: now)
            order(id, .update(record(of: next))) { [self] isGood in
                part.isBusy = false
                guard isGood else { return }
                _ = try? part.document.apply(.uploadAcknowledged(end), at: now)
                told[id] = max(told[id] ?? 0, end)
                guard part.document.isWhollyAcknowledged else { return }
                for _ in part.waits { process.connectionLetters.append { [self] in attempt() } }
                part.waits = []
            }
        }
    }

    // MARK: The whole

    private func take(_ body: @escaping (Live, UInt64) -> Void) {
        if let whole = find(Self.whole), whole.isBusy {
            return whole.waitingOrders.append { [self] in take(body) }
        }
        guard let whole = find(Self.whole), whole.document.status == .uploading else {
            if recorded(Self.whole)?.isUploaded == true { isToldWhole = true }
            return
        }
        lastTaker += 1
        let number = lastTaker
        whole.takers[number] = { body(whole, number) }
        carryOut(whole.holder.request(number), whole)
    }

    private func carryOut(_ actions: [UploadHolder.Action], _ whole: Live) {
        // Nobody lets go before the end: an attempt has nothing that would be kept.
        for case .grant(let number) in actions { whole.takers[number]?() }
    }

    private func release(_ whole: Live, _ number: UInt64) {
        process.connectionLetters.append { [self] in
            whole.takers[number] = nil
            carryOut(whole.holder.released(number), whole)
        }
    }

    /// HEAD: answers, and tries again, because a try that failed had nobody to tell.
    private func ask() {
        take { [self] whole, number in
            release(whole, number)
            process.connectionLetters.append { [self] in attempt() }
        }
    }

    /// `Concatenation.attempt`.
    private func attempt() {
        take { [self] whole, number in
            var found: [Int: Live] = [:]
            var isMissing = false
            var left = Self.parts.count
            for (index, id) in Self.parts.enumerated() {
                process.ownerLetters.append { [self] in
                    if let part = find(id) {
                        if !part.document.isWhollyAcknowledged { part.waits.insert(Self.whole) }
                        found[index] = part
                    } else {
                        isMissing = true
                    }
                    left -= 1
                    guard left == 0 else { return }
                    process.connectionLetters.append { [self] in
                        let parts = found.sorted { $0.key < $1.key }.map(\.value)
                        if isMissing { complain("a part is gone and the whole is not there") }
                        guard !isMissing, parts.allSatisfy(\.document.isWhollyAcknowledged) else {
                            return release(whole, number)
                        }
                        join(parts, whole, number)
                    }
                }
            }
        }
    }

    private func join(_ parts: [Live], _ whole: Live, _ number: UInt64) {
        let token = newToken()
        submit { [self] () throws(SimulatedDisk.Failure) in
            do throws(SimulatedDisk.Failure) {
                try disk.open(token, startBytes: 0)
                var bytes: Int64 = 0
                for part in parts where part.document.upload.acknowledgedBytes > 0 {
                    guard let source = part.document.upload.token.flatMap({ disk.files[$0]?.bytes }) else {
                        throw SimulatedDisk.Failure()
                    }
                    let count = part.document.upload.acknowledgedBytes
                    try disk.write(token, Array(source.prefix(Int(count))), at: bytes, &random)
                    bytes += count
                }
                try disk.sync(token, namesToo: true, &random)
            } catch {
                disk.remove(token)
                throw error
            }
        } then: { [self] isGood in
            guard isGood else { return release(whole, number) }
            whole.document.contentToken = token
            let bytes = Self.lengths.reduce(0, +)
            _ = try? whole.document.apply(
                .uploadCompleted(bytes: bytes, sha256: nil, contentType: "text/plain"), at: now)
            finish(whole, parts)
        }
    }

    private func finish(_ whole: Live, _ parts: [Live]) {
        order(Self.whole, .update(record(of: whole.document))) { [self] isGood in
            guard isGood else {
                return process.timers.append { [self] in finish(whole, parts) }
            }
            isToldWhole = true
            for number in whole.holder.clear() { whole.takers[number] = nil }
            for part in parts { remove(part) }
        }
    }

    /// The record goes, then the bytes.
    private func remove(_ part: Live) {
        order(part.document.id, .remove) { [self] isGood in
            guard isGood else { return }
            live[part.document.id] = nil
            let token = part.document.upload.token
            process.diskJobs.append { [self] in if let token { disk.remove(token) } }
        }
    }

    private func submit(
        _ work: @escaping () throws(SimulatedDisk.Failure) -> Void, then completion: @escaping (Bool) -> Void
    ) {
        process.diskJobs.append { [process] in
            let isGood = (try? work()) != nil
            process.ownerLetters.append { completion(isGood) }
        }
    }

    private func newToken() -> Int64 {
        lastToken += 1
        return lastToken
    }

    // MARK: Schedule

    /// A good client's next wish: the whole is asked for when all parts exist, with `isEarly` before they are whole.
    func goOn(isEarly: Bool) {
        let whole = recorded(Self.whole)
        let standings = Self.parts.map { recorded($0) }
        let canAsk = standings.allSatisfy { $0 != nil && (isEarly || $0!.isWhollyAcknowledged) }
        if whole == nil, live[Self.whole] == nil, canAsk {
            process.ownerLetters.append { [self] in
                if find(Self.whole) == nil { create(Self.whole, .concatenation(Self.parts), length: nil) }
            }
        } else if whole != nil, random.oneIn(3) {
            process.ownerLetters.append { [self] in ask() }
        } else {
            let index = Int.random(in: 0..<Self.parts.count, using: &random)
            process.ownerLetters.append { [self] in bring(index) }
        }
    }

    func carryOn() {
        steps += 1
        var choices: [(name: String, work: () -> Void)] = []
        if !process.ownerLetters.isEmpty {
            choices.append(("the parts' loop", { [self] in process.ownerLetters.removeFirst()() }))
        }
        if !process.connectionLetters.isEmpty {
            choices.append(("the whole's loop", { [self] in process.connectionLetters.removeFirst()() }))
        }
        for index in process.diskJobs.indices {
            choices.append(("a disk job", { [self] in process.diskJobs.remove(at: index)() }))
        }
        for id in [Self.whole] + Self.parts where !(ledgers[id]?.waiting.isEmpty ?? true) {
            choices.append(("a commit", { [self] in for answer in ledgers[id]?.commit(1) ?? [] { answer() } }))
        }
        if choices.isEmpty, !process.timers.isEmpty {
            choices.append(("a timer", { [self] in process.timers.removeFirst()() }))
        }
        guard let choice = choices.randomElement(using: &random) else { return }
        last = choice.name
        now = now.advanced(byMilliseconds: 10)
        choice.work()
        check()
    }

    func happen(_ fault: Fault) {
        last = fault.rawValue
        switch fault {
        case .crashProcess: restart()
        case .crashMachine:
            disk.stop(&random)
            restart()
        case .diskFull: disk.trouble.isFull = true
        case .syncError: disk.trouble.failsSync = true
        case .recordFailure:
            for id in [Self.whole] + Self.parts { ledgers[id]?.failsNextCommit = true }
        case .asked: process.ownerLetters.append { [self] in ask() }
        }
        check()
    }

    private func restart() {
        process.end()
        for id in ledgers.keys { ledgers[id]?.forgetOrders() }
        disk.trouble = SimulatedDisk.Trouble()
        processes += 1
        process = SimulatedProcess(processes)
        live = [:]
        let named = Set(ledgers.values.compactMap(\.document).compactMap(Self.file))
        for token in disk.files.keys.sorted() where !named.contains(token) {
            process.diskJobs.append { [self] in disk.remove(token) }
        }
        if recorded(Self.whole)?.status == .uploading {
            process.connectionLetters.append { [self] in attempt() }
        }
    }

    private static func file(of document: Document) -> Int64? {
        document.contentToken ?? (document.status == .uploading ? document.upload.token : nil)
    }

    // MARK: What must hold

    private func check() {
        let whole = recorded(Self.whole)
        if whole?.isUploaded == true {
            let content = whole?.contentToken.flatMap { disk.files[$0] }
            if content?.isSafe(Self.lengths.reduce(0, +)) != true { complain("the bytes of the whole do not last") }
            return
        }
        if isToldWhole { complain("it was told to be whole, and the record does not say so") }
        for (index, id) in Self.parts.enumerated() {
            let upload = recorded(id)?.upload
            let acknowledged = upload?.acknowledgedBytes ?? 0
            if acknowledged < told[id] ?? 0 {
                complain("part \(index) was told \(told[id] ?? 0) and has \(acknowledged)")
            }
            guard acknowledged > 0 else { continue }
            if upload?.token.flatMap({ disk.files[$0] })?.isSafe(acknowledged) != true {
                complain("bytes of part \(index) that are on record do not last")
            }
        }
    }

    func checkEnd() {
        guard isToldWhole, let whole = recorded(Self.whole), let token = whole.contentToken else {
            return complain("a good client does not come to an end")
        }
        let expected = Self.lengths.enumerated().flatMap { index, length in
            (0..<length).map { Self.byte(index, $0) }
        }
        if disk.files[token]?.bytes != expected { complain("the whole is not its parts in their order") }
        // A crash may leave parts behind; then their records do, until they expire.
        let named = Set(ledgers.values.compactMap(\.document).compactMap(Self.file))
        let unnamed = Set(disk.files.keys).subtracting(named)
        if !unnamed.isEmpty { complain("files are left that no record names: \(unnamed)") }
    }
}
