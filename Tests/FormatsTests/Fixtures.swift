import Compression
import Testing

@testable import Formats

/// An archive made entry by entry, with whatever lie a test asks for.
struct ZipFixture {
    struct Entry {
        var name: String
        var content: [UInt8]
        var isDeflated = true
        var flags: UInt16 = 0
        var method: UInt16?
        var checksum: UInt32?
        /// Where its local header is said to be; nil for the truth.
        var claimedOffset: UInt32?
        var claimedBytes: UInt32?
        /// Of what it unpacks to, in the ZIP64 field of the directory.
        var claimedWideBytes: UInt64?
    }

    var entries: [Entry] = []
    var prefix: [UInt8] = []
    var comment: [UInt8] = []
    var isWide = false

    init(_ parts: [(String, String)]) {
        entries = parts.map { Entry(name: $0.0, content: Array($0.1.utf8)) }
    }

    var bytes: [UInt8] {
        var out: [UInt8] = []
        var directory: [UInt8] = []
        for entry in entries {
            // The gzip form without its head of ten bytes and its trailer of eight is the deflated data itself.
            let gzip = GzipEncoder.encode(entry.content)
            let packed = entry.isDeflated ? Array(gzip.dropFirst(10).dropLast(8)) : entry.content
            let sum = entry.checksum ?? ArchiveInflater().checksum(0, entry.content)
            let method = entry.method ?? (entry.isDeflated ? 8 : 0)
            let offset = entry.claimedOffset ?? UInt32(out.count)
            let extra = entry.claimedWideBytes.map { little(1 as UInt16) + little(8 as UInt16) + little($0) } ?? []
            let claimed = extra.isEmpty ? entry.claimedBytes ?? UInt32(entry.content.count) : .max
            let shared =
                little(entry.flags) + little(method) + little(UInt32(0)) + little(sum) + little(UInt32(packed.count))
                + little(claimed) + little(UInt16(entry.name.utf8.count))
            out += little(0x0403_4b50 as UInt32) + little(20 as UInt16) + shared + little(0 as UInt16)
            out += entry.name.utf8
            out += packed
            directory += little(0x0201_4b50 as UInt32) + little(20 as UInt16) + little(20 as UInt16) + shared
            directory += little(UInt16(extra.count)) + [UInt8](repeating: 0, count: 10) + little(offset)
            directory += entry.name.utf8
            directory += extra
        }
        let start = UInt32(out.count)
        out += directory
        if isWide {
            let record = UInt64(out.count)
            out += little(0x0606_4b50 as UInt32) + little(44 as UInt64) + [UInt8](repeating: 0, count: 12)
            out += little(UInt64(entries.count)) + little(UInt64(entries.count))
            out += little(UInt64(directory.count)) + little(UInt64(start))
            out += little(0x0706_4b50 as UInt32) + little(0 as UInt32) + little(record) + little(1 as UInt32)
        }
        let count = isWide ? UInt16.max : UInt16(truncatingIfNeeded: entries.count)
        out += little(0x0605_4b50 as UInt32) + little(0 as UInt32) + little(count) + little(count)
        out += little(isWide ? UInt32.max : UInt32(directory.count)) + little(isWide ? UInt32.max : start)
        out += little(UInt16(comment.count)) + comment
        return prefix + out
    }
}

private func little(_ number: some FixedWidthInteger) -> [UInt8] {
    (0..<number.bitWidth / 8).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
}

extension ZipArchive {
    convenience init(_ bytes: [UInt8], limits: ArchiveLimits = .default) throws(FormatError) {
        try self.init(reading: bytes, limits: limits) { ArchiveInflater() }
    }

    func text(of name: String) throws(FormatError) -> String? {
        try contents(of: name).map { String(decoding: $0, as: UTF8.self) }
    }
}

enum Fixtures {
    static let wordType =
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    private static let relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"

    static func docx(_ body: String, parts: [(type: String, name: String, xml: String)] = []) -> ZipFixture {
        var relations = ""
        for (index, part) in parts.enumerated() {
            relations += "<Relationship Id=\"r\(index)\" Type=\"\(relation)/\(part.type)\" Target=\"\(part.name)\"/>"
        }
        return ZipFixture(
            [
                (
                    "[Content_Types].xml",
                    "<Types><Override PartName=\"/word/document.xml\" ContentType=\"\(wordType)\"/></Types>"
                ),
                (
                    "_rels/.rels",
                    "<Relationships><Relationship Id=\"r\" Type=\"\(relation)/officeDocument\""
                        + " Target=\"word/document.xml\"/></Relationships>"
                ),
                ("word/_rels/document.xml.rels", "<Relationships>\(relations)</Relationships>"),
                ("word/document.xml", "<w:document><w:body>\(body)</w:body></w:document>"),
            ] + parts.map { ("word/" + $0.name, $0.xml) })
    }

    static func odt(_ body: String, styles: String = "", manifest: String = "") -> ZipFixture {
        ZipFixture([
            ("mimetype", "application/vnd.oasis.opendocument.text"),
            (
                "content.xml",
                "<office:document-content><office:automatic-styles>\(styles)</office:automatic-styles>"
                    + "<office:body><office:text>\(body)</office:text></office:body></office:document-content>"
            ),
            ("META-INF/manifest.xml", "<manifest:manifest>\(manifest)</manifest:manifest>"),
        ])
    }

    static func epub(_ pages: [String], encryption: String? = nil) -> ZipFixture {
        let items = pages.indices.map {
            "<item id=\"i\($0)\" href=\"text/page%20\($0).xhtml\" media-type=\"application/xhtml+xml\"/>"
        }
        let spine = pages.indices.map { "<itemref idref=\"i\($0)\"/>" }
        var fixture = ZipFixture([
            ("mimetype", "application/epub+zip"),
            (
                "META-INF/container.xml",
                "<container><rootfiles><rootfile full-path=\"OPS/book.opf\"/></rootfiles></container>"
            ),
            (
                "OPS/book.opf",
                "<package><manifest>\(items.joined())<item id=\"img\" href=\"c.png\" media-type=\"image/png\"/></manifest>"
                    + "<spine>\(spine.joined())<itemref idref=\"img\"/></spine></package>"
            ),
        ])
        for (index, page) in pages.enumerated() {
            fixture.entries.append(
                ZipFixture.Entry(
                    name: "OPS/text/page \(index).xhtml",
                    content: Array("<html><head><title>T</title></head><body>\(page)</body></html>".utf8)))
        }
        if let encryption {
            fixture.entries.append(
                ZipFixture.Entry(name: "META-INF/encryption.xml", content: Array(encryption.utf8)))
        }
        return fixture
    }

    /// The whole text of a packed document.
    static func text(
        _ kind: PackedKind, _ fixture: ZipFixture, limits: ArchiveLimits = .default
    ) throws(FormatError) -> String {
        let document = try PackedDocument(kind, reading: fixture.bytes, limits: limits) { ArchiveInflater() }
        var text: [UInt8] = []
        while let piece = try document.next() { text += piece }
        #expect(document.unitsDone == document.unitsTotal)
        return String(decoding: text, as: UTF8.self)
    }
}

/// Ways to cut a stream; a decoder tells the same of each.
func everyWay(_ bytes: [UInt8]) -> [[[UInt8]]] {
    let middle = bytes.count / 2
    return [[bytes], bytes.map { [$0] }, [Array(bytes[..<middle]), Array(bytes[middle...])]]
        + (bytes.count < 400 ? bytes.indices.map { [Array(bytes[..<$0]), Array(bytes[$0...])] } : [])
}
