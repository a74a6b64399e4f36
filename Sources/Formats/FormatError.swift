/// Why no text, or no more text, can be had from a document. Each has one answer for whoever uploaded it.
package enum FormatError: Error, Sendable, Equatable {
    /// The bytes are not what they say they are; `reason` ends the sentence "The document cannot be read: …".
    case damaged(reason: String)
    case encrypted
    /// It unpacks to more than `bound` allows: a bomb, or as heavy as one.
    case expandsBeyond(ExpansionBound)
    /// Well made, but of a kind that is not read.
    case otherKind(found: String)
    /// The bytes could not be read from where they lie: the machine's trouble, not the document's.
    case sourceFailed(reason: String)
}

/// What a document may unpack to.
package enum ExpansionBound: Sendable, Equatable, CaseIterable {
    case entryBytes, archiveBytes, ratio
}

/// Bounds of what a packed document may hold and unpack to. None is near what word processors and e-book makers write.
package struct ArchiveLimits: Sendable, Equatable {
    /// Entries of the directory.
    package var entriesMax = 100_000
    /// The central directory itself, which is kept while the document is read.
    package var directoryBytesMax: Int64 = 16 << 20
    package var nameBytesMax = 1024
    /// One entry, unpacked.
    package var entryBytesMax: Int64 = 1 << 30
    /// All that is unpacked of one archive, however often.
    package var unpackedBytesMax: Int64 = 2 << 30
    /// An entry may be this many times as large as its packed form. Deflate can reach 1,032; documents stay below 100.
    package var ratioMax: Int64 = 250
    /// The ratio counts once so much was unpacked: small parts are all pattern.
    package var ratioFreeBytes: Int64 = 8 << 20
    /// A part that is read whole: relationships, package documents, manifests.
    package var indexBytesMax: Int64 = 16 << 20
    /// Entries of such a part that are kept: relationships, manifest items, pages of a spine.
    package var indexItemsMax = 100_000

    package init() {}

    package static let `default` = ArchiveLimits()
}

/// Bytes that lie still and can be read anywhere: a file behind its descriptor, or an array.
package protocol RandomAccessBytes {
    var byteCount: Int64 { get }
    /// Up to `count` bytes from `offset`; fewer only where the bytes end.
    func read(at offset: Int64, count: Int) throws(FormatError) -> [UInt8]
}

extension [UInt8]: RandomAccessBytes {
    package var byteCount: Int64 { Int64(count) }

    package func read(at offset: Int64, count: Int) throws(FormatError) -> [UInt8] {
        guard offset >= 0, offset < Int64(endIndex) else { return [] }
        return Array(self[Int(offset)..<Swift.min(endIndex, Int(offset) + count)])
    }
}

/// Unpacks deflated data (RFC 1951) and sums it up (CRC-32): zlib, passed in so that what uses it stays pure.
package protocol Inflating: AnyObject {
    /// Appends up to `bytesMax` bytes to `output`; with `input` empty, more of what was given before.
    /// `needsInput` says that more must come first, `ended` that the stream is whole.
    func inflate(_ input: [UInt8], bytesMax: Int, into output: inout [UInt8]) throws(FormatError) -> InflatingStep
    /// The CRC-32 of ISO 3309 as ZIP uses it, continued over `bytes`.
    func checksum(_ sum: UInt32, _ bytes: [UInt8]) -> UInt32
}

package enum InflatingStep: Sendable { case needsInput, hasMore, ended }
