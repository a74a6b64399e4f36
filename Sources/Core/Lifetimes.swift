/// How long things are kept that nobody asks for. In milliseconds; nil: for good.
package struct Lifetimes: Sendable, Equatable {
    /// An upload to which nothing was added for so long expires: its bytes are removed, its document fails.
    package var uploadMilliseconds: Int64 = 24 * 60 * 60 * 1000
    /// A document leaves so long after its end, with all that was made of it.
    package var documentMilliseconds: Int64?
    /// What was made of a document leaves so long after its end; the document stays, with its own bytes.
    package var resultMilliseconds: Int64?

    package init() {}

    /// What leaves when its time is over.
    package enum Leaving: Sendable { case upload, document, result }

    /// What must happen next to a document although nobody asks, and when; nil: nothing, ever.
    package func next(_ document: Document) -> (leaving: Leaving, dueMilliseconds: Int64)? {
        let since = document.updatedAtMilliseconds
        switch document.status {
        case .uploading: return document.awaitsContent ? (.upload, since + uploadMilliseconds) : nil
        case .queued, .processing: return nil
        case .complete, .failed, .cancelled:
            let wholly = documentMilliseconds.map { (leaving: Leaving.document, dueMilliseconds: since + $0) }
            guard document.hasResult, let resultMilliseconds else { return wholly }
            let result = (leaving: Leaving.result, dueMilliseconds: since + resultMilliseconds)
            // With the document its result is gone as well.
            guard let wholly, wholly.dueMilliseconds <= result.dueMilliseconds else { return result }
            return wholly
        }
    }

    package func dueMilliseconds(_ document: Document) -> Int64? { next(document)?.dueMilliseconds }
}
