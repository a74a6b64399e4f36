/// One stage of a pipeline as watchers see it: how many units of it are done, and of how many.
package struct StageProgress: Sendable, Equatable {
    package var name: String
    package var weight: Double
    package var done: Int64 = 0
    package var total: Int64?
    package var isFinished = false

    package init(name: String, weight: Double) {
        self.name = name
        self.weight = weight
    }

    /// 0–1. A total that is unknown counts nothing, and one that lies (done beyond it) stays below the stage's end
    /// until the stage says itself that it has finished.
    package var fraction: Double {
        if isFinished { return 1 }
        guard let total, total > 0 else { return 0 }
        return min(Double(done) / Double(total), Self.unfinishedFractionMax)
    }

    package static let unfinishedFractionMax = 0.99

    /// No document has more pages, and none more bytes (a pebibyte): what says so is not believed. Sums of all stages
    /// stay far within 64 bits, and each number is exact as a `Double`.
    package static let unitsMax: Int64 = 1 << 50

    package static func believed(_ units: Int64) -> Int64 { min(max(0, units), unitsMax) }
}

/// A pipeline: its stages in order, with first weights that make 100 together with the upload's.
package struct PipelineShape: Sendable, Equatable {
    package var name: String
    package var stages: [StageProgress]

    package static let uploadWeight = 20.0
    /// In place of extracting, where the text is recognized from pictures of the pages.
    package static let recognizingName = "recognizing"

    /// extracting → chunking → embedding.
    package static let document = PipelineShape(
        name: "document",
        stages: [
            StageProgress(name: "extracting", weight: 50),
            StageProgress(name: "chunking", weight: 5),
            StageProgress(name: "embedding", weight: 25),
        ])

    package init(name: String, stages: [StageProgress]) {
        self.name = name
        self.stages = stages
    }

    /// As a document was recorded with it, whether it is configured still or not; nil for what cannot be one.
    package init?(recorded name: String, stages names: [String], weights: [Double]) {
        if name == Self.document.name {
            self = .document
            return
        }
        guard PipelineDefinition.isName(name), !names.isEmpty else { return nil }
        let equal = (100 - Self.uploadWeight) / Double(names.count)
        self.init(
            name: name,
            stages: names.enumerated().map { index, name in
                StageProgress(name: name, weight: weights.count == names.count ? weights[index] : equal)
            })
    }
}

/// The one percentage: never down, 100 only at the end, and never above what is on record.
///
/// Theory of operation: `raw` is what the work amounts to now. `published` is what a watcher was last told; it only
/// grows. Before a figure above `recordedCeiling` is told, a ceiling of at most one point more is put on record
/// (`ceilingToRecord`); until that is done the figure waits at the old ceiling. After a crash the recorded ceiling
/// becomes the floor: it is at least what anybody was told, and the figure rests there until the work has caught up.
package struct Percentage: Sendable, Equatable {
    package private(set) var published: Double
    package private(set) var recordedCeiling: Double
    package private(set) var requestedCeiling: Double

    package init(published: Double = 0, recordedCeiling: Double = 0) {
        self.published = published
        self.recordedCeiling = recordedCeiling
        requestedCeiling = recordedCeiling
    }

    /// Begins again after the process ended: what may have been told is the floor.
    package init(recoveredFrom ceiling: Double) {
        self.init(published: ceiling, recordedCeiling: ceiling)
    }

    /// Below this until `complete`; one decimal is shown.
    package static let unfinishedMax = 99.9

    /// Takes what the work amounts to (0–100) and returns what may be told now.
    package mutating func fold(raw: Double) -> Double {
        let wanted = Self.shown(min(raw, Self.unfinishedMax))
        published = max(published, min(wanted, recordedCeiling))
        if wanted > requestedCeiling { requestedCeiling = min(wanted + 1, Self.unfinishedMax) }
        return published
    }

    /// A ceiling that must be on record before the figure can go on, or nil.
    package var ceilingToRecord: Double? { requestedCeiling > recordedCeiling ? requestedCeiling : nil }

    package mutating func ceilingRecorded(_ ceiling: Double) {
        recordedCeiling = max(recordedCeiling, ceiling)
    }

    package mutating func complete() { published = 100 }

    /// One decimal, rounded down: 99.96 is not yet 100.
    private static func shown(_ value: Double) -> Double { (value * 10).rounded(.down) / 10 }
}
