/// An archive whose entries can be unpacked piece by piece, within its limits.
package final class ZipArchive {
    package let directory: ZipDirectory
    let limits: ArchiveLimits
    fileprivate let source: any RandomAccessBytes
    fileprivate let makeInflater: () -> any Inflating
    /// Of all entries that were opened, so that no order of reading gets around the bound.
    fileprivate var unpackedBytes: Int64 = 0

    package init(
        reading source: any RandomAccessBytes, limits: ArchiveLimits = .default,
        inflater: @escaping () -> any Inflating
    ) throws(FormatError) {
        self.source = source
        self.limits = limits
        makeInflater = inflater
        directory = try ZipDirectory(reading: source, limits: limits)
    }

    package func open(_ entry: ZipEntry) throws(FormatError) -> ZipEntryReader {
        try ZipEntryReader(entry, of: self)
    }

    /// What an entry says that it unpacks to, up to what it may.
    func unpackedBytes(of entry: ZipEntry?) -> Int64 { min(entry?.claimedBytes ?? 0, limits.entryBytesMax) }

    /// The whole of a part that is small by its nature; nil where there is none of that name.
    package func contents(of name: String) throws(FormatError) -> [UInt8]? {
        guard let entry = directory[name: name] else { return nil }
        let reader = try open(entry)
        var bytes: [UInt8] = []
        while let piece = try reader.next() {
            bytes += piece
            guard bytes.count <= limits.indexBytesMax else { throw .expandsBeyond(.entryBytes) }
        }
        return bytes
    }
}

/// One entry's bytes as they are unpacked.
package final class ZipEntryReader {
    private static let readBytes = 32 * 1024
    private static let pieceBytes = 64 * 1024

    private let entry: ZipEntry
    private let archive: ZipArchive
    private let inflater: any Inflating
    private var offset: Int64
    private var packedLeft: Int64
    private var needsInput = true
    private var checksum: UInt32 = 0
    private var isOver = false
    private var output: [UInt8] = []
    package private(set) var unpackedBytes: Int64 = 0

    fileprivate init(_ entry: ZipEntry, of archive: ZipArchive) throws(FormatError) {
        if entry.isEncrypted { throw .encrypted }
        if case .other(let method) = entry.method {
            throw .damaged(reason: "a part is packed by method \(method), which documents do not use")
        }
        let header = try archive.source.read(at: entry.headerOffset, count: ZipEntry.localHeaderBytes)
        guard header.count == ZipEntry.localHeaderBytes, header.number32(at: 0) == ZipEntry.localSignature else {
            throw .damaged(reason: "a part is not where the archive says")
        }
        // APPNOTE 4.3.7: the local header has a name and an extra field of its own before the data.
        offset =
            entry.headerOffset
            + Int64(ZipEntry.localHeaderBytes + Int(header.number16(at: 26)) + Int(header.number16(at: 28)))
        packedLeft = entry.packedBytes
        self.entry = entry
        self.archive = archive
        inflater = archive.makeInflater()
    }

    /// The next bytes, 64 KiB at most; nil once the entry is whole and its checksum is right.
    package func next() throws(FormatError) -> [UInt8]? {
        output.removeAll(keepingCapacity: true)
        if isOver { return nil }
        while !isOver, output.isEmpty { try step() }
        checksum = inflater.checksum(checksum, output)
        try count(Int64(output.count))
        if isOver, checksum != entry.checksum { throw .damaged(reason: "a part's checksum is wrong") }
        return output.isEmpty ? nil : output
    }

    private func step() throws(FormatError) {
        var input: [UInt8] = []
        if needsInput {
            let wanted = Int(min(Int64(Self.readBytes), packedLeft))
            input = wanted > 0 ? try archive.source.read(at: offset, count: wanted) : []
            guard input.count == wanted else { throw .damaged(reason: "a part is cut off") }
            offset += Int64(wanted)
            packedLeft -= Int64(wanted)
        }
        if entry.method == .stored {
            output = input
            isOver = packedLeft == 0
            return
        }
        if needsInput, input.isEmpty { throw .damaged(reason: "a part is cut off") }
        switch try inflater.inflate(input, bytesMax: Self.pieceBytes, into: &output) {
        case .needsInput: needsInput = true
        case .hasMore: needsInput = false
        case .ended: isOver = true
        }
    }

    private func count(_ bytes: Int64) throws(FormatError) {
        let limits = archive.limits
        unpackedBytes += bytes
        archive.unpackedBytes += bytes
        if unpackedBytes > limits.entryBytesMax { throw .expandsBeyond(.entryBytes) }
        if archive.unpackedBytes > limits.unpackedBytesMax { throw .expandsBeyond(.archiveBytes) }
        // What was read so far is what made it: the packed size of the directory could claim more than there is.
        let packed = max(1, entry.packedBytes - packedLeft)
        if unpackedBytes > limits.ratioFreeBytes, unpackedBytes / packed > limits.ratioMax {
            throw .expandsBeyond(.ratio)
        }
    }
}
