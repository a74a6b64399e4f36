import Core
import Hub
import Loop
import Synchronization
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

    /// `queue` is called back by owners; it may be the pipeline, which itself asks the documents. `afterDeath`: the
    /// server before this one did not end in good order.
    package init(
        loops: [EventLoop], hub: Hub, records: any DocumentRecords, bytes: any DocumentBytes, queue: any WorkQueue,
        epoch: String, lifetimes: Lifetimes = Lifetimes(), retries: RetryPolicy = RetryPolicy(),
        deduplication: Deduplication = Deduplication(), learned: LearnedRates = LearnedRates(),
        afterDeath: Bool = false
    ) {
        self.loops = loops
        let concatenation = concatenation
        owners = loops.map {
            DocumentOwner(
                loop: $0, hub: hub, records: records, bytes: bytes, queue: queue, epoch: epoch, lifetimes: lifetimes,
                retries: retries, deduplication: deduplication, learned: learned, isAfterDeath: afterDeath
            ) { concatenation.wanted($0) }
        }
    }

    /// What puts parts together; set once, before anything is asked of the documents.
    package let concatenation = ConcatenationPort()

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

    /// Takes over what an earlier process left unfinished, oldest first. Each is read anew by its owner: since somebody
    /// looked through the record it may have been deleted.
    package func recover(_ ids: [DocumentID]) {
        for id in ids { perform(id) { $0.find(id) { _ in } } }
    }
}

/// Where the owner of a part says that a document which waits for it may be put together now.
package final class ConcatenationPort: Sendable {
    private let handler = Mutex<(@Sendable (DocumentID) -> Void)?>(nil)

    package func connect(_ body: @escaping @Sendable (DocumentID) -> Void) { handler.withLock { $0 = body } }
    func wanted(_ id: DocumentID) { handler.withLock { $0 }?(id) }
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
    package var pipeline: String
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
    package var pipeline: String
    /// As the document has them.
    package var stageNames: [String]
    /// How the built-in pipeline reads it; nil for a pipeline of the operator's own.
    package var reading: ContentType?
    package var contentToken: Int64?
    package var bytes: Int64
    package var attempt: Int
    /// What opens it.
    package var password: String?
    /// Why the first reader found nothing in it.
    package var firstFailure: DocumentError?
    /// Who is to read it.
    package var reader: TextReader
    /// What it goes on from.
    package var checkpoint: Checkpoint?

    package var type: DocumentType {
        guard let reading else { preconditionFailure("commands read every type") }
        return reading.type
    }

    /// What was declared of its encoding.
    package var charset: String? { reading?.charset }
}

/// The right to go on with an upload, and what there is of it.
package struct UploadGrant: Sendable {
    package var permit: UploadPermit
    package var name: String
    package var contentType: String?
    package var pipeline: String
    package var upload: ResumableUpload
    /// The whole length, where it has been said.
    package var length: Int64?
    /// What the tier of its creator takes.
    package var tierLimitBytes: Int64?
    package var dueMilliseconds: Int64?

    init(permit: UploadPermit, document: Document, dueMilliseconds: Int64?) {
        self.permit = permit
        name = document.name
        contentType = document.contentType
        pipeline = document.pipeline
        upload = document.upload
        length = document.declaredBytes
        tierLimitBytes = document.tierLimitBytes
        self.dueMilliseconds = dueMilliseconds
    }
}

/// An upload that takes no more bytes.
package struct EndedUpload: Sendable {
    package var event: EncodedEvent
    /// All of them; nil when they never came whole.
    package var bytes: Int64?
    package var error: DocumentError?
    package var upload: ResumableUpload
}

/// The right to bring a document's bytes; a newer one takes it away.
package struct UploadPermit: Sendable {
    package var document: DocumentID
    let number: UInt64

    func isSame(as other: UploadPermit?) -> Bool { other?.number == number }
}
