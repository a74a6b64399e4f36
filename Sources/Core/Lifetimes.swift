/// How long things are kept that nobody asks for. In milliseconds; nil: for good.
package struct Lifetimes: Sendable, Equatable {
    /// An upload to which nothing was added for so long expires: its bytes are removed, its document fails.
    package var uploadMilliseconds: Int64 = 24 * 60 * 60 * 1000
    /// A document leaves so long after its end, with all that was made of it.
    package var documentMilliseconds: Int64?

    package init() {}

    /// When something must happen to a document although nobody asks.
    package func dueMilliseconds(_ document: Document) -> Int64? {
        switch document.status {
        case .uploading: document.awaitsContent ? document.updatedAtMilliseconds + uploadMilliseconds : nil
        case .queued, .processing: nil
        case .complete, .failed, .cancelled: documentMilliseconds.map { document.updatedAtMilliseconds + $0 }
        }
    }
}
