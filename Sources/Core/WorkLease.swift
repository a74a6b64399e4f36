// Theory of operation
//
// A lease is the right to work on one document. It has a token, the run's number, which only grows: each lease of a
// document has a greater one than all before, over restarts too, because the newest is on record and the clock is its
// floor. Whatever a run brings (progress, checkpoints, its result) comes with its token, and only the newest counts;
// so a run that was given up, or comes late, changes nothing, and its files, which carry the token in their names, are
// cleared away. A lease is renewed by whoever supervises the run; one that is not renewed runs out, and the document
// waits for another.

/// Which run has the right to work on a document, and until when. A value: the time goes in, the answer comes out.
package struct WorkLease: Sendable, Equatable {
    package static let durationMilliseconds: Int64 = 30_000

    /// The newest run's number; once the document is complete, of the run that made its result.
    package private(set) var run: Int64?
    /// On the monotonic clock.
    package private(set) var endsMilliseconds: Int64 = 0

    /// Of a document whose newest run is this one, as its record says.
    package init(run: Int64? = nil) { self.run = run }

    /// Gives the right to a new run and answers its number: at least `floor`, and greater than any before.
    package mutating func take(atLeast floor: Int64, nowMilliseconds now: Int64) -> Int64 {
        let taken = max(floor, (run ?? 0) + 1)
        run = taken
        renew(nowMilliseconds: now)
        return taken
    }

    /// Whoever supervises the run is alive.
    package mutating func renew(nowMilliseconds now: Int64) { endsMilliseconds = now + Self.durationMilliseconds }

    package func hasRunOut(nowMilliseconds now: Int64) -> Bool { now >= endsMilliseconds }

    /// Whether what this run brings counts: no newer one has the document, and nobody has ended it.
    package func isHeld(by run: Int64, of document: Document) -> Bool {
        self.run == run && document.status == .processing
    }

    /// Whether what this run wrote is needed: it is under way, the next one goes on from it, or it is the result.
    package func needsOutput(of run: Int64, of document: Document) -> Bool {
        if document.checkpoint?.run == run { return true }
        return self.run == run && (document.status == .processing || document.status == .complete)
    }
}
