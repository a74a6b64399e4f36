import Blobs
import Core
import Logging
import Loop
import Pipeline
import System

/// Measures the machine once a second and lets the level follow: on loop 0, whose pipeline is slowed by it.
///
/// The files of /proc and statvfs(2) are read from the kernel's memory, yet on a disk thread: under the very pressure
/// that they tell of, a read may wait. The next measurement begins when the last one is in.
package final class PressureSampler: @unchecked Sendable {
    static let intervalMilliseconds: Int64 = 1000
    /// While the process holds too much, freed memory is given back this often: what malloc keeps for later would hold
    /// the level for ever.
    static let releaseMilliseconds: Int64 = 10_000

    private let shared: ServerShared
    private let loop: EventLoop
    private var told = LevelReport(level: .healthy, causes: [])
    private var lastReleaseMilliseconds: Int64 = 0

    package init(_ shared: ServerShared, loop: EventLoop) {
        self.shared = shared
        self.loop = loop
    }

    /// The first measurement, before anything listens. Blocks.
    package func measureAtOnce() {
        let start = shared.admission.measurementBegan()
        _ = shared.admission.measured(Self.read(shared.store), since: start)
    }

    /// Measures from now on. On the loop.
    package func start() {
        let start = shared.admission.measurementBegan()
        let isReleasing =
            told.causes.contains(.ownMemory)
            && loop.nowMilliseconds - lastReleaseMilliseconds >= Self.releaseMilliseconds
        if isReleasing { lastReleaseMilliseconds = loop.nowMilliseconds }
        shared.store.disk.submit(from: loop) { [shared] in
            if isReleasing { ThisProcess.releaseFreedMemory() }
            return Self.read(shared.store)
        } then: { [self] readings in
            follow(shared.admission.measured(readings, since: start))
            loop.schedule(afterMilliseconds: Self.intervalMilliseconds) { [weak self] in self?.start() }
        }
    }

    private static func read(_ store: BlobStore) -> PressureReadings {
        let percents = ThisProcess.memoryPressurePaths.compactMap { path in
            Files.contents(of: path).flatMap { PressureStall.someAverage10Percent(String(decoding: $0, as: UTF8.self)) }
        }
        let space = try? store.space()
        return PressureReadings(
            memoryPressurePercent: percents.max(), ownMemoryBytes: ThisProcess.usage?.residentBytes,
            disk: space.map { .init(freeBytes: $0.freeBytes, totalBytes: $0.totalBytes) })
    }

    private func follow(_ report: LevelReport) {
        shared.pipeline.limitRuns(to: report.level.runsMax)
        guard report != told else { return }
        told = report
        shared.logger.notice(
            "level",
            metadata: [
                "level": "\(report.level.name)", "reasons": "\(report.causes.map(\.rawValue).joined(separator: ","))",
            ])
    }
}
