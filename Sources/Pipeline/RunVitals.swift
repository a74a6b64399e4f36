import Core
import System

/// Whether a run's processes are alive and within their limits, by what the kernel says of them.
struct RunVitals {
    static let awaitedMillisecondsMax: Int64 = 2 * 60 * 60_000

    let startMilliseconds = Clock.monotonicMilliseconds
    private var lifeMilliseconds = Clock.monotonicMilliseconds
    /// Of that, what the worker waited for vectors: another's slowness is not the document's.
    private var awaitedMilliseconds: Int64 = 0
    private var lastTicks: [Int32: Int64] = [:]
    private var worker: (processID: Int32, startTicks: Int64?)?

    /// There was a sign of life.
    mutating func lived(at now: Int64) { lifeMilliseconds = now }

    mutating func awaited(_ milliseconds: Int64) {
        awaitedMilliseconds = min(awaitedMilliseconds + milliseconds, Self.awaitedMillisecondsMax)
    }

    /// A worker is older than the run: what it has used before is not counted.
    mutating func begin(worker processID: Int32) { worker = (processID, ProcessUsage.of(processID)?.cpuTicks) }

    /// Looks at each process once. The reason for which all are to be ended, or none; `asides` that need too much are
    /// only told: the document can be read without them.
    mutating func look(
        at processIDs: [Int32], asides: [Int32], limits: WorkLimits, now: Int64
    ) -> (end: SupervisedEnd?, heavyAsides: [Int32]) {
        var heavy: [Int32] = []
        for processID in asides + processIDs {
            guard let usage = ProcessUsage.of(processID) else { continue }
            if usage.residentBytes > limits.memoryBytesMax {
                guard asides.contains(processID) else { return (.memory, heavy) }
                heavy.append(processID)
                continue
            }
            if let before = lastTicks[processID], usage.cpuTicks > before { lifeMilliseconds = now }
            lastTicks[processID] = usage.cpuTicks
            // The extractor's CPU time is held by the kernel.
            if processID == worker?.processID, let start = worker?.startTicks,
                (usage.cpuTicks - start) / ThisProcess.clockTicksPerSecond > limits.cpuSecondsMax
            {
                return (.cpuTime, heavy)
            }
        }
        if now - startMilliseconds - awaitedMilliseconds > limits.wallMillisecondsMax { return (.wallTime, heavy) }
        return (now - lifeMilliseconds > limits.stallMillisecondsMax ? .noProgress : nil, heavy)
    }
}
