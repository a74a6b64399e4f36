import Core

/// What the list tells of a document that is in memory, where its record and what its watchers saw last differ.
///
/// A change is recorded before it is told, and a figure is told before it is recorded. So either may be ahead.
enum ListedState: Equatable {
    /// What watchers saw last.
    case told
    /// The record: it is committed, and its telling is on the way.
    case recorded
    /// Nothing: it has left the status that is asked for.
    case nothing

    /// `status` is what the list is narrowed to; the record has it, or would not have been found.
    init(
        status: DocumentStatus?, told: DocumentStatus, at toldOffset: Int64, recordedOffset: @autoclosure () -> Int64
    ) {
        if status == nil || told == status {
            self = .told
        } else {
            self = recordedOffset() > toldOffset ? .recorded : .nothing
        }
    }
}
