import Core
import Loop
import Synchronization

/// What finished documents have taught this server, shared by the owners of all loops and kept over a restart.
package final class LearnedRates: Sendable {
    package static let factKey = "learned_rates"
    /// New lessons are put on record together, at most once in this time, and at the end.
    package static let saveMilliseconds: Int64 = 5000

    package enum Recollection: Sendable, Equatable {
        case loaded
        case nothing
        case unreadable(String)
    }

    private struct State {
        var book = RatesBook()
        var isAheadOfRecord = false
    }

    // Protects the book. A leaf: nothing is called while it is held.
    private let state = Mutex(State())

    package init() {}

    /// What documents like this one have cost; nil for the first of its kind.
    package func rates(of document: Document) -> StageRates? {
        guard let kind = document.ratesKind else { return nil }
        return state.withLock { $0.book.rates(of: kind) }
    }

    /// Takes what the end of this document's run teaches.
    package func take(from document: Document, at now: Moment) {
        guard let kind = document.ratesKind, let lesson = document.lesson(at: now) else { return }
        state.withLock {
            $0.book.take(lesson, of: kind)
            $0.isAheadOfRecord = true
        }
    }

    /// Goes on with what an earlier process has learned. What this one has learned meanwhile is newer, and stays.
    package func recall(from facts: any Facts, then completion: @escaping @Sendable (Recollection) -> Void) {
        facts.recall(Self.factKey) { [self] result in
            switch result {
            case .failure(let failure): completion(.unreadable("\(failure)"))
            case .success(nil): completion(.nothing)
            case .success(let bytes?):
                guard let older = RatesBook(recorded: bytes) else { return completion(.unreadable("it is damaged")) }
                state.withLock { $0.book.goOn(from: older) }
                completion(.loaded)
            }
        }
    }

    /// Puts lessons on record again and again, as long as the loop lives.
    package func save(nowAndThenIn facts: any Facts, on loop: EventLoop) {
        loop.schedule(afterMilliseconds: Self.saveMilliseconds) { [self] in
            save(in: facts)
            save(nowAndThenIn: facts, on: loop)
        }
    }

    /// Puts what is new on record. If the disk refuses, it is tried again with the next.
    package func save(in facts: any Facts) {
        let bytes: [UInt8]? = state.withLock {
            guard $0.isAheadOfRecord else { return nil }
            $0.isAheadOfRecord = false
            return $0.book.recorded
        }
        guard let bytes else { return }
        facts.remember(Self.factKey, bytes) { [self] result in
            if case .failure = result { state.withLock { $0.isAheadOfRecord = true } }
        }
    }
}
