import Compression
import Testing

@testable import Formats

@Suite("DOCX, ODT and EPUB")
struct PackedDocumentTests {
    private static func paragraph(_ text: String) -> String { "<w:p><w:r><w:t>\(text)</w:t></w:r></w:p>" }

    private func docx(_ body: String, parts: [(type: String, name: String, xml: String)] = []) throws -> String {
        try Fixtures.text(.docx, Fixtures.docx(body, parts: parts))
    }

    // MARK: DOCX

    @Test(
        "paragraphs, breaks and tables of WordprocessingML",
        arguments: [
            (paragraph("a") + paragraph("b"), "a\n\nb"),
            ("<w:p><w:r><w:t>a</w:t><w:tab/><w:t>b</w:t></w:r></w:p>", "a\tb"),
            ("<w:p><w:r><w:t>a</w:t><w:br/><w:t>b</w:t><w:cr/><w:t>c</w:t></w:r></w:p>", "a\nb\nc"),
            ("<w:p><w:r><w:t xml:space='preserve'>a </w:t></w:r><w:r><w:t> b</w:t></w:r></w:p>", "a b"),
            (
                "<w:p><w:r><w:t>a</w:t><w:noBreakHyphen/><w:t>b</w:t><w:softHyphen/><w:t>c</w:t></w:r></w:p>",
                "a\u{2011}bc"
            ),
            (
                "<w:p><w:pPr><w:numPr/></w:pPr><w:r><w:t>a</w:t></w:r></w:p>"
                    + "<w:p><w:pPr><w:numPr/></w:pPr><w:r><w:t>b</w:t></w:r></w:p>\(paragraph("c"))", "a\nb\n\nc"
            ),
            (
                "<w:tbl><w:tr><w:tc>\(paragraph("a"))</w:tc><w:tc>\(paragraph("b"))\(paragraph("c"))</w:tc></w:tr>"
                    + "<w:tr><w:tc><w:p/></w:tc><w:tc>\(paragraph("d"))</w:tc></w:tr></w:tbl>\(paragraph("e"))",
                "a\tb\nc\n\td\n\ne"
            ),
            ("<w:p><w:pPr><w:tabs><w:tab w:val='left'/></w:tabs></w:pPr><w:r><w:t>a</w:t></w:r></w:p>", "a"),
            (
                "<w:p><w:del><w:r><w:delText>x</w:delText><w:tab/></w:r></w:del><w:ins><w:r><w:t>a</w:t></w:r></w:ins></w:p>",
                "a"
            ),
            (
                "<w:p><w:moveFrom><w:r><w:t>x</w:t></w:r></w:moveFrom><w:r><w:instrText>X</w:instrText><w:t>a</w:t></w:r></w:p>",
                "a"
            ),
            (
                "<w:p><w:r><mc:AlternateContent><mc:Choice><w:drawing><wp:posOffset>7</wp:posOffset><w:txbxContent>"
                    + "\(paragraph("box"))</w:txbxContent></w:drawing></mc:Choice><mc:Fallback>\(paragraph("box"))</mc:Fallback>"
                    + "</mc:AlternateContent></w:r><w:r><w:t>a</w:t></w:r></w:p>", "box\n\na"
            ),
            ("<ns0:p><ns0:r><ns0:sym ns0:char='F0B7'/><ns0:sym ns0:char='2022'/></ns0:r></ns0:p>", "•"),
        ])
    func word(body: String, expected: String) throws { #expect(try docx(body) == expected, "\(body)") }

    @Test(
        "a page ends once where author and word processor say so",
        arguments: [
            (
                "<w:p><w:r><w:t>a</w:t><w:br w:type='page'/></w:r></w:p><w:p><w:r><w:lastRenderedPageBreak/><w:t>b</w:t></w:r></w:p>",
                "a\u{c}b"
            ),
            ("<w:p><w:r><w:t>a</w:t><w:lastRenderedPageBreak/><w:t>b</w:t></w:r></w:p>", "a\u{c}b"),
            (
                "<w:p><w:r><w:t>a</w:t><w:br w:type='page'/><w:br w:type='page'/><w:t>b</w:t></w:r></w:p>",
                "a\u{c}\u{c}b"
            ),
            (
                paragraph("a")
                    + "<w:p><w:pPr><w:pageBreakBefore/></w:pPr><w:r><w:lastRenderedPageBreak/><w:t>b</w:t></w:r></w:p>",
                "a\u{c}b"
            ),
            (
                paragraph("a") + "<w:p><w:pPr><w:pageBreakBefore w:val='0'/></w:pPr><w:r><w:t>b</w:t></w:r></w:p>",
                "a\n\nb"
            ),
            ("<w:p><w:pPr><w:sectPr/></w:pPr><w:r><w:t>a</w:t></w:r></w:p>\(paragraph("b"))", "a\u{c}b"),
            (
                "<w:p><w:pPr><w:sectPr><w:type w:val='continuous'/></w:sectPr></w:pPr><w:r><w:t>a</w:t></w:r></w:p>\(paragraph("b"))",
                "a\n\nb"
            ),
            (
                "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>a</w:t><w:lastRenderedPageBreak/><w:t>b</w:t></w:r></w:p></w:tc>"
                    + "<w:tc><w:p><w:r><w:t>c</w:t><w:lastRenderedPageBreak/><w:t>d</w:t></w:r></w:p></w:tc></w:tr></w:tbl>",
                "a\u{c}b\tcd"
            ),
        ])
    func wordPages(body: String, expected: String) throws { #expect(try docx(body) == expected, "\(body)") }

    @Test("notes come at the end, without the lines that part them; pieces of HTML where they belong")
    func wordParts() throws {
        let notes =
            "<w:footnotes><w:footnote w:type='separator'>\(Self.paragraph("x"))</w:footnote>"
            + "<w:footnote w:id='1'>\(Self.paragraph("note"))</w:footnote></w:footnotes>"
        let ends = "<w:endnotes><w:endnote>\(Self.paragraph("end"))</w:endnote></w:endnotes>"
        let text = try docx(
            Self.paragraph("a") + "<w:altChunk r:id='r2'/>" + Self.paragraph("b"),
            parts: [
                ("endnotes", "endnotes.xml", ends), ("footnotes", "footnotes.xml", notes),
                ("aFChunk", "chunk.html", "<title>t</title><p>html<p>more"),
            ])
        #expect(text == "a\n\nhtml\n\nmore\n\nb\n\nnote\n\nend")
    }

    @Test("an archive that is no text document is of another kind, an encrypted one a password's")
    func otherKinds() throws {
        #expect(throws: FormatError.otherKind(found: "a ZIP archive that is no office document")) {
            try Fixtures.text(.docx, ZipFixture([("a", "b")]))
        }
        var sheet = Fixtures.docx("")
        sheet.entries[0].content = Array(
            "<Types><Override PartName='/word/document.xml' ContentType='application/x.spreadsheetml'/></Types>".utf8)
        guard case .otherKind = #expect(throws: FormatError.self, performing: { try Fixtures.text(.docx, sheet) })
        else {
            Issue.record("a spreadsheet was taken")
            return
        }
        // A compound file whose first directory sector names the package.
        var compound = [UInt8](repeating: 0, count: 1536)
        compound.replaceSubrange(0..<8, with: [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1])
        (compound[30], compound[48]) = (9, 1)
        compound.replaceSubrange(1152..<1184, with: "EncryptedPackage".utf8.flatMap { [$0, 0] as [UInt8] })
        #expect(throws: FormatError.encrypted) {
            _ = try PackedDocument(.docx, reading: compound) { ArchiveInflater() }
        }
        compound[1152] = 0
        #expect(throws: ZipDirectory.cutShort) {
            _ = try PackedDocument(.docx, reading: compound) { ArchiveInflater() }
        }
    }

    @Test("a document that declares entities is damaged, whatever they would say")
    func entities() {
        var fixture = Fixtures.docx("")
        fixture.entries[3].content = Array("<!DOCTYPE d [<!ENTITY a 'x'>]><w:document>&a;</w:document>".utf8)
        #expect(throws: XMLError.declaresEntities.formatError) { try Fixtures.text(.docx, fixture) }
    }

    @Test("a list of parts that is longer than its bound is refused")
    func indexItems() throws {
        var limits = ArchiveLimits()
        limits.indexItemsMax = 4
        let fixture = Fixtures.docx(Self.paragraph("a"), parts: [("x", "a", ""), ("y", "b", "")])
        #expect(try Fixtures.text(.docx, fixture, limits: limits) == "a")
        limits.indexItemsMax = 2
        #expect(throws: FormatError.damaged(reason: "a list in it has more than 2 items")) {
            try Fixtures.text(.docx, fixture, limits: limits)
        }
    }

    // MARK: ODT

    @Test(
        "paragraphs, lists, tables and notes of OpenDocument",
        arguments: [
            ("<text:h>a</text:h><text:p>b\n  c</text:p>", "a\n\nb c"),
            ("<text:p>a<text:s text:c='2'/>b<text:tab/>c<text:line-break/>d</text:p>", "a  b\tc\nd"),
            (
                "<text:list><text:list-item><text:p>a</text:p></text:list-item><text:list-item><text:p>b</text:p>"
                    + "</text:list-item></text:list><text:p>c</text:p>", "a\nb\n\nc"
            ),
            (
                "<table:table><table:table-row><table:table-cell><text:p>a</text:p></table:table-cell>"
                    + "<table:table-cell><text:p>b</text:p></table:table-cell></table:table-row></table:table>", "a\tb"
            ),
            (
                "<text:p>a<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>note</text:p>"
                    + "</text:note-body></text:note>b</text:p><text:p>c</text:p>", "ab\n\nc\n\nnote"
            ),
            (
                "<text:tracked-changes><text:p>x</text:p></text:tracked-changes><text:p>a<office:annotation><text:p>x</text:p></office:annotation></text:p>",
                "a"
            ),
            ("<text:p>a<text:soft-page-break/>b</text:p>", "a\u{c}b"),
            (
                "<text:p>a</text:p><text:p text:style-name='B'>b</text:p><text:p text:style-name='A'>c</text:p><text:p>d</text:p>",
                "a\u{c}b\n\nc\u{c}d"
            ),
        ])
    func openDocument(body: String, expected: String) throws {
        let styles =
            "<style:style style:name='B'><style:paragraph-properties fo:break-before='page'/></style:style>"
            + "<style:style style:name='A'><style:paragraph-properties fo:break-after='page'/></style:style>"
        #expect(try Fixtures.text(.odt, Fixtures.odt(body, styles: styles)) == expected, "\(body)")
    }

    @Test("a manifest that speaks of encryption is a password's")
    func encryptedOpenDocument() {
        let fixture = Fixtures.odt(
            "", manifest: "<manifest:file-entry><manifest:encryption-data/></manifest:file-entry>")
        #expect(throws: FormatError.encrypted) { try Fixtures.text(.odt, fixture) }
        #expect(throws: FormatError.self) { try Fixtures.text(.odt, ZipFixture([("a", "b")])) }
    }

    // MARK: EPUB

    @Test("each item of the spine is a page, also one without text; titles are not repeated")
    func book() throws {
        #expect(
            try Fixtures.text(.epub, Fixtures.epub(["<p>a</p>", "", "<p>b&nbsp;c"])) == "a\u{c}\u{c}b\u{a0}c\u{c}\u{c}")
    }

    @Test("a book goes on behind the pages that are there already")
    func skippedPages() throws {
        func text(after pages: Int64) throws -> String {
            let document = try PackedDocument(.epub, reading: Fixtures.epub(["a", "b", "c"]).bytes) {
                ArchiveInflater()
            }
            document.skipPages(pages)
            var text: [UInt8] = []
            while let piece = try document.next() { text += piece }
            #expect(document.unitsDone == 4)
            return String(decoding: text, as: UTF8.self)
        }
        #expect(try text(after: 0) == "a\u{c}b\u{c}c\u{c}\u{c}")
        #expect(try text(after: 2) == "c\u{c}\u{c}")
        #expect(try text(after: 9).isEmpty)
    }

    @Test("a locked page locks the book, a scrambled font does not")
    func lockedBook() throws {
        func lock(_ part: String) -> String {
            "<encryption><EncryptedData><CipherData><CipherReference URI=\"\(part)\"/></CipherData></EncryptedData></encryption>"
        }
        #expect(throws: FormatError.encrypted) {
            try Fixtures.text(.epub, Fixtures.epub(["a"], encryption: lock("OPS/text/page%200.xhtml")))
        }
        #expect(try Fixtures.text(.epub, Fixtures.epub(["a"], encryption: lock("OPS/font.otf"))) == "a\u{c}\u{c}")
        #expect(throws: FormatError.otherKind(found: "a ZIP archive that is no e-book")) {
            try Fixtures.text(.epub, ZipFixture([("a", "b")]))
        }
    }

    @Test("a reference leads to an entry of the archive and nowhere else")
    func references() {
        #expect(PackageIndex.resolve("a/b.xml", from: "OPS/book.opf") == "OPS/a/b.xml")
        #expect(PackageIndex.resolve("../b%20c.xml#d", from: "OPS/x/book.opf") == "OPS/b c.xml")
        #expect(PackageIndex.resolve("/word/a.xml", from: "x/y") == "word/a.xml")
        #expect(PackageIndex.resolve("../../../etc/passwd", from: "a/b") == "etc/passwd")
        #expect(PackageIndex.resolve("%zz", from: "") == "%zz")
    }
}

/// The largest piece of text, and of the archive, that is asked for while a document is read.
private final class WatchedBytes: RandomAccessBytes {
    let bytes: [UInt8]
    var readBytesMax = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var byteCount: Int64 { bytes.byteCount }

    func read(at offset: Int64, count: Int) throws(FormatError) -> [UInt8] {
        readBytesMax = max(readBytesMax, count)
        return try bytes.read(at: offset, count: count)
    }
}

@Suite("Documents are never held whole")
struct StreamingTests {
    @Test("the pieces that are read and told stay the same however long a document is")
    func pieces() throws {
        var random = SystemRandomNumberGenerator()
        let paragraphs = (0..<4000).map { number in
            "<w:p><w:r><w:t>\(number) \((0..<30).map { _ in String(UInt32.random(in: 0...9999, using: &random)) })</w:t></w:r></w:p>"
        }
        var largest: [Int] = []
        for count in [1000, 4000] {
            let source = WatchedBytes(Fixtures.docx(paragraphs[..<count].joined()).bytes)
            let document = try PackedDocument(.docx, reading: source) { ArchiveInflater() }
            while let piece = try document.next() { largest.append(piece.count) }
            // The search for the directory reads what a comment may have; all other reads are shorter.
            #expect(source.readBytesMax <= 22 + 0xffff)
            #expect(document.unitsDone == document.unitsTotal)
        }
        #expect((largest.max() ?? 0) <= 64 * 1024)
    }

    @Test("a part's claimed length is believed up to what a part may unpack to", arguments: [PackedKind.docx, .odt])
    func claimedLength(kind: PackedKind) throws {
        for claim in [UInt64(1 << 31), 1 << 62, UInt64(Int64.max)] {
            let paragraph = "<w:p><w:r><w:t>a</w:t></w:r></w:p>"
            var fixture = kind == .docx ? Fixtures.docx(paragraph) : Fixtures.odt("<text:p>a</text:p>")
            let body = kind == .docx ? "word/document.xml" : "content.xml"
            let index = try #require(fixture.entries.firstIndex { $0.name == body })
            fixture.entries[index].claimedWideBytes = claim
            let document = try PackedDocument(kind, reading: fixture.bytes) { ArchiveInflater() }
            #expect(document.unitsTotal == ArchiveLimits.default.entryBytesMax, "\(claim)")
            while try document.next() != nil {}
        }
    }
}
