import JSON

@testable import Core

/// A server with a few documents, its record and its files, workers, a service they depend on, and people who cancel,
/// delete and retry. Everything that can be in hand at once is (`SimulatedProcess`); `step` does one thing of it,
/// chosen from the seed.
final class WorkWorld {
    let seed: UInt64
    var random: SeededRandom
    private(set) var now = Moment.start
    var ledger = WorkLedger()
    var files: [WorkFile: WorkOutput] = [:]
    private(set) var scripts: [DocumentID: WorkScript] = [:]
    private(set) var process = SimulatedProcess(1)
    private var owners: SimulatedWorkOwner?
    private var pipelines: SimulatedPipeline?
    private var checkers: WorkChecker?
    var owner: SimulatedWorkOwner { owners! }
    var pipeline: SimulatedPipeline { pipelines! }
    var checker: WorkChecker { checkers! }
    private(set) var isServiceDown = false
    private(set) var hasFaults = true
    private var processes = 1
    private var created: UInt64 = 0
    private(set) var steps = 0
    private(set) var last = ""

    static let documentsMax: UInt64 = 30

    init(seed: UInt64) {
        self.seed = seed
        random = SeededRandom(seed: seed)
        checkers = WorkChecker(self)
        begin()
    }

    var context: String { "seed \(seed), step \(steps), \(process.epoch), after \(last)" }

    private func begin() {
        owners = SimulatedWorkOwner(self, process)
        pipelines = SimulatedPipeline(
            self, process, workers: .random(in: 1...3, using: &random),
            settings: random.oneIn(8) ? "2000/150" : "1000/150")
    }

    // MARK: Schedule

    func step() {
        steps += 1
        now = now.advanced(byMilliseconds: .random(in: 0...120, using: &random))
        if hasFaults {
            if random.oneIn(30) { act() }
            if random.oneIn(130) { happen() }
        }
        if created < Self.documentsMax && random.oneIn(50) { create() }
        carryOn()
        checker.check()
    }

    private func carryOn() {
        var choices: [Int] = []
        if !process.ownerLetters.isEmpty { choices += [0, 0] }
        if !process.connectionLetters.isEmpty { choices += [1, 1] }
        if !process.diskJobs.isEmpty { choices.append(2) }
        if !ledger.waiting.isEmpty { choices.append(3) }
        let runs = pipeline.runs
        if !runs.isEmpty { choices += [4, 4] }
        if choices.isEmpty || random.oneIn(8) { choices.append(5) }
        switch choices.randomElement(using: &random) ?? 5 {
        case 0:
            last = "a letter to the owner"
            process.ownerLetters.removeFirst()()
        case 1:
            last = "a letter to the pipeline"
            process.connectionLetters.removeFirst()()
        case 2:
            last = "a disk job"
            process.diskJobs.remove(at: .random(in: 0..<process.diskJobs.count, using: &random))()
        case 3:
            last = "a commit"
            let (written, answers) = ledger.commit(.random(in: 1...ledger.waiting.count, using: &random))
            for id in written { checker.recorded(id) }
            for answer in answers { answer() }
        case 4:
            last = "a turn of a run"
            runs.randomElement(using: &random)?.turn()
        default: passTime(isIdle: choices == [5])
        }
    }

    /// What time alone brings about. Where nothing else is in hand, it passes up to the next thing that is due.
    private func passTime(isIdle: Bool) {
        last = "a look at the time"
        if isIdle {
            let rest = pipeline.line.nextMilliseconds.map { $0 - now.unixMilliseconds } ?? 1000
            // A look comes this soon at least, whatever the clock of the day says.
            now = now.advanced(byMilliseconds: min(max(rest, 1), 10_000))
        }
        owner.endLeases()
        process.connectionLetters.append { [pipeline] in pipeline.dispatch() }
        if !process.timers.isEmpty { process.timers.removeFirst()() }
    }

    func removeLater(_ file: WorkFile) { process.diskJobs.append { [self] in files[file] = nil } }

    // MARK: People

    private func create() {
        created += 1
        let id = DocumentID(unixMilliseconds: 1_000 + Int64(created), random: (seed, created))
        let pages = Int64.random(in: 1...12, using: &random)
        scripts[id] = WorkScript(
            pages: pages, poisonPage: random.oneIn(6) ? .random(in: 1...pages, using: &random) : nil,
            isUnreadable: random.oneIn(12), needsService: random.oneIn(2))
        var document = Document(
            id: id, epoch: process.epoch, name: "n", contentType: nil, bytesTotal: 10, pipeline: .document,
            metadata: JSONObject(), awaitsContent: true, at: now)
        document.client = [nil, "a", "b", "c"].randomElement(using: &random) ?? nil
        document.priority = WorkPriority.allCases.randomElement(using: &random) ?? .normal
        process.ownerLetters.append { [self] in owner.create(document) }
    }

    private func act() {
        guard let id = scripts.keys.sorted().randomElement(using: &random) else { return }
        process.ownerLetters.append { [self] in
            switch Int.random(in: 0..<8, using: &random) {
            case 0: owner.cancel(id)
            case 1: owner.delete(id)
            default: owner.retry(id)
            }
        }
    }

    /// A person has everything tried again that failed and could be made.
    func retryAll() {
        for (id, script) in scripts where script.canComplete {
            process.ownerLetters.append { [self] in owner.retry(id) }
        }
    }

    // MARK: Faults

    private func happen() {
        switch Int.random(in: 0..<10, using: &random) {
        case 0, 1, 2, 3: crash()
        case 4: ledger.isFailing.toggle()
        case 5, 6: isServiceDown.toggle()
        // The machine was away for a while.
        case 7: now = now.advanced(byMilliseconds: .random(in: 20_000...2_000_000, using: &random))
        // The clock of the day is set.
        default: now.unixMilliseconds += .random(in: -40_000_000_000...40_000_000_000, using: &random)
        }
    }

    /// The process ends here, with any part of what it had ordered on record, and nobody told.
    func crash() {
        last = "a crash"
        process.end()
        for id in ledger.loseOrders(after: .random(in: 0...ledger.waiting.count, using: &random)) {
            checker.recorded(id)
        }
        ledger.isFailing = false
        processes += 1
        process = SimulatedProcess(processes)
        begin()
        for file in files.keys.sorted() {
            let entry = ledger.entries[file.document]
            if entry?.document.namedRun(entry?.record.outputToken) != file.run { removeLater(file) }
        }
        for id in ledger.entries.keys.sorted() where ledger.entries[id]?.record.status.isTerminal == false {
            process.ownerLetters.append { [self] in owner.recover(id) }
        }
    }

    func endFaults() {
        hasFaults = false
        ledger.isFailing = false
        isServiceDown = false
    }

    /// Carries on until every document is at its end.
    func drain(stepsMax: Int = 30_000) {
        var rest = stepsMax
        while rest > 0 && !isAtRest {
            step()
            rest -= 1
        }
        if rest == 0 { checker.complain("it does not come to rest: \(unfinished)") }
    }

    private var unfinished: [String] {
        ledger.entries.values.filter { !$0.record.status.isTerminal }.map { "\($0.record.id) \($0.record.status)" }
            .sorted()
    }

    private var isAtRest: Bool {
        created == Self.documentsMax && process.ownerLetters.isEmpty && process.connectionLetters.isEmpty
            && process.diskJobs.isEmpty && process.timers.isEmpty && ledger.waiting.isEmpty && pipeline.runs.isEmpty
            && ledger.entries.values.allSatisfy { $0.record.status.isTerminal }
    }
}
