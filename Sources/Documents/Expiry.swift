import Core
import Loop
import System

/// Looks on record, again and again, for documents to which something is due, and tells their owners.
///
/// A record says when that is by the settings it was made under. So all records of an earlier process are gone through
/// once, a page a look, for those that have another time by now.
package final class Expiry: @unchecked Sendable {
    static let intervalMilliseconds: Int64 = 1000
    /// Documents a look; the rest waits for the next.
    static let documentsMax = 100
    /// Keys a look, likewise.
    static let keysMax = 1000

    /// Records of an earlier process a look.
    static let recordsMax = 500

    private let documents: Documents
    private let lifetimes: Lifetimes
    private let records: any DocumentRecords
    private let loop: EventLoop

    package init(documents: Documents, lifetimes: Lifetimes, records: any DocumentRecords, loop: EventLoop) {
        self.documents = documents
        self.lifetimes = lifetimes
        self.records = records
        self.loop = loop
    }

    /// Lives as long as the loop.
    package func start() {
        loop.post { [self] in
            look()
            // Where all is kept for good, a record that says otherwise is made anew when its time comes.
            if lifetimes.documentMilliseconds != nil || lifetimes.resultMilliseconds != nil { compare(after: nil) }
        }
    }

    private func compare(after position: ListPosition?) {
        records.list(status: nil, after: position, limit: Self.recordsMax) { [self] result in
            guard case .success(let page) = result else { return compareLater(after: position) }
            // On the thread of the record: the loop has better things to do than to read records.
            for record in page.records where record.status.isTerminal {
                guard let document = Document(record), lifetimes.dueMilliseconds(document) != record.dueMilliseconds
                else { continue }
                documents.perform(record.id) { $0.expire(record.id) }
            }
            if let next = page.next { compareLater(after: next) }
        }
    }

    private func compareLater(after position: ListPosition?) {
        loop.post { [self] in
            loop.schedule(afterMilliseconds: Self.intervalMilliseconds) { [self] in compare(after: position) }
        }
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
