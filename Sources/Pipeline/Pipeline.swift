import Core
import Documents
import Logging
import Loop
import Synchronization
import System
import Wire

// Theory of operation
//
// The pipeline is a line of waiting documents and a few workers, all on one loop. A free worker leases the first
// document in the line from its owner; the run that follows has a number of its own, and whatever is reported is
// reported under it, so that a run which was given up changes nothing. A slot starts its worker anew whenever it ends,
// for whatever reason.

/// What the pipeline is given.
package struct PipelineConfiguration: Sendable {
    package var workers: Int
    package var policy: WorkLimits.Policy
    package var chunkCharacters: Int
    package var chunkOverlapCharacters: Int
    /// This binary: a worker is always of the same build as its server.
    package var workerProgram: String
    /// The service that makes vectors; nil: workers make them themselves.
    package var embedding: EmbeddingConfiguration?
    /// How the text of scanned pages is recognized; nil: not at all.
    package var recognition: Recognition?
    /// Those of the operator's own among them.
    package var pipelines: PipelineCatalog

    package init(
        workers: Int, policy: WorkLimits.Policy, chunkCharacters: Int, chunkOverlapCharacters: Int,
        workerProgram: String, embedding: EmbeddingConfiguration? = nil, recognition: Recognition? = nil,
        pipelines: PipelineCatalog = PipelineCatalog()
    ) {
        self.pipelines = pipelines
        self.workers = workers
        self.policy = policy
        self.chunkCharacters = chunkCharacters
        self.chunkOverlapCharacters = chunkOverlapCharacters
        self.workerProgram = workerProgram
        self.embedding = embedding
        self.recognition = recognition
    }

}

/// Where a run reads and writes.
package protocol RunPaths: Sendable {
    func contentPath(_ id: DocumentID, token: Int64?) -> String
    func resultPath(_ id: DocumentID, run: Int64) -> String
    func textPath(_ id: DocumentID, run: Int64) -> String
    /// Where a part of the text is written before its turn comes.
    func spoolPath(_ id: DocumentID, run: Int64, index: Int) -> String
    /// Where the stages of a pipeline of one's own write, each to a folder of its own in it.
    func stagesPath(_ id: DocumentID, run: Int64) -> String
    var stagesDirectory: String { get }
    var resultDirectory: String { get }
    var textDirectory: String { get }
}

/// Takes documents from the line to workers.
package final class Pipeline: WorkQueue, @unchecked Sendable {
    package let loop: EventLoop
    let disk: DiskThreads
    let paths: any RunPaths
    private let facts: any Facts
    /// Changed on `loop` alone.
    private(set) var configuration: PipelineConfiguration
    let logger: Logger
    let tools: ExtractorTools
    /// Nil where workers make vectors themselves.
    package let embedding: EmbeddingService?
    /// Nil where no child can start another: those die with this process.
    private let guardian: GuardProcess?

    // Protects the line, which is asked for places from any thread. A leaf lock: nothing is called while it is held.
    private let line = Mutex(WaitingLine())

    // The rest belongs to `loop`.
    private var slots: [WorkerSlot] = []
    private(set) var documents: Documents?
    private(set) var isStopping = false
    /// Until it is known whether an operator had paused the queue before the server's end, it is paused.
    private var isPaused = true
    private static let pausedFact = "queue_paused"
    /// When the next look at documents that wait for a time is due (Unix time).
    private var lookMilliseconds: Int64?
    /// A look comes this soon at least: the clock of the day may be set.
    static let lookMillisecondsMax: Int64 = 10_000
    /// Documents that may be worked on at once; nil: as many as there are workers.
    private var runsMax: Int?

    package init(
        loop: EventLoop, disk: DiskThreads, paths: any RunPaths, facts: any Facts,
        configuration: PipelineConfiguration, logger: Logger
    ) {
        self.loop = loop
        self.disk = disk
        self.paths = paths
        self.facts = facts
        self.configuration = configuration
        self.logger = logger
        tools = ExtractorTools(configuration.recognition)
        embedding = configuration.embedding.map {
            EmbeddingService($0, program: configuration.workerProgram, loop: loop, logger: logger)
        }
        let startsProcesses =
            !configuration.pipelines.own.isEmpty || tools.startProcesses || !KernelProtection.current.filtersSystemCalls
        guardian =
            startsProcesses ? GuardProcess(program: configuration.workerProgram, loop: loop, logger: logger) : nil
    }

    /// Limits for the runs that begin from now on. From any loop.
    package func setPolicy(_ policy: WorkLimits.Policy) {
        loop.perform { [self] in
            // A worker has its memory for life, so that a document's limit stays what its worker was given.
            let memoryBytesMax = configuration.policy.memoryBytesMax
            configuration.policy = policy
            configuration.policy.memoryBytesMax = memoryBytesMax
        }
    }

    /// Starts the workers. On the pipeline's loop, whose thread outlives them.
    package func start(documents: Documents) {
        precondition(loop.isCurrent, "workers are started by the loop that outlives them")
        self.documents = documents
        KernelProtection.current.tellWhatIsMissing(logger)
        if case .missing(let words) = tools.standing {
            logger.warning(
                "text recognition is on (--ocr), and this machine cannot do it: scanned documents end as no_text",
                metadata: ["reason": "\(words)"])
        }
        guardian?.start()
        slots = (0..<configuration.workers).map { WorkerSlot(index: $0, pipeline: self) }
        for slot in slots { slot.start() }
        embedding?.recovered = { [unowned self] in dispatch() }
        embedding?.start()
        facts.recall(Self.pausedFact) { [self] result in
            loop.post { [self] in
                // What cannot be read stops nothing: an operator sees that the queue runs, and may pause it again.
                isPaused = (try? result.get()) == Array("1".utf8)
                dispatch()
            }
        }
    }

    /// What a result depends on besides the document: a run goes on from what another made only with the same.
    package var workSettings: String {
        let model = configuration.embedding.map { "/\($0.service.model)/\($0.service.dimensions ?? 0)" } ?? ""
        // By the tools that are there: without them no page is recognized, whatever was asked for.
        let recognized = tools.recognition.map { "/\($0.recognition.settings)" } ?? ""
        return "\(configuration.chunkCharacters)/\(configuration.chunkOverlapCharacters)\(model)\(recognized)"
    }

    // MARK: Operators

    /// How the queue stands.
    package struct Standing: Sendable {
        package var isPaused: Bool
        package var waiting: Int
        /// Waiting for their next try.
        package var delayed: Int
        package var running: Int
        package var workers: Int
    }

    package func standing(then completion: @escaping @Sendable (Standing) -> Void) {
        loop.perform { [self] in
            let (waiting, delayed) = line.withLock { ($0.count, $0.delayedCount) }
            completion(
                Standing(
                    isPaused: isPaused, waiting: waiting, delayed: delayed, running: slots.count { $0.isTaken },
                    workers: slots.count))
        }
    }

    /// Nothing new begins while the queue is paused; what is at work goes on.
    package func pause(_ pauses: Bool, then completion: @escaping @Sendable (_ isOnRecord: Bool) -> Void) {
        loop.perform { [self] in
            isPaused = pauses
            dispatch()
            facts.remember(Self.pausedFact, Array((pauses ? "1" : "0").utf8)) { result in
                if case .success = result { completion(true) } else { completion(false) }
            }
        }
    }

    // MARK: The line

    package func enqueue(_ id: DocumentID, _ ticket: WorkTicket) {
        line.withLock { $0.join(id, ticket) }
        loop.perform { self.dispatch() }
    }

    package func withdraw(_ id: DocumentID) {
        line.withLock { $0.leave(id) }
        // Posted even from this loop: a lease that was just given is still a letter, and must be read before this.
        loop.post {
            for slot in self.slots { slot.withdraw(id) }
        }
    }

    package func position(of id: DocumentID) -> Int? {
        line.withLock { $0.position(of: id) }
    }

    package var waitingCount: Int { line.withLock { $0.count + $0.delayedCount } }

    /// Gives free workers what waits.
    func dispatch() {
        // A process that is only being started is not worth a word in every document; it calls here when it is ready.
        guard !isStopping, embedding?.isStarting != true else { return }
        admitDelayed()
        guard !isPaused else { return }
        var runs = slots.count { $0.isTaken }
        for slot in slots where slot.isFree {
            guard runs < runsMax ?? .max, let id = line.withLock({ $0.takeFirst() }) else { return }
            slot.lease(id)
            runs += 1
        }
    }

    /// Lets those join the line whose time has come, and looks again when the next one's does.
    private func admitDelayed() {
        let now = Clock.unixMilliseconds
        let next = line.withLock { line in
            line.admit(at: now)
            return line.nextMilliseconds
        }
        guard let next, next < lookMilliseconds ?? .max else { return }
        lookMilliseconds = next
        loop.schedule(afterMilliseconds: min(max(next - now, 0), Self.lookMillisecondsMax)) { [weak self] in
            guard let self else { return }
            if self.lookMilliseconds == next { self.lookMilliseconds = nil }
            self.dispatch()
        }
    }

    /// Extractors that one run may have at work: the places of workers that have nothing to do are its own.
    var coresForOneRun: Int { slots.count - slots.count { $0.isTaken } + 1 }

    /// Bounds what is worked on at once; nil takes the bound away. Work at hand goes on. On the loop.
    package func limitRuns(to runsMax: Int?) {
        guard runsMax != self.runsMax else { return }
        self.runsMax = runsMax
        dispatch()
    }

    /// Ends every process. What they were working on stays on record as it is, and runs again at the next start.
    package func stop() {
        isStopping = true
        for slot in slots { slot.stop() }
        embedding?.stop()
        guardian?.stop()
    }
}
