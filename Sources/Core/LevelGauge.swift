// Theory of operation
//
// Every cause has a threshold at which it calls for a level and a lower one at which it no longer does, and stays for
// `stayMilliseconds` after it was last seen at the first. So a figure that swings around a threshold changes nothing.
// The level is the highest that any cause calls for. Figures and the time come from outside, once a second.

/// What was measured at one moment. Nil: not known, which calls for nothing.
package struct PressureReadings: Sendable, Equatable {
    /// The share of the last ten seconds in which some process waited for memory (`some avg10`).
    package var memoryPressurePercent: Double?
    package var ownMemoryBytes: Int64?
    package var disk: DiskSpace?

    package struct DiskSpace: Sendable, Equatable {
        package var freeBytes: Int64
        package var totalBytes: Int64

        package init(freeBytes: Int64, totalBytes: Int64) {
            self.freeBytes = freeBytes
            self.totalBytes = totalBytes
        }
    }

    package init(memoryPressurePercent: Double? = nil, ownMemoryBytes: Int64? = nil, disk: DiskSpace? = nil) {
        self.memoryPressurePercent = memoryPressurePercent
        self.ownMemoryBytes = ownMemoryBytes
        self.disk = disk
    }
}

/// Folds measurements into a level.
package struct LevelGauge: Sendable {
    package static let stayMilliseconds: Int64 = 5000

    /// What the thresholds are told: the readings, and what follows from them and the uploads in flight.
    struct Figures {
        var memoryPressurePercent: Double?
        var ownMemoryBytes: Int64?
        /// What uploads may still take.
        var spareBytes: Int64?
        var freeBytes: Int64?
        var keptBytes: Int64 = 0
        var uploads = 0
    }

    /// One line of the table of thresholds.
    private struct Condition {
        var cause: LevelCause
        var level: ServiceLevel
        var enters: @Sendable (Figures) -> Bool
        var leaves: @Sendable (Figures) -> Bool
        var isInForce = false
        var lastEnteredMilliseconds: Int64 = 0
    }

    private var conditions: [Condition]
    package var floor: ServiceLevel = .healthy
    package var isRestarting = false

    init(_ policy: AdmissionPolicy) {
        conditions = Self.memoryPressure(policy) + Self.ownMemory(policy) + Self.disk + [Self.uploads(policy)]
    }

    /// `--memory-pressure-max` sheds uploads; half of it slows the work down; twice as much, or halfway to 100 %, ends
    /// them.
    private static func memoryPressure(_ policy: AdmissionPolicy) -> [Condition] {
        guard let max = policy.memoryPressurePercentMax else { return [] }
        let steps: [(ServiceLevel, Double)] = [
            (.queueOnly, max / 2), (.resumeOnly, max), (.readOnly, min(2 * max, (max + 100) / 2)),
        ]
        return steps.map { level, percent in
            Condition(
                cause: .memoryPressure, level: level,
                enters: { ($0.memoryPressurePercent ?? 0) >= percent },
                leaves: { ($0.memoryPressurePercent ?? 0) < percent / 2 })
        }
    }

    private static func ownMemory(_ policy: AdmissionPolicy) -> [Condition] {
        guard let max = policy.ownMemoryBytesMax else { return [] }
        let steps: [(ServiceLevel, Int64)] = [(.queueOnly, 70), (.resumeOnly, 80), (.readOnly, 95)]
        return steps.map { level, percent in
            Condition(
                cause: .ownMemory, level: level,
                enters: { ($0.ownMemoryBytes ?? 0) >= max / 100 * percent },
                leaves: { ($0.ownMemoryBytes ?? 0) < max / 100 * (percent - 10) })
        }
    }

    private static let disk: [Condition] = [
        Condition(
            cause: .diskLow, level: .resumeOnly,
            enters: { figures in figures.spareBytes.map { $0 <= 0 } ?? false },
            leaves: { figures in figures.spareBytes.map { $0 > figures.keptBytes / 8 } ?? true }),
        Condition(
            cause: .diskFull, level: .readOnly,
            enters: { figures in figures.freeBytes.map { $0 < max(figures.keptBytes / 2, 1) } ?? false },
            leaves: { figures in figures.freeBytes.map { $0 >= max(figures.keptBytes / 4 * 3, 1) } ?? true }),
    ]

    private static func uploads(_ policy: AdmissionPolicy) -> Condition {
        let max = policy.uploadsMax
        return Condition(
            cause: .tooManyUploads, level: .resumeOnly,
            enters: { $0.uploads >= max }, leaves: { $0.uploads <= max - (max + 7) / 8 })
    }

    /// The same under other bounds: what was in force stays so until the next measurement says otherwise. Whoever comes
    /// between the two is turned away as before.
    func carried(under policy: AdmissionPolicy) -> LevelGauge {
        var next = LevelGauge(policy)
        next.floor = floor
        next.isRestarting = isRestarting
        for index in next.conditions.indices {
            let condition = next.conditions[index]
            guard let known = conditions.first(where: { $0.cause == condition.cause && $0.level == condition.level })
            else { continue }
            next.conditions[index].isInForce = known.isInForce
            next.conditions[index].lastEnteredMilliseconds = known.lastEnteredMilliseconds
        }
        return next
    }

    mutating func update(_ figures: Figures, at milliseconds: Int64) {
        for index in conditions.indices {
            if conditions[index].enters(figures) {
                conditions[index].isInForce = true
                conditions[index].lastEnteredMilliseconds = milliseconds
            } else if conditions[index].isInForce, conditions[index].leaves(figures),
                milliseconds - conditions[index].lastEnteredMilliseconds >= Self.stayMilliseconds
            {
                conditions[index].isInForce = false
            }
        }
    }

    private var calls: [(cause: LevelCause, level: ServiceLevel)] {
        var calls = conditions.filter(\.isInForce).map { (cause: $0.cause, level: $0.level) }
        if isRestarting { calls.append((.restarting, .resumeOnly)) }
        if floor > .healthy { calls.append((.setByOperator, floor)) }
        return calls
    }

    package var report: LevelReport {
        LevelReport(level: calls.map(\.level).max() ?? .healthy, causes: Self.ordered(calls.map(\.cause)))
    }

    /// What turns uploads away from this level on, by itself. Places are counted one by one: a free one is given
    /// although the report still speaks of too many.
    func causes(from level: ServiceLevel) -> [LevelCause] {
        Self.ordered(calls.filter { $0.level >= level && $0.cause != .tooManyUploads }.map(\.cause))
    }

    private static func ordered(_ causes: [LevelCause]) -> [LevelCause] {
        LevelCause.allCases.filter(causes.contains)
    }
}
