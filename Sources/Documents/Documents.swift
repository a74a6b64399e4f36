import Core
import Hub
import Loop
import System

// Theory of operation
//
// Every document has one owner: the loop that its id falls to. The owner alone holds the live value, folds what happens
// into it, puts it on record, numbers its events and publishes them; so offsets need no lock. Others ask by mailbox
// (`ask`) and are answered on their own loop.
//
// What readers and watchers see is always the last *told* event, never the value in between: a state that must be on
// record before it may be known (accepted, terminal) is told when the commit is done.

/// All documents of this server, each with its owner.
package final class Documents: @unchecked Sendable {
    package let loops: [EventLoop]
    private let owners: [DocumentOwner]

    /// `queue` is called back by owners; it may be the pipeline, which itself asks the documents.
    package init(
        loops: [EventLoop], hub: Hub, records: any DocumentRecords, bytes: any DocumentBytes, queue: any WorkQueue,
        epoch: String
    ) {
        self.loops = loops
        owners = loops.map {
            DocumentOwner(loop: $0, hub: hub, records: records, bytes: bytes, queue: queue, epoch: epoch)
        }
    }

    /// Runs `work` with the owner of `id`, on the owner's loop.
    package func perform(_ id: DocumentID, _ work: @escaping @Sendable (DocumentOwner) -> Void) {
        let index = id.ownerIndex(of: owners.count)
        loops[index].perform { [owners] in work(owners[index]) }
    }

    /// Runs `work` with one owner, on its loop. There are as many owners as loops.
    package func perform(ownerIndex index: Int, _ work: @escaping @Sendable (DocumentOwner) -> Void) {
        loops[index].perform { [owners] in work(owners[index]) }
    }

    /// Asks the owner of `id`; the answer comes back on `loop`.
    package func ask<Answer: Sendable>(
        _ id: DocumentID, from loop: EventLoop,
        _ question: @escaping @Sendable (DocumentOwner, @escaping @Sendable (Answer) -> Void) -> Void,
        then completion: @escaping @Sendable (Answer) -> Void
    ) {
        perform(id) { owner in
            question(owner) { answer in loop.perform { completion(answer) } }
        }
    }

    /// The last told events of many documents that are in memory; the rest are left out.
    package func events(
        of ids: [DocumentID], from loop: EventLoop,
        then completion: @escaping @Sendable ([DocumentID: EncodedEvent]) -> Void
    ) {
        let gathering = Gathering(remaining: owners.count, completion: completion)
        for (index, owner) in owners.enumerated() {
            let mine = ids.filter { $0.ownerIndex(of: owners.count) == index }
            loops[index].perform {
                let found = owner.toldEvents(of: mine)
                loop.post { gathering.add(found) }
            }
        }
    }

    private final class Gathering: @unchecked Sendable {
        private var remaining: Int
        private var found: [DocumentID: EncodedEvent] = [:]
        private let completion: @Sendable ([DocumentID: EncodedEvent]) -> Void

        init(remaining: Int, completion: @escaping @Sendable ([DocumentID: EncodedEvent]) -> Void) {
            self.remaining = remaining
            self.completion = completion
        }

        func add(_ part: [DocumentID: EncodedEvent]) {
            found.merge(part) { first, _ in first }
            remaining -= 1
            if remaining == 0 { completion(found) }
        }
    }

    /// Starts the once-a-second look at places in the line, on every loop.
    package func start() {
        for (loop, owner) in zip(loops, owners) {
            loop.post { owner.startQueueWatch() }
        }
    }

    /// Takes over what an earlier process left unfinished, oldest first.
    package func recover(_ records: [DocumentRecord]) {
        for record in records { perform(record.id) { $0.recover(record) } }
    }
}

/// Why an owner refuses what it was asked.
package enum DocumentRefusal: Error, Sendable, Equatable {
    case notFound
    case idInUse
    case conflict(DocumentConflict)
    case storage(RecordFailure)
}

/// A document whose bytes may come.
package struct UploadTarget: Sendable {
    package var name: String
    package var contentType: String?
    package var declaredBytes: Int64?
    package var tierLimitBytes: Int64?
}

/// Bytes that are whole and durable under a name of their own.
package struct UploadedContent: Sendable {
    package var token: Int64
    package var bytes: Int64
    package var sha256: String?

    package init(token: Int64, bytes: Int64, sha256: String?) {
        self.token = token
        self.bytes = bytes
        self.sha256 = sha256
    }
}

/// A worker's permission to work on a document.
package struct Lease: Sendable {
    package var document: DocumentID
    package var run: Int64
    package var type: DocumentType
    package var contentToken: Int64?
    package var bytes: Int64
    package var attempt: Int
}

/// The right to bring a document's bytes; a newer one takes it away.
package struct UploadPermit: Sendable {
    package var document: DocumentID
    fileprivate let number: UInt64

    package init(document: DocumentID, number: UInt64) {
        self.document = document
        self.number = number
    }

    func isSame(as other: UploadPermit?) -> Bool { other?.number == number }
}
