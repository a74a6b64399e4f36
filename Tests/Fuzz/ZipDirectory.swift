import Compression
import Formats

// Input: an archive. Its entries are unpacked, and it is read as each kind of packed document.

/// Bounds so near that inputs of a few hundred octets reach each of them.
private let tight: ArchiveLimits = {
    var limits = ArchiveLimits()
    (limits.entriesMax, limits.nameBytesMax, limits.directoryBytesMax) = (3, 20, 400)
    (limits.entryBytesMax, limits.unpackedBytesMax, limits.ratioMax, limits.ratioFreeBytes) = (4096, 6000, 4, 1024)
    (limits.indexBytesMax, limits.indexItemsMax) = (2048, 8)
    return limits
}()

func check(_ input: [UInt8]) {
    for limits in [.default, tight] as [ArchiveLimits] {
        do throws(FormatError) {
            try checkEntries(ZipArchive(reading: input, limits: limits) { ArchiveInflater() }, limits)
        } catch {
            checkError(error)
        }
        for kind in [PackedKind.docx, .odt, .epub] {
            let first = text(kind, input, limits)
            Oracle.demand(first == text(kind, input, limits), "the same bytes give the same text", first)
            if case .failure(let error) = first { checkError(error) }
        }
    }
}

private func checkEntries(_ archive: ZipArchive, _ limits: ArchiveLimits) throws(FormatError) {
    let entries = archive.directory.entries
    Oracle.demand(entries.count <= limits.entriesMax, "the bound of entries holds", entries)
    let packed = entries.reduce(0) { $0 + $1.packedBytes }
    Oracle.demand(packed <= Int64.max / 2, "sizes do not wrap around", entries)
    for entry in entries {
        do throws(FormatError) {
            let reader = try archive.open(entry)
            while let piece = try reader.next() {
                Oracle.demand(!piece.isEmpty && piece.count <= 64 * 1024, "a piece is never large", piece.count)
            }
            Oracle.demand(reader.unpackedBytes <= limits.entryBytesMax, "the bound of an entry holds", entry)
        } catch {
            checkError(error)
        }
    }
}

private func text(_ kind: PackedKind, _ input: [UInt8], _ limits: ArchiveLimits) -> Result<[UInt8], FormatError> {
    do throws(FormatError) {
        let document = try PackedDocument(kind, reading: input, limits: limits) { ArchiveInflater() }
        var text: [UInt8] = []
        while let piece = try document.next() { text += piece }
        return .success(text)
    } catch {
        return .failure(error)
    }
}

private func checkError(_ error: FormatError) {
    if case .sourceFailed = error { Oracle.demand(false, "bytes in memory can always be read", error) }
}
