/// How much the server takes on. Each level takes less than the one before it.
package enum ServiceLevel: Int, Sendable, CaseIterable, Comparable {
    case healthy
    /// Uploads are taken; documents are worked on one at a time.
    case queueOnly
    /// Besides, no upload is begun: those under way and documents that wait for their bytes go on.
    case resumeOnly
    /// Besides, no byte of an upload is taken. Watching, results and the work at hand go on to their ends.
    case readOnly

    package static func < (one: ServiceLevel, other: ServiceLevel) -> Bool { one.rawValue < other.rawValue }

    package var name: String {
        switch self {
        case .healthy: "healthy"
        case .queueOnly: "queue_only"
        case .resumeOnly: "resume_only"
        case .readOnly: "read_only"
        }
    }

    package init?(name: String) {
        guard let found = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = found
    }

    /// Whether a new upload is turned away.
    package var shedsUploads: Bool { self >= .resumeOnly }

    /// How many documents may be worked on at once; nil: as many as there are workers.
    package var runsMax: Int? { self >= .queueOnly ? 1 : nil }
}

/// Why the server takes on less than it could.
package enum LevelCause: String, Sendable, CaseIterable {
    /// Processes of the machine, or of this control group, wait for memory.
    case memoryPressure = "memory_pressure"
    /// This process holds nearly all the memory that it may.
    case ownMemory = "own_memory"
    /// All that uploads may take of the disk is taken, or promised to uploads in flight.
    case diskLow = "disk_low"
    /// Half of what uploads must leave free is gone.
    case diskFull = "disk_full"
    case tooManyUploads = "too_many_uploads"
    case restarting
    /// An operator set the level.
    case setByOperator = "set_by_operator"

    var isOfDisk: Bool { self == .diskLow || self == .diskFull }
}

/// A level with all that speaks for it.
package struct LevelReport: Sendable, Equatable {
    package var level: ServiceLevel
    package var causes: [LevelCause]

    package init(level: ServiceLevel, causes: [LevelCause]) {
        self.level = level
        self.causes = causes
    }
}
