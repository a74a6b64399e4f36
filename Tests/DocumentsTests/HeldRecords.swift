import Core
import Ledger
import Synchronization

/// A ledger whose updates wait until they are let go, in their order: a disk that takes its time.
final class HeldRecords: DocumentRecords {
    typealias Completion = @Sendable (Result<Void, RecordFailure>) -> Void

    private struct State {
        var isHolding = false
        var held: [@Sendable () -> Void] = []
    }

    private let ledger: Ledger
    private let state = Mutex(State())

    init(_ ledger: Ledger) { self.ledger = ledger }

    func hold() { state.withLock { $0.isHolding = true } }
    var heldCount: Int { state.withLock { $0.held.count } }

    /// Lets the oldest go that wait.
    func letGo(_ count: Int) {
        let orders = state.withLock { state in
            defer { state.held.removeFirst(count) }
            return state.held.prefix(count)
        }
        for order in orders { order() }
    }

    func update(_ record: DocumentRecord, then completion: @escaping Completion) {
        let isHeld = state.withLock { state in
            if state.isHolding { state.held.append { [ledger] in ledger.update(record, then: completion) } }
            return state.isHolding
        }
        if !isHeld { ledger.update(record, then: completion) }
    }

    func insert(_ record: DocumentRecord, reserving reservation: KeyReservation?, then completion: @escaping Completion)
    { ledger.insert(record, reserving: reservation, then: completion) }

    func document(
        underKey key: String, then completion: @escaping @Sendable (Result<KeyedDocument?, RecordFailure>) -> Void
    ) { ledger.document(underKey: key, then: completion) }

    func forgetKeys(through milliseconds: Int64, limit: Int, then completion: @escaping Completion) {
        ledger.forgetKeys(through: milliseconds, limit: limit, then: completion)
    }

    func raiseCeiling(of id: DocumentID, to ceiling: Double, then completion: @escaping Completion) {
        ledger.raiseCeiling(of: id, to: ceiling, then: completion)
    }

    func remove(_ id: DocumentID, then completion: @escaping Completion) { ledger.remove(id, then: completion) }

    func load(_ id: DocumentID, then completion: @escaping @Sendable (Result<DocumentRecord?, RecordFailure>) -> Void) {
        ledger.load(id, then: completion)
    }

    func withResult(
        _ key: String, then completion: @escaping @Sendable (Result<DocumentRecord?, RecordFailure>) -> Void
    ) { ledger.withResult(key, then: completion) }

    func due(
        before milliseconds: Int64, limit: Int,
        then completion: @escaping @Sendable (Result<[DocumentID], RecordFailure>) -> Void
    ) { ledger.due(before: milliseconds, limit: limit, then: completion) }

    func list(
        status: DocumentStatus?, after position: ListPosition?, limit: Int,
        then completion: @escaping @Sendable (Result<RecordPage, RecordFailure>) -> Void
    ) { ledger.list(status: status, after: position, limit: limit, then: completion) }
}
