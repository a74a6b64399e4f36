/// What a worker has done so far, in the pipeline's units.
package struct WorkProgress: Sendable, Equatable {
    package struct Stage: Sendable, Equatable {
        package var done: Int64
        /// Of this stage, where stages count different things; nil: as all of them.
        package var total: Int64?
        package var isFinished: Bool
        package init(done: Int64, total: Int64? = nil, isFinished: Bool) {
            self.done = done
            self.total = total
            self.isFinished = isFinished
        }
    }
    package struct Range: Sendable, Equatable {
        /// Units of the whole that lie before it.
        package var before: Int64
        package var done: Int64
        package var total: Int64
        package var isStarted: Bool
        package var isFinished: Bool
        package init(before: Int64, done: Int64, total: Int64, isStarted: Bool, isFinished: Bool) {
            self.before = before
            self.done = done
            self.total = total
            self.isStarted = isStarted
            self.isFinished = isFinished
        }
    }
    package var total: Int64?
    /// Units are pages (they are bytes where a document has none).
    package var unitsArePages: Bool
    package var stages: [Stage]
    /// Where several processes do the first stage side by side, each a range of the units, in order; else none. The
    /// stages behind get one range after the other.
    package var ranges: [Range]
    /// What it says of itself; nil: nothing new.
    package var message: String?
    /// Where pages without text are recognized beside others: these cost many times what the others do.
    package var recognition: TextlessRecognition?

    package init(
        total: Int64?, unitsArePages: Bool, stages: [Stage], ranges: [Range] = [], message: String? = nil,
        recognition: TextlessRecognition? = nil
    ) {
        self.total = total
        self.unitsArePages = unitsArePages
        self.stages = stages
        self.ranges = ranges
        self.message = message
        self.recognition = recognition
    }

    /// In one line: units done in each stage, stages that have finished, the total, then the ranges as
    /// `BEFORE+DONE/TOTAL` and w(aiting), s(tarted) or f(inished).
    package var compact: String {
        let done = stages.map { "\($0.done)" }
        let figures = ["\(stages.count(where: \.isFinished))", "\(total ?? 0)"]
        let ranges = ranges.map { range in
            "\(range.before)+\(range.done)/\(range.total)\(range.isFinished ? "f" : range.isStarted ? "s" : "w")"
        }
        return (done + figures + ranges).joined(separator: " ")
    }
}
