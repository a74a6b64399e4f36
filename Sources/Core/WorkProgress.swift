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
    package var total: Int64?
    /// Units are pages (they are bytes where a document has none).
    package var unitsArePages: Bool
    package var stages: [Stage]
    /// Of what the first stage has done, that for which the stages behind must wait until it is their turn: later
    /// ranges of pages.
    package var spooled: Int64
    /// What it says of itself; nil: nothing new.
    package var message: String?

    package init(
        total: Int64?, unitsArePages: Bool, stages: [Stage], spooled: Int64 = 0, message: String? = nil
    ) {
        self.total = total
        self.unitsArePages = unitsArePages
        self.stages = stages
        self.spooled = spooled
        self.message = message
    }
}
