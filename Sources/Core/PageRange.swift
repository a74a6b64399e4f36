/// Pages that one extractor reads. A long document is read by several at once; their texts, one behind the other, are
/// the text that one alone would have given.
package struct PageRange: Sendable, Equatable {
    /// From 1.
    package var first: Int64
    /// Nil: to the document's end, wherever that is.
    package var last: Int64?

    package init(first: Int64, last: Int64?) {
        self.first = first
        self.last = last
    }

    /// No range is shorter: each extractor opens the document anew, and reads again what its pages share.
    package static let pagesMin: Int64 = 500
    /// Ranges for each core. Two would let the worker keep up better, and cost more than that gains: 1.16 times the CPU
    /// time of one extractor instead of 1.03, for 2,400 pages.
    package static let rangesPerCore: Int64 = 1

    /// What the worker does with a page's text, of the time that reading the page takes. While it keeps up with the
    /// first range it takes some of that range's core: a shorter one lets all end at about the same time.
    package static let workerPercent: Int64 = 20

    /// A document that claims more pages than this leaves room for is lying.
    package static let bytesPerPageMin: Int64 = 32

    /// How the pages behind the first `done` are read with so many cores. `total` is what the document claims; the last
    /// range ends where the document does. One range where the total is unknown or small.
    package static func plan(total: Int64?, bytes: Int64, done: Int64, cores: Int) -> [PageRange] {
        guard let total, total <= bytes / bytesPerPageMin else { return [PageRange(first: done + 1, last: nil)] }
        let rest = total - done
        let count = min(rest / pagesMin, Int64(cores) * rangesPerCore)
        guard cores > 1, count > 1 else { return [PageRange(first: done + 1, last: nil)] }
        let worker = rest * workerPercent / 100
        let first = max(pagesMin, (rest + worker) / count - worker)
        let others = rest - first
        return (0..<count).map { index in
            PageRange(
                first: index == 0 ? done + 1 : done + first + others * (index - 1) / (count - 1) + 1,
                last: index == count - 1 ? nil : done + first + others * index / (count - 1))
        }
    }
}
