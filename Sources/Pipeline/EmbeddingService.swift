import Core
import Logging
import Loop
import Synchronization
import System
import Wire

// Theory of operation
//
// Where an embedding service is configured, the supervisor keeps one `headway embed` running beside the workers. It
// hands it the configuration over its socket, and for each run of a document one end of a socket pair whose other end
// goes to the worker: texts and vectors pass between the two and never through the server. What the process reports of
// its breaker is kept here, for the line, for `/readyz` and for `/metrics`. When it ends it is started again; runs that
// were talking to it end with an error of their own.

/// What a server is told of its embedding service.
package struct EmbeddingConfiguration: Sendable {
    package var service: EmbedConfiguration
    /// Texts of one call.
    package var batchMax: Int

    package init(service: EmbedConfiguration, batchMax: Int) {
        self.service = service
        self.batchMax = batchMax
    }

    /// Batches that one run may have under way: those that are called, and the next.
    package var batchesInFlightMax: Int { min(service.concurrency + 1, Self.batchesInFlightMost) }
    package static let batchesInFlightMost = 32
}

/// What can be seen of the service from outside the pipeline.
package struct EmbeddingReading: Sendable {
    package var model: String
    /// Nil until it is known.
    package var dimensions: Int?
    package var breaker = BreakerReading(state: .closed)
    package var calls = 0
    package var failures = 0
    package var texts = 0
}

/// The supervisor's side of `headway embed`.
package final class EmbeddingService: @unchecked Sendable {
    static let restartMillisecondsMin: Int64 = 100
    static let restartMillisecondsMax: Int64 = 5000
    /// A process that cannot work at all is tried again after this long: somebody may have installed what it needs.
    static let brokenMilliseconds: Int64 = 15_000
    /// When a run that came between two of its processes is tried again.
    static let startMilliseconds: Int64 = 1000

    package let configuration: EmbeddingConfiguration
    private let loop: EventLoop
    private let program: String
    private let logger: Logger
    // Protects what other loops read. A leaf lock: nothing is called while it is held.
    private let shown: Mutex<EmbeddingReading>

    // The rest belongs to `loop`.
    private var link: EmbedLink?
    private var isReady = false
    private var isStopping = false
    private var deathsInARow = 0
    /// Why the process cannot work, and when it is tried again.
    private var broken: (detail: String, untilMilliseconds: Int64)?
    /// Called when documents that wait may be tried again.
    package var recovered: (() -> Void)?

    package init(_ configuration: EmbeddingConfiguration, program: String, loop: EventLoop, logger: Logger) {
        self.configuration = configuration
        self.program = program
        self.loop = loop
        self.logger = logger
        shown = Mutex(
            EmbeddingReading(model: configuration.service.model, dimensions: configuration.service.dimensions))
    }

    /// From any loop. Times are of the monotonic clock.
    package var reading: EmbeddingReading { shown.withLock { $0 } }

    /// Why a document would wait now instead of being worked on; nil when it would not. On the loop.
    package func wait(nowMilliseconds now: Int64) -> DependencyWait? {
        if let broken {
            return DependencyWait(.embedding, detail: broken.detail, nextTryMilliseconds: broken.untilMilliseconds)
        }
        let breaker = reading.breaker
        guard isReady else {
            return DependencyWait(
                .embedding, detail: "its process is being started", nextTryMilliseconds: now + Self.startMilliseconds)
        }
        guard breaker.state == .open, let next = breaker.nextTryMilliseconds, now < next else { return nil }
        return DependencyWait(.embedding, detail: breaker.detail, nextTryMilliseconds: next)
    }

    /// Neither ready nor known to be unable. On the loop.
    var isStarting: Bool { !isReady && broken == nil }

    // MARK: Runs

    /// What a run needs to have its chunks embedded: the worker's end of a socket. Throws when the process cannot be
    /// given the other; then it is being started, and the run may be tried again soon. On the loop.
    func connect() throws(SystemError) -> OwnedDescriptor {
        guard let link, isReady else { throw SystemError("headway embed is not running", 0) }
        let pair = try DescriptorPair.streamSocket()
        try link.send(.serve, [pair.second.raw])
        return pair.takeFirst()
    }

    // MARK: The process

    /// On the loop, whose thread outlives the process.
    package func start() {
        precondition(loop.isCurrent, "the process is started by the loop that outlives it")
        guard !isStopping, link == nil else { return }
        do throws(SystemError) {
            var service = configuration.service
            // What was seen before the process died still holds.
            service.dimensions = reading.dimensions
            let link = try EmbedLink(
                program: program, memoryBytesMax: memoryBytesMax, loop: loop,
                reported: { [unowned self] in reported($0) }, ended: { [unowned self] in ended($0) })
            self.link = link
            try link.send(.configure(service), [])
        } catch {
            logger.error("the embedding process could not be started", metadata: ["error": "\(error)"])
            if let link { link.kill() } else { restart() }
        }
    }

    package func stop() {
        isStopping = true
        link?.kill()
    }

    /// For each call its texts, the answer's numbers, and the frame that carries them on.
    private var memoryBytesMax: Int64 {
        let numbers = Int64(min(configuration.batchMax * (reading.dimensions ?? 4096), EmbeddingReply.numbersMax))
        return 96 << 20 + Int64(configuration.service.concurrency) * (16 << 20 + 16 * numbers)
    }

    private func reported(_ report: EmbedReport) {
        let now = loop.nowMilliseconds
        switch report {
        case .ready:
            isReady = true
            broken = nil
            deathsInARow = 0
            // Its breaker starts closed, whatever the one before it had seen.
            shown.withLock { $0.breaker = BreakerReading(state: .closed) }
            recovered?()
        case .broken(let detail):
            logger.error("documents cannot be embedded", metadata: ["reason": "\(detail)"])
            broken = (detail, now + Self.brokenMilliseconds)
            shown.withLock {
                $0.breaker = BreakerReading(
                    state: .open, detail: detail, nextTryMilliseconds: now + Self.brokenMilliseconds)
            }
        case .breaker(let state, let detail, let nextTry):
            let reading = BreakerReading(
                state: BreakerReading.State(rawValue: state) ?? .closed, detail: detail,
                nextTryMilliseconds: nextTry.map { now + $0 })
            changed(to: reading)
        case .counted(let calls, let failures, let texts, let dimensions):
            shown.withLock {
                $0.calls += calls
                $0.failures += failures
                $0.texts += texts
                if let dimensions { $0.dimensions = dimensions }
            }
        }
    }

    private func changed(to reading: BreakerReading) {
        let before = shown.withLock { shown in
            defer { shown.breaker = reading }
            return shown.breaker
        }
        if before.state != reading.state {
            logger.notice(
                "the breaker of the embedding service changed",
                metadata: ["state": "\(reading.state.rawValue)", "detail": "\(reading.detail)"])
        }
        switch reading.state {
        case .closed, .halfOpen: recovered?()
        case .open:
            guard let next = reading.nextTryMilliseconds else { return }
            loop.schedule(afterMilliseconds: max(0, next - loop.nowMilliseconds)) { [weak self] in
                guard let self, !self.isStopping, self.reading.breaker == reading else { return }
                // The process itself changes its breaker only when a call comes.
                self.shown.withLock { $0.breaker.state = .halfOpen }
                self.recovered?()
            }
        }
    }

    private func ended(_ ending: Ending) {
        link = nil
        isReady = false
        guard !isStopping else { return }
        logger.warning("the embedding process ended and is started again", metadata: ["ending": "\(ending)"])
        restart()
    }

    private func restart() {
        deathsInARow += 1
        var wait = min(Self.restartMillisecondsMin << Int64(min(deathsInARow - 1, 8)), Self.restartMillisecondsMax)
        if let broken { wait = max(wait, broken.untilMilliseconds - loop.nowMilliseconds) }
        loop.schedule(afterMilliseconds: wait) { [weak self] in self?.start() }
    }
}
