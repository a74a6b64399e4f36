import JSON

@testable import Core

/// A server with one document, its disk and its record, and the clients that upload it. Everything that can be in hand
/// at once is (`SimulatedProcess`); `step` does one thing of it, chosen from the seed.
final class UploadWorld {
    enum Fault: String, CaseIterable {
        case crashProcess, crashMachine, diskFull, syncError, recordFailure, clientGone, evicted, cancelled, deleted
        case expired, begunAgain, leftMemory, draining
    }

    static let usualLength: Int64 = 24
    let seed: UInt64
    var random: SeededRandom
    var disk = SimulatedDisk()
    var ledger = SimulatedLedger()
    private(set) var now = Moment.start
    let lifetimes = Lifetimes()
    private(set) var process = SimulatedProcess(1)
    private var owners: SimulatedOwner?
    private var checkers: UploadChecker?
    var owner: SimulatedOwner { owners! }
    var checker: UploadChecker { checkers! }
    let length: Int64
    let limitBytes: Int64?
    let form: ResumableUpload.Form
    /// The length is said when the upload is created; else each request says it.
    let saysLengthFirst: Bool
    private(set) var isDraining = false
    private(set) var clients: [UploadClient] = []
    private var processes = 1
    private var lastToken: Int64 = 0
    private(set) var steps = 0
    private(set) var last = ""
    private(set) var isCreated = false

    init(
        seed: UInt64, length: Int64 = usualLength, form: ResumableUpload.Form = .whole, saysLengthFirst: Bool = true,
        limitBytes: Int64? = nil
    ) {
        self.seed = seed
        self.length = length
        self.form = form
        self.saysLengthFirst = saysLengthFirst
        self.limitBytes = limitBytes
        random = SeededRandom(seed: seed)
        owners = SimulatedOwner(self, process)
        checkers = UploadChecker(self)
        create()
    }

    var context: String { "seed \(seed), step \(steps), \(process.epoch), after \(last)" }
    var requests: SimulatedRequests { SimulatedRequests(world: self, process: process) }
    var recorded: Document? { ledger.document }

    func newToken() -> Int64 {
        lastToken += 1
        return lastToken
    }

    private func create() {
        var document = Document(
            id: .sample, epoch: process.epoch, name: "n", contentType: nil, bytesTotal: saysLengthFirst ? length : nil,
            pipeline: .document, metadata: JSONObject(), awaitsContent: true, at: now)
        document.upload = ResumableUpload(form: form)
        owner.create(document) { [self] isGood in
            isCreated = true
            if !isGood { create() }
        }
        while !isCreated { carryOn() }
    }

    func addClient(version: Int, isDraft: Bool) -> UploadClient {
        let client = UploadClient(self, version: version, isDraft: isDraft)
        clients.append(client)
        return client
    }

    /// `BlobStore.makeContentDurable`.
    func makeContentDurable(
        _ token: Int64, bytes: Int64, _ process: SimulatedProcess, then completion: @escaping (Bool) -> Void
    ) {
        process.diskJobs.append { [self] in
            do throws(SimulatedDisk.Failure) {
                try disk.open(token, startBytes: bytes)
                try disk.sync(token, namesToo: true, &random)
                completion(true)
            } catch {
                completion(false)
            }
        }
    }

    // MARK: Schedule

    var isIdle: Bool {
        process.ownerLetters.isEmpty && process.connectionLetters.isEmpty && process.ledgerReads.isEmpty
            && process.diskJobs.isEmpty && ledger.waiting.isEmpty
    }

    /// Does one thing of what is in hand. Time passes only where nothing else is left to do, or rarely.
    @discardableResult
    func carryOn() -> Bool {
        steps += 1
        var choices: [(name: String, work: () -> Void)] = []
        if !process.ownerLetters.isEmpty {
            choices.append(("a letter to the owner", { [self] in process.ownerLetters.removeFirst()() }))
        }
        if !process.connectionLetters.isEmpty {
            choices.append(("a letter to a connection", { [self] in process.connectionLetters.removeFirst()() }))
        }
        if !process.ledgerReads.isEmpty {
            choices.append(("a read of the record", { [self] in process.ledgerReads.removeFirst()() }))
        }
        for index in process.diskJobs.indices {
            choices.append(("a disk job", { [self] in process.diskJobs.remove(at: index)() }))
        }
        if !ledger.waiting.isEmpty {
            choices.append(
                (
                    "a commit",
                    { [self] in
                        let count = Int.random(in: 1...ledger.waiting.count, using: &random)
                        for answer in ledger.commit(count) { answer() }
                    }
                ))
        }
        if !process.timers.isEmpty && (choices.isEmpty || random.oneIn(6)) {
            let index = Int.random(in: 0..<process.timers.count, using: &random)
            choices = [("a timer", { [self] in process.timers.remove(at: index)() })]
        }
        guard let choice = choices.randomElement(using: &random) else { return false }
        last = choice.name
        now = now.advanced(byMilliseconds: 10)
        choice.work()
        checker.check()
        return true
    }

    /// Carries on until nothing is in hand that somebody would have to do.
    func drain(stepsMax: Int = 5000) {
        var rest = stepsMax
        while !(isIdle && process.timers.isEmpty), rest > 0 {
            carryOn()
            rest -= 1
        }
        if rest == 0 { checker.complain("it does not come to rest") }
    }

    // MARK: Faults

    func happen(_ fault: Fault) {
        last = fault.rawValue
        switch fault {
        case .crashProcess: restart()
        case .crashMachine:
            disk.stop(&random)
            restart()
        case .diskFull: disk.trouble.isFull = true
        case .syncError: disk.trouble.failsSync = true
        case .recordFailure: ledger.failsNextCommit = true
        case .clientGone: for client in clients { leave(client) }
        case .evicted: requests.standing(SimulatedExchange(self), isTus: true)
        case .cancelled:
            checker.wantsEnd()
            requests.cancel(SimulatedExchange(self))
        case .deleted:
            checker.wantsEnd()
            requests.delete(SimulatedExchange(self))
        case .expired:
            checker.wantsEnd()
            now = now.advanced(byMilliseconds: lifetimes.uploadMilliseconds)
            process.ownerLetters.append { [self] in owner.expire() }
        case .begunAgain:
            checker.wantsBeginning()
            let bytes = (0..<length).map { UploadClient.byte($0, version: 9) }
            checker.sends(bytes, at: 0)
            requests.put(SimulatedExchange(self), bytes)
        case .leftMemory: process.ownerLetters.append { [self] in owner.lookIfUnused() }
        case .draining: isDraining = true
        }
        checker.check()
    }

    /// A look of `Expiry` at a time when nothing is due: the record is made anew.
    func lookForExpired() { process.ownerLetters.append { [self] in owner.expire() } }

    private func leave(_ client: UploadClient) { process.connectionLetters.append { client.disconnected() } }

    private func restart() {
        process.end()
        ledger.forgetOrders()
        disk.trouble = SimulatedDisk.Trouble()
        processes += 1
        process = SimulatedProcess(processes)
        owners = SimulatedOwner(self, process)
        isDraining = false
        for client in clients { client.disconnected() }
        sweep()
    }

    /// `BlobStore.sweep`: files that no record names go.
    private func sweep() {
        let document = recorded
        let named = document?.contentToken ?? (document?.status == .uploading ? document?.upload.token : nil)
        for token in disk.files.keys.sorted() where token != named {
            process.diskJobs.append { [self] in disk.remove(token) }
        }
    }
}
