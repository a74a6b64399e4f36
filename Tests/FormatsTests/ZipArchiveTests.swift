import Compression
import Testing

@testable import Formats

@Suite("ZIP archives")
struct ZipArchiveTests {
    private let parts = [("a.xml", "first"), ("folder/b.xml", String(repeating: "second ", count: 5000))]

    private func failure(_ fixture: ZipFixture, limits: ArchiveLimits = .default) -> FormatError? {
        failure(fixture.bytes, limits: limits)
    }

    /// Why one of the entries cannot be had; nil when all can.
    private func failure(_ bytes: [UInt8], limits: ArchiveLimits = .default) -> FormatError? {
        do throws(FormatError) {
            let archive = try ZipArchive(bytes, limits: limits)
            for entry in archive.directory.entries { _ = try archive.contents(of: entry.name) }
            return nil
        } catch {
            return error
        }
    }

    @Test("entries are read as they were stored or deflated", arguments: [true, false])
    func reads(isDeflated: Bool) throws {
        var fixture = ZipFixture(parts)
        for index in fixture.entries.indices { fixture.entries[index].isDeflated = isDeflated }
        let archive = try ZipArchive(fixture.bytes)
        #expect(archive.directory.entries.map(\.name) == parts.map(\.0))
        for part in parts { #expect(try archive.text(of: part.0) == part.1) }
        #expect(try archive.text(of: "nothing") == nil)
    }

    @Test("a comment, bytes in front, ZIP64 and an empty entry change nothing")
    func forms() throws {
        var fixture = ZipFixture(parts + [("empty", "")])
        fixture.comment = Array("a comment with PK\u{5}\u{6} in it".utf8)
        fixture.prefix = Array("#!/bin/sh\n".utf8)
        for isWide in [false, true] {
            fixture.isWide = isWide
            let archive = try ZipArchive(fixture.bytes)
            for part in parts + [("empty", "")] { #expect(try archive.text(of: part.0) == part.1) }
        }
    }

    @Test("what is cut anywhere is damaged, and never more than that")
    func cut() {
        let bytes = ZipFixture([("a", "text"), ("b", "more text")]).bytes
        for count in bytes.indices {
            guard case .damaged = failure(Array(bytes[..<count])) else {
                Issue.record("cut at \(count): \(String(describing: failure(Array(bytes[..<count]))))")
                continue
            }
        }
    }

    @Test("whatever byte is changed, the answer is text or a named failure")
    func flipped() {
        let bytes = ZipFixture([("a", "text"), ("b", "more text")]).bytes
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 1 << (index % 8)
            _ = failure(changed)
        }
    }

    @Test("an encrypted entry is a password's, another method is damage")
    func refusedEntries() {
        var fixture = ZipFixture(parts)
        fixture.entries[0].flags = 1
        #expect(failure(fixture) == .encrypted)
        fixture.entries[0].flags = 0
        fixture.entries[0].method = 14
        guard case .damaged = failure(fixture) else {
            Issue.record("LZMA is not read")
            return
        }
    }

    @Test("a wrong checksum is found out, a wrong size is not believed")
    func lies() throws {
        var fixture = ZipFixture(parts)
        fixture.entries[1].claimedBytes = 0xffff_fff0
        #expect(failure(fixture) == nil)
        fixture.entries[1].checksum = 1
        guard case .damaged = failure(fixture) else {
            Issue.record("the checksum is wrong")
            return
        }
    }

    @Test("entries that overlap are refused: one packed byte is not unpacked twice")
    func overlap() {
        var fixture = ZipFixture(parts)
        fixture.entries[1].claimedOffset = 10
        guard case .damaged(let reason) = failure(fixture) else {
            Issue.record("it was taken")
            return
        }
        #expect(reason.contains("overlap"))
    }

    @Test("bounds of the directory: entries, its bytes, a name's bytes")
    func directoryBounds() {
        let fixture = ZipFixture(parts)
        var limits = ArchiveLimits()
        (limits.entriesMax, limits.nameBytesMax) = (2, 12)
        #expect(failure(fixture, limits: limits) == nil)
        limits.entriesMax = 1
        #expect(failure(fixture, limits: limits) == .damaged(reason: "it holds more than 1 files"))
        limits = ArchiveLimits()
        limits.directoryBytesMax = 100
        #expect(failure(fixture, limits: limits) != nil)
        limits = ArchiveLimits()
        limits.nameBytesMax = 11
        #expect(failure(fixture, limits: limits) != nil)
    }

    @Test("bounds of what is unpacked: an entry, the archive, the ratio")
    func expansionBounds() throws {
        let content = String(repeating: "0", count: 1 << 20)
        let fixture = ZipFixture([("a", content), ("b", content)])
        #expect(failure(fixture) == nil)
        var limits = ArchiveLimits()
        limits.entryBytesMax = 1 << 20
        #expect(failure(fixture, limits: limits) == nil)
        limits.entryBytesMax -= 1
        #expect(failure(fixture, limits: limits) == .expandsBeyond(.entryBytes))
        limits = ArchiveLimits()
        limits.unpackedBytesMax = 2 << 20
        #expect(failure(fixture, limits: limits) == nil)
        limits.unpackedBytesMax -= 1
        #expect(failure(fixture, limits: limits) == .expandsBeyond(.archiveBytes))
        limits = ArchiveLimits()
        limits.ratioFreeBytes = 1 << 19
        #expect(failure(fixture, limits: limits) == .expandsBeyond(.ratio))
        limits.ratioMax = 1100
        #expect(failure(fixture, limits: limits) == nil)
        limits.indexBytesMax = 1 << 19
        #expect(failure(fixture, limits: limits) == .expandsBeyond(.entryBytes))
    }
}
