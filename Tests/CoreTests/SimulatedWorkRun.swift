@testable import Core

/// One run: its supervisor and its worker. It may die, fall silent and come late.
final class SimulatedWorkRun {
    let lease: SimulatedLease
    private unowned let world: WorkWorld
    private let process: SimulatedProcess
    private let over: () -> Void
    private let script: WorkScript
    private var units: Int64 = 0
    private var isOpen = false
    private var isTrial = false
    private(set) var isOver = false
    private var isGivenUp = false
    /// Its supervisor says nothing for so many turns: leases run out, and what is said then comes late.
    private var silence = 0

    init(_ world: WorkWorld, _ process: SimulatedProcess, _ lease: SimulatedLease, over: @escaping () -> Void) {
        self.world = world
        self.process = process
        self.lease = lease
        self.over = over
        script = world.scripts[lease.document]!
    }

    private var file: WorkFile { WorkFile(document: lease.document, run: lease.run) }
    private var point: Checkpoint {
        Checkpoint(
            run: lease.run, units: units, textBytes: units * 10, resultBytes: units * 5, chunks: units,
            settings: lease.settings)
    }

    private func perform(_ work: @escaping (SimulatedWorkOwner) -> Void) {
        process.ownerLetters.append { [world] in work(world.owner) }
    }

    func start() {
        if script.needsService {
            let now = world.now.monotonicMilliseconds
            switch world.pipeline.breaker.ask(nowMilliseconds: now) {
            case .call: break
            case .trial: isTrial = true
            case .wait(let until):
                return end(.waits(message: "It waits.", milliseconds: max(1, (until ?? now + 5000) - now)))
            }
        }
        process.diskJobs.append { [self] in
            let isGood = open()
            process.connectionLetters.append { [self] in opened(isGood) }
        }
    }

    /// On a disk thread: makes the run's file, and takes over what an earlier run has made.
    private func open() -> Bool {
        guard world.files[file] == nil else { return false }
        world.files[file] = WorkOutput(units: 0, settings: lease.settings)
        guard let point = lease.checkpoint else { return true }
        guard let source = world.files[WorkFile(document: lease.document, run: point.run)] else { return true }
        if source.units < point.units || source.settings != lease.settings {
            world.checker.complain("\(lease.document): the files hold less than their checkpoint says")
        }
        units = point.units
        world.files[file]?.units = units
        return true
    }

    private func opened(_ isGood: Bool) {
        isOpen = true
        guard !isGivenUp else { return endGivenUp() }
        guard isGood else { return end(.failed(DocumentError(.storageFailed, "A file could not be made."))) }
        world.checker.begins(lease, at: units)
        if units > 0 {
            perform { [lease, point] in $0.checkpointed(lease.document, point) }
        } else if lease.checkpoint != nil {
            perform { [lease] in $0.checkpointFailed(lease.document, run: lease.run) }
        }
        perform { [lease, script, units] in
            $0.worked(lease.document, run: lease.run, Self.progress(units, of: script.pages))
        }
    }

    private static func progress(_ units: Int64, of total: Int64) -> WorkProgress {
        WorkProgress(
            total: total, unitsArePages: true,
            stages: (0..<3).map { _ in .init(done: units, isFinished: units == total) })
    }

    /// One thing of this run happens.
    func turn() {
        guard isOpen, !isOver else { return }
        if silence > 0 {
            silence -= 1
            if silence > 0 { return }
        }
        if world.hasFaults {
            if world.random.oneIn(90) { return die() }
            if world.random.oneIn(150) { return silence = Int.random(in: 5...60, using: &world.random) }
        }
        renew()
        if script.isUnreadable { return end(.failed(DocumentError(.unreadable, "It is damaged."))) }
        if script.poisonPage == units + 1 { return die() }
        if script.needsService && !call() { return }
        if units < script.pages {
            world.checker.works(lease, page: units + 1)
            units += 1
            world.files[file]?.units = units
            if world.random.oneIn(3) {
                perform { [lease, script, units] in
                    $0.worked(lease.document, run: lease.run, Self.progress(units, of: script.pages))
                }
            }
            if world.random.oneIn(4) { perform { [lease, point] in $0.checkpointed(lease.document, point) } }
            return
        }
        end(.complete(units: units, chunks: units))
    }

    private func renew() {
        perform { [self] owner in
            if !owner.renew(lease.document, run: lease.run) {
                process.connectionLetters.append { [self] in giveUp() }
            }
        }
    }

    /// A call to the service; false: the run is over.
    private func call() -> Bool {
        let now = world.now.monotonicMilliseconds
        if !isTrial {
            switch world.pipeline.breaker.ask(nowMilliseconds: now) {
            case .call: break
            case .trial: isTrial = true
            case .wait(let until):
                end(.waits(message: "It waits.", milliseconds: max(1, (until ?? now + 5000) - now)))
                return false
            }
        }
        // A trial that took too long was given up, and calls all the same when its turn comes.
        if !isTrial { world.checker.calls(world.pipeline.breaker) }
        isTrial = false
        if world.isServiceDown {
            world.pipeline.breaker.failed(nowMilliseconds: now, detail: "it answers 503")
            if world.random.oneIn(4) {
                end(.failed(DocumentError(.embeddingFailed, "It does not answer.")))
            }
            return false
        }
        world.pipeline.breaker.succeeded()
        return true
    }

    private func die() { end(.failed(DocumentError(.crashed, "The worker ended."))) }

    func giveUp() {
        guard !isOver, !isGivenUp else { return }
        isGivenUp = true
        if isOpen { endGivenUp() }
    }

    private func endGivenUp() { end(.failed(DocumentError(.crashed, "The run was given up."))) }

    private func end(_ verdict: RunVerdict) {
        guard !isOver else { return }
        isOver = true
        // Now and then nobody hears of a trial any more.
        if isTrial && !world.random.oneIn(4) {
            world.pipeline.breaker.abandonTrial(nowMilliseconds: world.now.monotonicMilliseconds)
        }
        // Now and then nobody hears of the end: the lease runs out.
        if !(world.hasFaults && world.random.oneIn(40)) {
            perform { [lease, units] in $0.finished(lease.document, run: lease.run, verdict, unitsRead: units) }
        }
        over()
    }
}
