import Core
import Hub
import Loop
import System

/// A document in memory, with all that its owner keeps beside it.
final class LiveDocument: @unchecked Sendable {
    /// Tells it from another one that had its name: who watched that one does not watch this.
    let generation: UInt64
    var document: Document
    var told: EncodedEvent?
    var history = EventHistory<EncodedEvent>()
    var pace = EventPace()
    var audience: TopicAudience
    var lease = WorkLease()
    /// The run whose files are the document's, whether it was worked on here or not.
    var run: Int64? {
        get { lease.run }
        set { lease = WorkLease(run: newValue) }
    }
    var isCeilingBeingRecorded = false
    /// Commits under way. While there are any the value is ahead of its record, and nothing of it is told.
    var recordsPending = 0
    /// Records on their way to the disk that change nothing to be told. As long as there are any, what is on record is
    /// older than what is here.
    var writesUnderWay = 0
    /// Orders that wait for commits (`whenSettled`).
    var waitingOrders: [@Sendable () -> Void] = []
    /// A look whether it may leave memory is due (`retireWaiting`).
    var isLookDue = false
    var lastPositionToldMilliseconds: Int64 = 0
    var isDeleted = false
    /// The request that brings bytes.
    var permit: UploadPermit?
    /// Of requests that go on with an upload: who has it, and who waits.
    var holder = UploadHolder()
    var takers: [UInt64: UploadTaker] = [:]
    /// Documents that are made of this part and wait for it.
    var concatenations: Set<DocumentID> = []
    /// What is answered about it: the last told state, or that it is gone.
    var answer: Result<EncodedEvent, DocumentRefusal> {
        guard !isDeleted, let told else { return .failure(.notFound) }
        return .success(told)
    }
    /// A reader of its record would find it as it was.
    var isAheadOfRecord: Bool { recordsPending > 0 || writesUnderWay > 0 }
    /// Ends the upload in progress; it is called on the owner's loop and finds its own way home.
    var evictUpload: (@Sendable (UploadEviction) -> Void)?

    init(_ document: Document, generation: UInt64, loopCount: Int) {
        self.document = document
        self.generation = generation
        audience = TopicAudience(loopCount: loopCount)
    }
}

/// A place in a document's audience, and what the watch begins with.
package struct Joined: Sendable {
    package var generation: UInt64
    package var start: WatchStart<EncodedEvent>
}

/// A request that wants to go on with an upload.
struct UploadTaker: Sendable {
    var evict: @Sendable (UploadEviction) -> Void
    var answer: @Sendable (Result<UploadGrant, DocumentRefusal>) -> Void
}

/// Why an upload in progress is ended from outside.
package enum UploadEviction: Sendable, Equatable {
    /// Another request takes over; one that goes on hands over what it wrote.
    case supersededByNewer
    /// A request begins at byte 0 in another file: what was written is nobody's.
    case begunAgain
    case cancelled
}

/// Owns the documents of one loop: folds, records, numbers and publishes. Touched by that loop alone.
///
/// Sendable so that letters can name it; `loop` is where they must be read.
package final class DocumentOwner: @unchecked Sendable {
    /// A terminal document leaves memory after this long without a watcher; its record stays.
    package static let retainedMilliseconds: Int64 = 15 * 60 * 1000
    /// Events kept for watchers that come back, of all documents and loops together; the oldest go first.
    package static let retainedBytesMax = 64 << 20
    package static let queueWatchMilliseconds: Int64 = 1000
    package static let recordAgainMilliseconds: Int64 = 1000

    let loop: EventLoop
    let hub: Hub
    let records: any DocumentRecords
    let bytes: any DocumentBytes
    let queue: any WorkQueue
    let epoch: String
    let lifetimes: Lifetimes
    let retries: RetryPolicy
    let deduplication: Deduplication
    let learned: LearnedRates
    /// The server before this one did not end in good order: what it had at work may have been the reason.
    let isAfterDeath: Bool
    /// Called when a part is complete that this document waits for.
    let partCompleted: @Sendable (DocumentID) -> Void
    var live: [DocumentID: LiveDocument] = [:]
    private var loading: [DocumentID: [@Sendable (Result<LiveDocument, DocumentRefusal>) -> Void]] = [:]
    private var watched: Set<DocumentID> = []
    /// Documents that are leased, or were a moment ago.
    var leases: Set<DocumentID> = []
    private var retained: RetainedEvents
    /// Who watches every document.
    private var everyAudience: TopicAudience
    /// Who watches all that a subject has made; a subject nobody watches for has none.
    private var audiencesBySubject: [String: TopicAudience] = [:]
    var lastPermit: UInt64 = 0
    private var lastGeneration: UInt64 = 0

    init(
        loop: EventLoop, hub: Hub, records: any DocumentRecords, bytes: any DocumentBytes, queue: any WorkQueue,
        epoch: String, lifetimes: Lifetimes, retries: RetryPolicy, deduplication: Deduplication, learned: LearnedRates,
        isAfterDeath: Bool, partCompleted: @escaping @Sendable (DocumentID) -> Void
    ) {
        self.lifetimes = lifetimes
        self.retries = retries
        self.deduplication = deduplication
        self.learned = learned
        self.isAfterDeath = isAfterDeath
        self.partCompleted = partCompleted
        self.loop = loop
        self.hub = hub
        self.records = records
        self.bytes = bytes
        self.queue = queue
        self.epoch = epoch
        retained = RetainedEvents(bytesMax: Self.retainedBytesMax / hub.loops.count)
        everyAudience = TopicAudience(loopCount: hub.loops.count)
    }

    var now: Moment {
        Moment(monotonicMilliseconds: Clock.monotonicMilliseconds, unixMilliseconds: Clock.unixMilliseconds)
    }

    // MARK: Finding

    /// The live document, from memory or from its record.
    func find(_ id: DocumentID, then completion: @escaping @Sendable (Result<LiveDocument, DocumentRefusal>) -> Void) {
        if let found = live[id] { return completion(found.isDeleted ? .failure(.notFound) : .success(found)) }
        if loading[id] != nil {
            loading[id]?.append(completion)
            return
        }
        loading[id] = [completion]
        records.load(id) { [self] result in
            loop.post { [self] in loaded(id, result) }
        }
    }

    private func loaded(_ id: DocumentID, _ result: Result<DocumentRecord?, RecordFailure>) {
        let waiting = loading.removeValue(forKey: id) ?? []
        let answer: Result<LiveDocument, DocumentRefusal>
        if let found = live[id] {
            answer = found.isDeleted ? .failure(.notFound) : .success(found)
        } else {
            switch result {
            case .failure(let failure): answer = .failure(.storage(failure))
            case .success(nil): answer = .failure(.notFound)
            case .success(let record?):
                if let restored = adopt(record) {
                    answer = .success(restored)
                } else {
                    answer = .failure(.storage(.failed("the record of \(id) cannot be read")))
                }
            }
        }
        for completion in waiting { completion(answer) }
    }

    private func restore(_ record: DocumentRecord) -> LiveDocument? {
        guard let document = Document(record) else { return nil }
        let restored = makeLive(document)
        restored.run = record.outputToken
        let told = encode(document, weight: .step)
        restored.told = told
        // Every offset below its own is another state than this one.
        restored.history = EventHistory(droppedThrough: document.offset - 1)
        retain(told, of: restored)
        return restored
    }

    func makeLive(_ document: Document) -> LiveDocument {
        lastGeneration += 1
        var document = document
        document.rates = learned.rates(of: document)
        return LiveDocument(document, generation: lastGeneration, loopCount: hub.loops.count)
    }

    /// Takes a record into memory, and goes on with what an earlier process left unfinished; nil when it cannot be
    /// read.
    private func adopt(_ record: DocumentRecord) -> LiveDocument? {
        guard let restored = restore(record) else { return nil }
        live[record.id] = restored
        if !restored.document.isTerminal && restored.document.epoch != epoch {
            goOn(with: restored, ceiling: record.ceiling)
        } else {
            retire(restored)
        }
        return restored
    }

    func toldEvents(of ids: [DocumentID]) -> [DocumentID: EncodedEvent] {
        var found: [DocumentID: EncodedEvent] = [:]
        for id in ids {
            if let event = live[id]?.told { found[id] = event }
        }
        return found
    }

    /// Lets a terminal document leave memory once nobody has asked for it for a while.
    func retire(_ document: LiveDocument) {
        guard document.document.isTerminal else { return retireWaiting(document) }
        loop.schedule(afterMilliseconds: Self.retainedMilliseconds) { [weak self, weak document] in
            guard let self, let document, self.live[document.document.id] === document else { return }
            guard document.document.isTerminal, !document.isAheadOfRecord, document.audience.isEmpty else {
                return self.retire(document)
            }
            self.forget(document)
        }
    }

    // MARK: Changing and telling

    func record(of document: LiveDocument) -> DocumentRecord { record(of: document.document, document) }

    func record(of state: Document, _ live: LiveDocument) -> DocumentRecord {
        // What is recorded is told with the next offset, so the record carries that one: a terminal state keeps its
        // validator over a restart. It keeps it as well when what is recorded later is nothing to be told.
        var next = state
        if live.told?.isTerminal != true || !state.isTerminal { next.advanceOffset() }
        return DocumentRecord(
            id: next.id, status: next.status, createdAtMilliseconds: next.createdAtMilliseconds,
            ceiling: max(next.percentage.published, next.percentage.requestedCeiling),
            outputToken: next.isResultRemoved ? nil : live.run, isPart: next.isPart,
            dueMilliseconds: lifetimes.dueMilliseconds(next), resultKey: next.resultKey,
            bytes: next.recorded(now: now))
    }

    /// Records the state by the way: nobody waits to be told of it.
    func write(
        _ state: Document, _ live: LiveDocument,
        then completion: @escaping @Sendable (Result<Void, RecordFailure>) -> Void = { _ in }
    ) {
        live.writesUnderWay += 1
        records.update(record(of: state, live)) { [self] result in
            loop.post {
                live.writesUnderWay -= 1
                completion(result)
            }
        }
    }

    /// When the document's upload expires, or its own time is over.
    func due(_ live: LiveDocument) -> Int64? { lifetimes.dueMilliseconds(live.document) }

    /// Makes a change that may be known at once.
    func change(_ document: LiveDocument, _ change: DocumentChange) throws(DocumentConflict) {
        let weight = try document.document.apply(change, at: now)
        tellPaced(document, weight)
    }

    /// Makes a change that is on record before anybody knows of it. If the disk refuses, it is tried again until it
    /// takes: the state is true whether the disk likes it or not, and until then a restart would only repeat the work.
    func changeOnRecord(
        _ document: LiveDocument, _ change: DocumentChange,
        then completion: @escaping @Sendable (LiveDocument) -> Void = { _ in }
    ) throws(DocumentConflict) {
        _ = try document.document.apply(change, at: now)
        document.recordsPending += 1
        recordThenTell(document, completion)
    }

    /// Records the state as it is, and tells it then.
    func putOnRecord(_ document: LiveDocument) {
        document.recordsPending += 1
        recordThenTell(document) { _ in }
    }

    private func recordThenTell(
        _ document: LiveDocument, _ completion: @escaping @Sendable (LiveDocument) -> Void
    ) {
        // Made anew for each try: what is recorded is the state as it is then, never an older one over a newer.
        let record = record(of: document)
        records.update(record) { [self] result in
            loop.post { [self] in
                guard case .success = result else {
                    loop.schedule(afterMilliseconds: Self.recordAgainMilliseconds) { [self] in
                        recordThenTell(document, completion)
                    }
                    return
                }
                document.recordsPending -= 1
                if !document.isDeleted && document.recordsPending == 0 {
                    // The same commit carried the ceiling that the figure may now reach.
                    _ = try? document.document.apply(.ceilingRecorded(record.ceiling), at: now)
                    tell(document, .step)
                    retire(document)
                }
                completion(document)
                settled(document)
            }
        }
    }

    private func tellPaced(_ document: LiveDocument, _ weight: ChangeWeight) {
        // The commit under way ends with telling the newest state.
        guard document.recordsPending == 0 else { return recordCeiling(document) }
        switch document.pace.decide(weight, at: now) {
        case .tellNow: tell(document, weight)
        case .wait: break
        case .tellLater(let milliseconds):
            loop.schedule(afterMilliseconds: milliseconds) { [weak self, weak document] in
                guard let self, let document, document.pace.waitEnded(at: self.now) else { return }
                guard document.recordsPending == 0 && !document.document.isTerminal else { return }
                self.tell(document, .tick)
                self.recordCeiling(document)
            }
        }
        recordCeiling(document)
    }

    private func recordCeiling(_ document: LiveDocument) {
        guard let ceiling = document.document.percentage.ceilingToRecord, !document.isCeilingBeingRecorded else {
            return
        }
        document.isCeilingBeingRecorded = true
        records.raiseCeiling(of: document.document.id, to: ceiling) { [self] result in
            loop.post { [self] in
                document.isCeilingBeingRecorded = false
                // Without the record the figure waits where it is; the next change asks again.
                guard case .success = result else { return }
                try? change(document, .ceilingRecorded(ceiling))
            }
        }
    }

    private func encode(_ document: Document, weight: ChangeWeight) -> EncodedEvent {
        EncodedEvent(
            document: document.id, position: document.position, weight: weight, status: document.status,
            json: document.encoded(now: now))
    }

    func tell(_ document: LiveDocument, _ weight: ChangeWeight) {
        document.document.advanceOffset()
        let event = encode(document.document, weight: weight)
        document.told = event
        retain(event, of: document)
        let topic = Topic.document(document.document.id, generation: document.generation)
        hub.publish(event, to: topic, document.audience)
        guard !document.document.isPart else { return }
        hub.publish(event, to: .group(.all, owner: loop.index), everyAudience)
        if let subject = document.document.owner, let audience = audiencesBySubject[subject] {
            hub.publish(event, to: .group(.made(by: subject), owner: loop.index), audience)
        }
    }

    /// Keeps an event for watchers that come back, within the bounds of one document and of all of them.
    private func retain(_ event: EncodedEvent, of document: LiveDocument) {
        if let dropped = document.history.append(event, at: event.position.offset) {
            retained.dropped(dropped.jsonCount)
        }
        retained.append(document.document.id, at: event.position.offset, byteCount: event.jsonCount)
        while let oldest = retained.takeBeyondBound() {
            guard let dropped = live[oldest.document]?.history.dropFirst(through: oldest.offset) else { continue }
            retained.dropped(dropped.jsonCount)
        }
    }

    /// Offsets restart under another epoch: nothing of the old one can be gone on from.
    func beginHistory(_ document: LiveDocument) {
        while let dropped = document.history.dropFirst() { retained.dropped(dropped.jsonCount) }
        document.history = EventHistory()
    }

    /// Lets go of a document and of what is kept of it.
    func forget(_ document: LiveDocument) {
        beginHistory(document)
        live[document.document.id] = nil
    }

    // MARK: Reading and watching

    /// The last told state, with the place in the line as it is now.
    package func read(
        _ id: DocumentID, then answer: @escaping @Sendable (Result<EncodedEvent, DocumentRefusal>) -> Void
    ) {
        find(id) { [self] result in
            answer(
                result.flatMap { document in
                    refreshQueuePosition(document)
                    refreshEstimate(document)
                    return document.answer
                })
        }
    }

    /// Tells a new place in the line, at most once a second where somebody watches.
    func refreshQueuePosition(_ document: LiveDocument) {
        guard document.document.status == .queued, document.told != nil, document.recordsPending == 0 else { return }
        let position = queue.position(of: document.document.id)
        guard position != nil, position != document.document.queuePosition else { return }
        let time = Clock.monotonicMilliseconds
        let isDue = time - document.lastPositionToldMilliseconds >= Self.queueWatchMilliseconds
        guard isDue || document.audience.isEmpty else { return }
        document.lastPositionToldMilliseconds = time
        if (try? document.document.apply(.queued(position: position), at: now)) == .tick { tell(document, .tick) }
    }

    /// Tells that news of the work is overdue, where the estimate of what remains says so.
    private func refreshEstimate(_ document: LiveDocument) {
        guard document.told != nil, document.recordsPending == 0, document.document.refreshEstimate(at: now) else {
            return
        }
        tellPaced(document, .tick)
    }

    /// Joins the audience of a document from a loop: the answer carries what the watch begins with, and every later
    /// event reaches that loop after it. A terminal document has nothing more to tell and takes no audience.
    package func join(
        _ id: DocumentID, after: WatchPosition?, loopIndex: Int,
        then answer: @escaping @Sendable (Result<Joined, DocumentRefusal>) -> Void
    ) {
        find(id) { [self] result in
            answer(
                result.flatMap { document in
                    refreshQueuePosition(document)
                    guard let told = document.told else { return .failure(.notFound) }
                    if !told.isTerminal {
                        document.audience.join(loop: loopIndex)
                        watched.insert(id)
                    }
                    let start = WatchStart(
                        after: after, current: told, at: told.position, history: document.history)
                    return .success(Joined(generation: document.generation, start: start))
                })
        }
    }

    /// Joins the audience of a group's documents that this owner has, present and future; the answer is the state of
    /// those that are not terminal.
    package func join(_ group: DocumentGroup, loopIndex: Int) -> [EncodedEvent] {
        var wanted = Array(live.values)
        switch group {
        case .all: everyAudience.join(loop: loopIndex)
        case .made(let subject):
            audiencesBySubject[subject, default: TopicAudience(loopCount: hub.loops.count)].join(loop: loopIndex)
            wanted.removeAll { $0.document.owner != subject }
        }
        return wanted.compactMap { $0.isDeleted || $0.document.isPart ? nil : $0.told }.filter { !$0.isTerminal }
            .sorted { $0.document < $1.document }
    }

    package func leave(_ group: DocumentGroup, loopIndex: Int) {
        switch group {
        case .all: everyAudience.leave(loop: loopIndex)
        case .made(let subject):
            audiencesBySubject[subject]?.leave(loop: loopIndex)
            if audiencesBySubject[subject]?.isEmpty == true { audiencesBySubject[subject] = nil }
        }
    }

    package func leave(_ id: DocumentID, generation: UInt64, loopIndex: Int) {
        guard let document = live[id], document.generation == generation else { return }
        document.audience.leave(loop: loopIndex)
        if document.audience.isEmpty { watched.remove(id) }
    }

    func startQueueWatch() {
        loop.schedule(afterMilliseconds: Self.queueWatchMilliseconds) { [weak self] in
            guard let self else { return }
            for id in self.watched {
                guard let document = self.live[id] else {
                    self.watched.remove(id)
                    continue
                }
                self.refreshQueuePosition(document)
                self.refreshEstimate(document)
            }
            self.endLeases()
            self.startQueueWatch()
        }
    }
}
