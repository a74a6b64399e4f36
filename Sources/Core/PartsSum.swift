/// What parts come to when they are put together, as far as it is known.
package struct PartsSum: Sendable, Equatable {
    package struct Part: Sendable {
        package var id: DocumentID
        /// Nil: not said yet.
        package var length: Int64?
        package var acknowledgedBytes: Int64

        package init(id: DocumentID, length: Int64?, acknowledgedBytes: Int64) {
            self.id = id
            self.length = length
            self.acknowledgedBytes = acknowledgedBytes
        }
    }

    /// At least so many. Lengths are a client's word: their sum stays at the largest number instead of passing it.
    package private(set) var bytes: Int64 = 0
    /// Of those, what came once. A part that is named again adds its bytes without sending them.
    package private(set) var sentBytes: Int64 = 0
    /// The lengths of all parts are known: it will be exactly so many.
    package private(set) var isKnown = true

    package init(_ parts: [Part]) {
        var seen: Set<DocumentID> = []
        for part in parts {
            let length = part.length ?? part.acknowledgedBytes
            if part.length == nil { isKnown = false }
            bytes = Self.sum(bytes, length)
            if seen.insert(part.id).inserted { sentBytes = Self.sum(sentBytes, length) }
        }
    }

    private static func sum(_ one: Int64, _ other: Int64) -> Int64 {
        let (sum, isOverflowing) = one.addingReportingOverflow(other)
        return isOverflowing ? .max : sum
    }
}
