@testable import Core

/// What one run wrote, by its name.
struct WorkFile: Hashable, Comparable {
    var document: DocumentID
    var run: Int64

    static func < (one: WorkFile, other: WorkFile) -> Bool {
        (one.document, one.run) < (other.document, other.run)
    }
}

/// What is in it: the first pages of the document, with the settings they were made with.
struct WorkOutput {
    var units: Int64
    var settings: String
}

/// What a document is like, which nobody knows until it is worked on.
struct WorkScript {
    var pages: Int64
    /// Whoever reads this page dies.
    var poisonPage: Int64?
    var isUnreadable: Bool
    var needsService: Bool

    var canComplete: Bool { poisonPage == nil && !isUnreadable }
}

/// An account of a document's runs, kept beside the one under test and on the same record.
struct WorkAccount {
    struct Failure {
        var pages: Int64?
        var units: Int64
    }

    var failures: [Failure] = []
    /// Runs that counted, and whether the next one is the last of them once more.
    private(set) var attempts = 0
    var repeatsAttempt = false

    mutating func leased() {
        if !repeatsAttempt { attempts += 1 }
        repeatsAttempt = false
    }

    /// Whether the document must be given up with this failure, as `RetryPolicy` tells it in words.
    mutating func isLast(_ error: DocumentError, pages: Int64?, checkpoint: Checkpoint?, attemptsMax: Int) -> Bool {
        let isSamePage = pages != nil && failures.last.map { $0.pages == pages } ?? false
        failures.append(Failure(pages: pages, units: checkpoint?.units ?? 0))
        var without = 0
        var units: Int64 = 0
        for failure in failures {
            without = failure.units > units ? 1 : without + 1
            units = failure.units
        }
        return !error.isTransient || error.isDeath && isSamePage || without >= attemptsMax
    }
}

/// The record of all documents: orders wait, are committed together and answered later.
struct WorkLedger {
    struct Entry {
        var record: DocumentRecord
        var account: WorkAccount
        /// What the record says.
        var document: Document
    }

    enum Write {
        case insert(Entry)
        case update(Entry)
        case ceiling(DocumentID, Double)
        case remove(DocumentID)
    }

    var isFailing = false
    private(set) var entries: [DocumentID: Entry] = [:]
    private(set) var waiting: [(write: Write, completion: (Bool) -> Void)] = []

    mutating func order(_ write: Write, then completion: @escaping (Bool) -> Void) {
        waiting.append((write, completion))
    }

    /// Commits the first `count` orders, all or none. What is returned is still to be answered.
    mutating func commit(_ count: Int) -> (written: [DocumentID], answers: [() -> Void]) {
        let group = waiting.prefix(count)
        waiting.removeFirst(group.count)
        let isGood = !isFailing
        var written: [DocumentID] = []
        if isGood { for order in group { written.append(apply(order.write)) } }
        return (written, group.map { order in { order.completion(isGood) } })
    }

    private mutating func apply(_ write: Write) -> DocumentID {
        switch write {
        case .insert(let entry):
            entries[entry.record.id] = entry
            return entry.record.id
        // A removed document stays removed, and a ceiling is never lowered.
        case .update(var entry):
            let id = entry.record.id
            guard let before = entries[id] else { return id }
            entry.record.ceiling = max(entry.record.ceiling, before.record.ceiling)
            entries[id] = entry
            return id
        case .ceiling(let id, let ceiling):
            if let before = entries[id] { entries[id]?.record.ceiling = max(before.record.ceiling, ceiling) }
            return id
        case .remove(let id):
            entries[id] = nil
            return id
        }
    }

    /// The process that ordered is gone; what it had ordered is on record up to somewhere, and nobody is told.
    mutating func loseOrders(after count: Int) -> [DocumentID] {
        let written = isFailing ? [] : waiting.prefix(count).map { apply($0.write) }
        waiting = []
        return written
    }
}

extension Document {
    /// The run whose files a record with this state names.
    func namedRun(_ outputToken: Int64?) -> Int64? { status == .complete ? outputToken : checkpoint?.run }
}
