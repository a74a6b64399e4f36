import Core
import Documents
import Logging
import Loop
import System
import Wire

/// One worker's place: starts it, keeps it started, and gives it one run after the other.
final class WorkerSlot: @unchecked Sendable {
    private enum State {
        /// No worker; one is started after a wait.
        case down
        /// Started, not heard of yet.
        case starting
        case free
        /// Waiting for the owner's word on this document.
        case leasing(DocumentID)
        case running(any WorkRun)
    }

    static let restartMillisecondsMin: Int64 = 50
    static let restartMillisecondsMax: Int64 = 5000
    static let readyMillisecondsMax: Int64 = 10_000

    private let index: Int
    private unowned let pipeline: Pipeline
    private var state: State = .down
    private var worker: WorkerLink?
    private var deathsInARow = 0
    /// The worker is being ended, and what it still says is of a run that is over.
    private var isDismissed = false

    init(index: Int, pipeline: Pipeline) {
        self.index = index
        self.pipeline = pipeline
    }

    var isFree: Bool { if case .free = state { true } else { false } }
    /// A document has this place, or is about to.
    var isTaken: Bool {
        switch state {
        case .leasing, .running: true
        case .down, .starting, .free: false
        }
    }

    // MARK: The worker

    func start() {
        guard !pipeline.isStopping, worker == nil else { return }
        do throws(SystemError) {
            state = .starting
            isDismissed = false
            worker = try WorkerLink(
                program: pipeline.configuration.workerProgram,
                memoryBytesMax: pipeline.configuration.policy.memoryBytesMax, loop: pipeline.loop,
                reported: { [unowned self] in reported($0) }, ended: { [unowned self] in workerEnded($0) })
            endIfSilent()
        } catch {
            pipeline.logger.error(
                "a worker could not be started", metadata: ["worker": "\(index)", "error": "\(error)"])
            restart()
        }
    }

    /// A worker that never says that it is ready is ended, and another one started.
    private func endIfSilent() {
        pipeline.loop.schedule(afterMilliseconds: Self.readyMillisecondsMax) { [weak self, weak worker] in
            guard let self, let worker, self.worker === worker, case .starting = self.state else { return }
            worker.kill()
        }
    }

    private func restart() {
        state = .down
        deathsInARow += 1
        let wait = min(Self.restartMillisecondsMin << Int64(min(deathsInARow - 1, 8)), Self.restartMillisecondsMax)
        pipeline.loop.schedule(afterMilliseconds: wait) { [weak self] in self?.start() }
    }

    private func reported(_ report: WorkerReport) {
        guard !isDismissed else { return }
        switch (report, state) {
        case (.ready, .starting):
            deathsInARow = 0
            state = .free
            pipeline.dispatch()
        case (_, .running(let run)):
            run.workerReported(report)
        default:
            pipeline.logger.warning("a worker spoke out of turn and is ended", metadata: ["worker": "\(index)"])
            worker?.kill()
        }
    }

    private func workerEnded(_ ending: Ending) {
        worker = nil
        guard !pipeline.isStopping else { return }
        switch state {
        // `leased` finds no worker and gives the lease back.
        case .leasing: break
        // When the run is over, `runEnded` starts the next worker.
        case .running(let run): run.workerEnded(ending)
        case .down, .starting, .free: restart()
        }
    }

    // MARK: Runs

    func lease(_ id: DocumentID) {
        state = .leasing(id)
        // Greater than any before on this machine, while its clock is not set back; the owner knows the newest, too.
        let request = LeaseRequest(
            run: Clock.unixMilliseconds * 1000, settings: pipeline.workSettings,
            pipelines: pipeline.configuration.pipelines)
        let home = pipeline.loop
        pipeline.documents?.perform(id) { owner in
            owner.lease(id, request) { lease in
                home.post { self.leased(lease) }
            }
        }
    }

    private func leased(_ lease: Lease?) {
        guard case .leasing = state, !pipeline.isStopping else { return }
        guard let lease else {
            release()
            return
        }
        guard let worker else {
            pipeline.documents?.perform(lease.document) { $0.giveBack(lease.document, run: lease.run) }
            return restart()
        }
        let over = { [unowned self] in runEnded() }
        let run: any WorkRun =
            lease.reading == nil
            ? CommandRun(lease, pipeline: pipeline, over: over) : DocumentRun(lease, pipeline: pipeline, over: over)
        state = .running(run)
        run.start(on: worker)
    }

    private func runEnded() {
        guard case .running(let run) = state else { return }
        if run.leavesWorkerUsable && worker != nil {
            release()
        } else if let worker {
            // Its end comes as an event, and starts the next one.
            state = .starting
            isDismissed = true
            worker.kill()
        } else {
            restart()
        }
    }

    private func release() {
        if worker == nil { return restart() }
        state = .free
        pipeline.dispatch()
    }

    func withdraw(_ id: DocumentID) {
        if case .running(let run) = state, run.lease.document == id { run.giveUp() }
    }

    func stop() {
        if case .running(let run) = state { run.giveUp() }
        worker?.kill()
    }
}
