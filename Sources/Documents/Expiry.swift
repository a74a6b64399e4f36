import Core
import Loop
import System

/// Looks on record, again and again, for documents to which something is due, and tells their owners.
package final class Expiry: @unchecked Sendable {
    static let intervalMilliseconds: Int64 = 1000
    /// Documents a look; the rest waits for the next.
    static let documentsMax = 100
    /// Keys a look, likewise.
    static let keysMax = 1000

    private let documents: Documents
    private let records: any DocumentRecords
    private let loop: EventLoop

    package init(documents: Documents, records: any DocumentRecords, loop: EventLoop) {
        self.documents = documents
        self.records = records
        self.loop = loop
    }

    /// Lives as long as the loop.
    package func start() {
        loop.post { [self] in look() }
    }

    private func look() {
        let now = Clock.unixMilliseconds
        records.forgetKeys(through: now - KeyStanding.lifetimeMilliseconds, limit: Self.keysMax) { _ in }
        records.due(before: now, limit: Self.documentsMax) { [self] result in
            loop.post { [self] in
                if case .success(let due) = result {
                    for id in due { documents.perform(id) { $0.expire(id) } }
                }
                loop.schedule(afterMilliseconds: Self.intervalMilliseconds) { [self] in look() }
            }
        }
    }
}
