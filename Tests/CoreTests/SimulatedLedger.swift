@testable import Core

/// The record of one document: orders wait, are committed together and answered later.
struct SimulatedLedger {
    enum Write {
        case insert(DocumentRecord)
        case update(DocumentRecord)
        case remove
    }

    typealias Completion = (Bool) -> Void

    var failsNextCommit = false
    private(set) var committed: DocumentRecord? {
        didSet { document = committed.flatMap { Document($0) } }
    }
    /// What is on record.
    private(set) var document: Document?
    private(set) var waiting: [(write: Write, completion: Completion)] = []

    mutating func order(_ write: Write, then completion: @escaping Completion) { waiting.append((write, completion)) }

    /// Commits the first `count` orders, all or none. What is returned is still to be answered.
    mutating func commit(_ count: Int) -> [() -> Void] {
        let group = waiting.prefix(count)
        waiting.removeFirst(group.count)
        let isGood = !failsNextCommit
        failsNextCommit = false
        if isGood {
            for order in group {
                switch order.write {
                case .insert(let record): committed = record
                // A removed document stays removed.
                case .update(let record): if committed != nil { committed = record }
                case .remove: committed = nil
                }
            }
        }
        return group.map { order in { order.completion(isGood) } }
    }

    /// The process that ordered is gone.
    mutating func forgetOrders() { waiting = [] }
}
