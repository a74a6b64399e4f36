// Theory of operation
//
// A ZIP archive (PKWARE APPNOTE 6.3.10) is read from its end: the end record says where the central directory lies, and
// the directory alone says what there is. Local headers only tell where an entry's data begins. So two readers of one
// archive see the same entries, and what lies hidden between them is nobody's.
//
// Sizes are claims: nothing is allocated by them, and what comes out of an entry is counted as it comes. Entries that
// overlap are refused, because that is how one packed byte is made to unpack many times over.

/// One entry as the central directory tells it.
package struct ZipEntry: Sendable, Equatable {
    package enum Method: Sendable, Equatable {
        case stored, deflated
        case other(UInt16)
    }

    package var name: String
    package var method: Method
    package var isEncrypted: Bool
    package var checksum: UInt32
    package var packedBytes: Int64
    /// What it says that it unpacks to.
    package var claimedBytes: Int64
    /// Where its local header lies.
    package var headerOffset: Int64
}

/// An archive's central directory.
package struct ZipDirectory: Sendable {
    /// In the order of the directory.
    package private(set) var entries: [ZipEntry] = []
    private var indexes: [String: Int] = [:]

    /// The entry of that name; the last one where a name stands twice, as others read it.
    package subscript(name name: String) -> ZipEntry? { indexes[name].map { entries[$0] } }

    package init(reading source: any RandomAccessBytes, limits: ArchiveLimits = .default) throws(FormatError) {
        let end = try ZipEnd(reading: source)
        guard end.directoryBytes <= limits.directoryBytesMax, end.entryCount <= Int64(limits.entriesMax) else {
            throw .damaged(reason: "it holds more than \(limits.entriesMax) files")
        }
        let bytes = try source.read(at: end.directoryOffset, count: Int(end.directoryBytes))
        guard bytes.count == Int(end.directoryBytes) else { throw Self.cutShort }
        var position = 0
        // APPNOTE 4.4.22 counts modulo 2¹⁶ where there is no ZIP64: the directory's bytes are what decides.
        while position + ZipEntry.centralHeaderBytes <= bytes.count {
            guard bytes.number32(at: position) == ZipEntry.centralSignature else { break }
            guard entries.count < limits.entriesMax else {
                throw .damaged(reason: "it holds more than \(limits.entriesMax) files")
            }
            let (entry, next) = try ZipEntry.parse(bytes, at: position, shift: end.shiftBytes, limits: limits)
            indexes[entry.name] = entries.count
            entries.append(entry)
            position = next
        }
        guard Int64(entries.count) & 0xffff == end.entryCount & 0xffff else { throw Self.cutShort }
        try checkOverlap(before: end.directoryOffset)
    }

    static let cutShort = FormatError.damaged(reason: "the end of the archive is missing or damaged")

    private func checkOverlap(before directoryOffset: Int64) throws(FormatError) {
        var dataEnd: Int64 = 0
        for entry in entries.sorted(by: { $0.headerOffset < $1.headerOffset }) {
            guard entry.headerOffset >= dataEnd else { throw .damaged(reason: "files in the archive overlap") }
            let start = entry.headerOffset.addingReportingOverflow(Int64(ZipEntry.localHeaderBytes))
            let (end, isTooLarge) = start.partialValue.addingReportingOverflow(entry.packedBytes)
            guard !start.overflow, !isTooLarge, end <= directoryOffset else { throw Self.cutShort }
            dataEnd = end
        }
    }
}

extension ZipEntry {
    fileprivate static let centralSignature: UInt32 = 0x0201_4b50
    fileprivate static let centralHeaderBytes = 46
    static let localSignature: UInt32 = 0x0403_4b50
    static let localHeaderBytes = 30

    /// The entry whose central header (APPNOTE 4.3.12) begins at `position`, and where the next one does.
    fileprivate static func parse(
        _ bytes: [UInt8], at position: Int, shift: Int64, limits: ArchiveLimits
    ) throws(FormatError) -> (ZipEntry, next: Int) {
        let nameBytes = Int(bytes.number16(at: position + 28))
        let extraBytes = Int(bytes.number16(at: position + 30))
        let nameStart = position + centralHeaderBytes
        let next = nameStart + nameBytes + extraBytes + Int(bytes.number16(at: position + 32))
        guard next <= bytes.count else { throw ZipDirectory.cutShort }
        guard nameBytes <= limits.nameBytesMax else {
            throw .damaged(reason: "a file's name in it is longer than \(limits.nameBytesMax) bytes")
        }
        var extra = Zip64Extra(bytes[(nameStart + nameBytes)..<(nameStart + nameBytes + extraBytes)])
        // APPNOTE 4.5.3: only what is all ones stands in the extra field, in this order.
        let claimed = try extra.value(bytes.number32(at: position + 24))
        let packed = try extra.value(bytes.number32(at: position + 20))
        let offset = try extra.value(bytes.number32(at: position + 42))
        guard offset <= Int64.max - shift else { throw ZipDirectory.cutShort }
        let flags = bytes.number16(at: position + 8)
        let method: Method =
            switch bytes.number16(at: position + 10) {
            case 0: .stored
            case 8: .deflated
            case let other: .other(other)
            }
        return (
            ZipEntry(
                name: String(decoding: bytes[nameStart..<(nameStart + nameBytes)], as: UTF8.self), method: method,
                // APPNOTE 4.4.4: bit 0 encrypted, bit 6 strongly so, bit 13 with a masked directory.
                isEncrypted: flags & 0x2041 != 0, checksum: bytes.number32(at: position + 16), packedBytes: packed,
                claimedBytes: claimed, headerOffset: offset + shift),
            next
        )
    }
}

/// The ZIP64 extended information of one entry (APPNOTE 4.5.3).
private struct Zip64Extra {
    private var values: ArraySlice<UInt8> = []

    init(_ extra: ArraySlice<UInt8>) {
        let bytes = Array(extra)
        var position = 0
        while position + 4 <= bytes.count {
            let end = position + 4 + Int(bytes.number16(at: position + 2))
            guard end <= bytes.count else { return }
            if bytes.number16(at: position) == 1 { values = bytes[(position + 4)..<end] }
            position = end
        }
    }

    mutating func value(_ narrow: UInt32) throws(FormatError) -> Int64 {
        guard narrow == .max else { return Int64(narrow) }
        // Without the field it is what it is: exactly 4 GiB − 1.
        guard values.count >= 8 else { return Int64(narrow) }
        let wide = Array(values.prefix(8)).number64(at: 0)
        values = values.dropFirst(8)
        guard let value = Int64(exactly: wide) else { throw ZipDirectory.cutShort }
        return value
    }
}

/// The end of central directory record (APPNOTE 4.3.16) and its ZIP64 form (4.3.14, 4.3.15).
private struct ZipEnd {
    var entryCount: Int64
    var directoryBytes: Int64
    var directoryOffset: Int64
    /// What stands before the archive, such as a self-extractor: offsets count from behind it.
    var shiftBytes: Int64

    private static let recordBytes = 22
    private static let commentBytesMax = 0xffff
    private static let locatorBytes = 20
    private static let wideRecordBytes = 56

    init(reading source: any RandomAccessBytes) throws(FormatError) {
        let tailStart = max(0, source.byteCount - Int64(Self.recordBytes + Self.commentBytesMax))
        let tail = try source.read(at: tailStart, count: Int(source.byteCount - tailStart))
        // The last one whose comment fits: a comment may itself hold the signature.
        guard
            let position = stride(from: tail.count - Self.recordBytes, through: 0, by: -1).first(where: {
                tail.number32(at: $0) == 0x0605_4b50
                    && $0 + Self.recordBytes + Int(tail.number16(at: $0 + 20)) <= tail.count
            })
        else { throw ZipDirectory.cutShort }
        entryCount = Int64(tail.number16(at: position + 10))
        directoryBytes = Int64(tail.number32(at: position + 12))
        directoryOffset = Int64(tail.number32(at: position + 16))
        var directoryEnd = tailStart + Int64(position)
        if entryCount == 0xffff || directoryBytes == 0xffff_ffff || directoryOffset == 0xffff_ffff,
            let record = try Self.wideRecord(source, locatorEnd: directoryEnd)
        {
            guard let count = Int64(exactly: record.bytes.number64(at: 32)),
                let bytes = Int64(exactly: record.bytes.number64(at: 40)),
                let offset = Int64(exactly: record.bytes.number64(at: 48))
            else { throw ZipDirectory.cutShort }
            (entryCount, directoryBytes, directoryOffset) = (count, bytes, offset)
            directoryEnd = record.offset
        }
        guard directoryBytes <= directoryEnd else { throw ZipDirectory.cutShort }
        shiftBytes = directoryEnd - directoryBytes - directoryOffset
        guard shiftBytes >= 0 else { throw ZipDirectory.cutShort }
        directoryOffset += shiftBytes
    }

    private static func wideRecord(
        _ source: any RandomAccessBytes, locatorEnd: Int64
    ) throws(FormatError) -> (bytes: [UInt8], offset: Int64)? {
        guard locatorEnd >= Int64(locatorBytes) else { return nil }
        let locator = try source.read(at: locatorEnd - Int64(locatorBytes), count: locatorBytes)
        guard locator.count == locatorBytes, locator.number32(at: 0) == 0x0706_4b50,
            let offset = Int64(exactly: locator.number64(at: 8)), offset < locatorEnd
        else { return nil }
        // Where bytes stand in front of the archive it lies right before its locator, whatever that says.
        for place in [offset, locatorEnd - Int64(locatorBytes + wideRecordBytes)] {
            let record = try source.read(at: place, count: wideRecordBytes)
            if record.count == wideRecordBytes, record.number32(at: 0) == 0x0606_4b50 { return (record, place) }
        }
        throw ZipDirectory.cutShort
    }
}

extension [UInt8] {
    /// Little endian (APPNOTE 4.4.1.1), as all numbers of an archive.
    func number16(at position: Int) -> UInt16 { UInt16(self[position]) | UInt16(self[position + 1]) << 8 }

    func number32(at position: Int) -> UInt32 {
        UInt32(number16(at: position)) | UInt32(number16(at: position + 2)) << 16
    }

    func number64(at position: Int) -> UInt64 {
        UInt64(number32(at: position)) | UInt64(number32(at: position + 4)) << 32
    }
}
