@testable import Core

/// What must hold of queue, leases, retries and breakers at every step, and what must have come about at the end.
final class WorkChecker {
    private unowned let world: WorkWorld
    private(set) var complaints: [String] = []
    private(set) var completions = 0
    private(set) var resumptions = 0
    private(set) var setAsides = 0

    /// Whose bytes the server has said to have.
    private var accepted: Set<DocumentID> = []
    /// Somebody has asked for the end of these.
    private var wantedEnds: Set<DocumentID> = []
    private var wantedRetries: Set<DocumentID> = []
    private var newest: [DocumentID: Int64] = [:]
    private var progress: [DocumentID: Double] = [:]
    /// What a record said when it came to its end.
    private var ends: [DocumentID: (status: DocumentStatus, run: Int64?)] = [:]
    /// Of records that were written since the last look.
    private var written: [DocumentID] = []

    init(_ world: WorkWorld) { self.world = world }

    func complain(_ words: String) {
        if complaints.count < 20 { complaints.append("\(words) [\(world.context)]") }
    }

    // MARK: What was told and wanted

    func accepted(_ id: DocumentID) { accepted.insert(id) }
    func wantsEnd(_ id: DocumentID) { wantedEnds.insert(id) }
    func wantsRetry(_ id: DocumentID) { wantedRetries.insert(id) }

    func told(_ document: Document) {
        let figure = document.percentage.published
        if figure < progress[document.id] ?? 0 { complain("the percentage fell") }
        if (figure == 100) != (document.status == .complete) { complain("100 before the end, or an end below it") }
        progress[document.id] = figure
        if document.status.isTerminal, world.ledger.entries[document.id]?.record.status != document.status,
            !wantedEnds.contains(document.id)
        {
            complain("an end was told that is not on record")
        }
    }

    // MARK: Runs

    func leased(_ id: DocumentID, _ run: Int64, after before: Int64?) {
        newest[id] = run
        if run <= before ?? 0 { complain("a token does not grow") }
        if let recorded = world.ledger.entries[id]?.record.outputToken, run <= recorded {
            complain("a token is not greater than that on record")
        }
    }

    /// What this run brings is taken.
    func taken(_ id: DocumentID, _ run: Int64) {
        if newest[id] != run { complain("\(id): the word of a late run is taken") }
    }

    func begins(_ lease: SimulatedLease, at units: Int64) {
        guard world.owner.isCurrent(lease.document, lease.run) else { return }
        if units > 0 { resumptions += 1 }
        if let point = recordedPoint(lease), units < point.units {
            complain("\(lease.document) begins at page \(units + 1), and its record has \(point.units)")
        }
    }

    func works(_ lease: SimulatedLease, page: Int64) {
        guard world.owner.isCurrent(lease.document, lease.run) else { return }
        if let point = recordedPoint(lease), page <= point.units {
            complain("page \(page) of \(lease.document) is worked on again; the record has \(point.units)")
        }
    }

    private func recordedPoint(_ lease: SimulatedLease) -> Checkpoint? {
        let point = world.ledger.entries[lease.document]?.document.checkpoint
        return point?.settings == lease.settings ? point : nil
    }

    func setAside(_ document: Document) {
        setAsides += 1
        let before = document.serverDeaths
        if before + 1 < RetryPolicy.serverDeathsMax { complain("\(document.id) is set aside too early: \(before)") }
    }

    func calls(_ breaker: CircuitBreaker) {
        if breaker.reading(nowMilliseconds: world.now.monotonicMilliseconds).state == .open {
            complain("a call passes an open breaker")
        }
    }

    // MARK: The record and the files

    func recorded(_ id: DocumentID) { written.append(id) }

    func check() {
        for id in written { look(at: id) }
        written = []
        if world.last == "a disk job" || world.last == "a crash" { lookAtFiles() }
    }

    private func look(at id: DocumentID) {
        guard let entry = world.ledger.entries[id] else {
            if accepted.contains(id) && !wantedEnds.contains(id) { complain("\(id) is lost") }
            return
        }
        let (status, run) = (entry.record.status, entry.record.outputToken)
        if let end = ends[id] {
            if end.status == .complete && (status != .complete || run != end.run) {
                complain("\(id): another result is committed, or it is taken back")
            }
            if !status.isTerminal && !wantedRetries.contains(id) { complain("\(id) comes back from its end") }
        }
        if status == .cancelled && !wantedEnds.contains(id) { complain("\(id) was cancelled by nobody") }
        if status == .complete && ends[id]?.status != .complete {
            completions += 1
            guard let script = world.scripts[id] else { return }
            if !script.canComplete { complain("\(id) cannot have become complete") }
            let output = run.flatMap { world.files[WorkFile(document: id, run: $0)] }
            if output?.units != script.pages { complain("\(id): its result is not whole") }
        }
        ends[id] = status.isTerminal ? (status, run) : nil
        lookAtFile(of: entry)
    }

    private func lookAtFile(of entry: WorkLedger.Entry) {
        let document = entry.document
        guard let run = document.namedRun(entry.record.outputToken) else { return }
        guard let output = world.files[WorkFile(document: document.id, run: run)] else {
            return complain("\(document.id): the files of its record are gone")
        }
        if let point = document.checkpoint, output.units < point.units || output.settings != point.settings {
            complain("\(document.id): its files hold less than its record says")
        }
    }

    private func lookAtFiles() { for entry in world.ledger.entries.values { lookAtFile(of: entry) } }

    // MARK: The end

    /// Nothing is left to do: nobody is lost, everything that could be made was made, and no file is nobody's.
    func checkEnd() {
        for id in accepted.sorted() {
            guard let entry = world.ledger.entries[id] else {
                if !wantedEnds.contains(id) { complain("\(id) is lost") }
                continue
            }
            if !entry.record.status.isTerminal { complain("\(id) is not at its end: \(entry.record.status)") }
            guard let script = world.scripts[id] else { continue }
            if script.canComplete && entry.record.status != .complete {
                complain("\(id) could be made, and is \(entry.record.status): \(entry.document.error?.detail ?? "")")
            }
        }
        lookAtFiles()
    }

    /// After a restart that nothing disturbs, what no record names is gone.
    func checkSwept() {
        for file in world.files.keys.sorted() {
            let entry = world.ledger.entries[file.document]
            if entry?.document.namedRun(entry?.record.outputToken) != file.run {
                complain("a file is nobody's: \(file)")
            }
        }
    }
}
