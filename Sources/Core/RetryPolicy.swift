import JSON

/// What is known of a document's runs that failed since the last that got further.
package struct FailedRuns: Sendable, Equatable {
    /// Runs that failed without a new page on record.
    package var count = 0
    /// Runs that failed, whether they got further or not: how long the next one waits.
    package var inARow = 0
    /// Where the last one died: units that it had read.
    package var lastUnits: Int64?
    /// The checkpoint's units and chunks at the last failure.
    package var checkpointUnits: Int64 = 0
    package var checkpointChunks: Int64 = 0

    package init() {}

    package func encode(into writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("count"); writer.integer(Int64(count))
        writer.key("in_a_row"); writer.integer(Int64(inARow))
        writer.key("last_units"); writer.optional(lastUnits)
        writer.key("checkpoint_units"); writer.integer(checkpointUnits)
        writer.key("checkpoint_chunks"); writer.integer(checkpointChunks)
        writer.endObject()
    }

    package init(_ value: JSONValue?) {
        count = Int(value?["count"]?.integerValue ?? 0)
        inARow = Int(value?["in_a_row"]?.integerValue ?? 0)
        lastUnits = value?["last_units"]?.integerValue
        checkpointUnits = value?["checkpoint_units"]?.integerValue ?? 0
        checkpointChunks = value?["checkpoint_chunks"]?.integerValue ?? 0
    }
}

/// Whether a document whose run failed runs again by itself, and when.
///
/// Again runs what may well succeed: a process that was killed or crashed, a disk that refused. What would fail the
/// same way (a damaged file, a limit that was hit) ends at once, and a person may retry it. A failed run counts as an
/// attempt only if no new page was on record since the one before; so a long document that gets on is never given up.
/// Two deaths at the same page are poison: it is given up, and the page is told. The server's own end is no failure;
/// but a document that is at work each time the server dies, and never gets further, is set aside, because a server
/// that dies of it at every start helps nobody.
package struct RetryPolicy: Sendable, Equatable {
    package static let attemptsMaxDefault = 3
    package static let waitMillisecondsDefault: Int64 = 2000
    package static let waitMillisecondsMax: Int64 = 5 * 60 * 1000
    /// Deaths of the server in a row that meet a document at work, with nothing new of it on record between.
    package static let serverDeathsMax = 5

    package var attemptsMax: Int
    /// Before the second run; twice as long before each further one.
    package var waitMilliseconds: Int64

    package init(attemptsMax: Int = attemptsMaxDefault, waitMilliseconds: Int64 = waitMillisecondsDefault) {
        self.attemptsMax = attemptsMax
        self.waitMilliseconds = waitMilliseconds
    }

    package enum Decision: Sendable, Equatable {
        case again(afterMilliseconds: Int64)
        case giveUp(DocumentError)
    }

    /// Takes one failure into `failed` and decides. `pages`: how many had been read when it died; nil where there are
    /// none. `jitter`: 0 to 1, drawn anew for each.
    package func decide(
        _ error: DocumentError, pages: Int64?, checkpoint: Checkpoint?, failed: inout FailedRuns, jitter: Double
    ) -> Decision {
        let (checkpointUnits, checkpointChunks) = (checkpoint?.units ?? 0, checkpoint?.chunks ?? 0)
        if (checkpointUnits, checkpointChunks) > (failed.checkpointUnits, failed.checkpointChunks) { failed.count = 0 }
        (failed.checkpointUnits, failed.checkpointChunks) = (checkpointUnits, checkpointChunks)
        let diedThere = pages != nil && failed.lastUnits == pages && failed.inARow > 0
        failed.lastUnits = pages
        failed.count += 1
        failed.inARow += 1
        guard error.isTransient else { return .giveUp(error) }
        if error.isDeath, diedThere, let pages {
            return .giveUp(
                error.saying("It happened twice at page \(pages + 1), so the document is not tried again by itself."))
        }
        guard failed.count < attemptsMax else {
            return .giveUp(attemptsMax > 1 ? error.saying("It was tried \(failed.count) times.") : error)
        }
        return .again(afterMilliseconds: wait(beforeRun: failed.inARow, jitter: jitter))
    }

    /// What becomes of a document that was at work when the server died. `deaths` is which one in a row this was.
    /// After the first it runs at once. After more it waits, each a different time: of those that were at work together
    /// one alone may be to blame, and the others get on in the meantime.
    package func afterServerDeath(_ deaths: Int, jitter: Double) -> Decision {
        guard deaths < Self.serverDeathsMax else {
            return .giveUp(
                DocumentError(
                    .crashed,
                    "The server itself ended \(deaths) times in a row while it worked on this document, which got no "
                        + "further in between, so it is set aside. Look at the server's log for the reason, then try "
                        + "again."))
        }
        return .again(afterMilliseconds: deaths > 1 ? wait(beforeRun: deaths - 1, jitter: jitter) : 0)
    }

    /// `waitMilliseconds` × 2ⁿ, of which the upper half is drawn: many that failed together do not come back together.
    package func wait(beforeRun failures: Int, jitter: Double) -> Int64 {
        let exponent = min(max(failures - 1, 0), 16)
        let whole = min(waitMilliseconds << Int64(exponent), Self.waitMillisecondsMax)
        return whole / 2 + Int64(Double(whole / 2) * min(max(jitter, 0), 1))
    }
}

extension DocumentError {
    /// The machine's trouble or an accident, not the document's: another run may well succeed.
    package var isTransient: Bool {
        switch Code(rawValue: code) {
        case .crashed, .storageFull, .storageFailed, .embeddingFailed: true
        default: false
        }
    }

    /// A process died over the document.
    package var isDeath: Bool { code == Code.crashed.rawValue }

    func saying(_ words: String) -> DocumentError {
        DocumentError(recordedCode: code, detail: detail + " " + words, isRetryable: isRetryable)
    }
}
