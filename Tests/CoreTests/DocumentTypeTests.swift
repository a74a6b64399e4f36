import Testing

@testable import Core

@Suite("Types of documents")
struct DocumentTypeTests {
    @Test(
        "a declared type that can be read is known",
        arguments: [
            ("application/pdf", DocumentType.pdf), ("application/x-pdf", .pdf), ("text/plain", .plainText),
            ("text/markdown", .markdown), ("text/x-markdown", .markdown), ("text/html", .html),
            ("application/xhtml+xml", .xhtml), ("text/csv", .csv), ("application/epub+zip", .epub),
            ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", .docx),
            ("application/vnd.ms-word.document.macroenabled.12", .docx),
            ("application/vnd.oasis.opendocument.text", .odt),
        ])
    func known(essence: String, type: DocumentType) {
        #expect(DocumentType.declared(essence) == .known(ContentType(type)))
    }

    @Test("a charset belongs to text alone, and is read again as it was recorded")
    func charset() throws {
        guard case .known(let text) = DocumentType.declared("text/plain", charset: "KOI8-R") else {
            Issue.record("text is taken")
            return
        }
        #expect(text.text == "text/plain; charset=koi8-r")
        #expect(ContentType(recorded: text.text) == text)
        #expect(ContentType(recorded: "text/plain") == ContentType(.plainText))
        #expect(DocumentType.declared("application/pdf", charset: "koi8-r") == .known(ContentType(.pdf)))
        for useless in [
            "UTF-8", "", "a b", "a\r\nb", "é", String(repeating: "a", count: ContentType.charsetBytesMax + 1),
        ] {
            #expect(ContentType(.html, charset: useless).text == "text/html")
        }
        #expect(ContentType(recorded: "image/png") == nil)
    }

    @Test(
        "a type that says nothing leaves the judgement to the bytes",
        arguments: [
            nil, "", "application/octet-stream", "binary/octet-stream", "application/x-www-form-urlencoded",
        ] as [String?])
    func judged(essence: String?) {
        #expect(DocumentType.declared(essence) == .judgedByBytes)
    }

    @Test("any other type is not taken", arguments: ["image/png", "application/zip", "application/json", "pdf", " "])
    func unsupported(essence: String) {
        #expect(DocumentType.declared(essence) == .unsupported)
    }

    @Test("a PDF is known by its header, also behind junk, up to the last bytes that are judged")
    func pdf() {
        let header = Array("%PDF-1.7\n".utf8)
        #expect(DocumentType.judge(prefix: header, name: "a.txt") == .pdf)
        #expect(DocumentType.judge(prefix: [0, 1, 2, 0xff] + header, name: "") == .pdf)
        let junk = [UInt8](repeating: 0, count: DocumentType.judgedPrefixBytes - 5)
        #expect(DocumentType.judge(prefix: junk + Array("%PDF-".utf8), name: "") == .pdf)
        #expect(DocumentType.judge(prefix: junk + Array("%PDF".utf8), name: "") == nil)
    }

    @Test(
        "text is Markdown when its name says so",
        arguments: [
            ("notes.md", DocumentType.markdown), ("NOTES.MD", .markdown), ("a.markdown", .markdown),
            ("a.txt", .plainText), ("md", .plainText), ("", .plainText), ("a.pdf", .plainText),
        ])
    func text(name: String, type: DocumentType) {
        #expect(DocumentType.judge(prefix: Array("Grüße".utf8), name: name) == type)
    }

    @Test("text in UTF-16 is known by its byte-order mark")
    func utf16() {
        #expect(DocumentType.judge(prefix: [0xff, 0xfe, 0x41, 0x00], name: "") == .plainText)
        #expect(DocumentType.judge(prefix: [0xfe, 0xff, 0x00, 0x41], name: "") == .plainText)
    }

    @Test("what is empty or has controls is no document")
    func binary() {
        #expect(DocumentType.judge(prefix: [], name: "a.txt") == nil)
        #expect(DocumentType.judge(prefix: [0x41, 0x00, 0x42], name: "a.txt") == nil)
        #expect(DocumentType.judge(prefix: [0x41, 0x7f, 0x42], name: "a.txt") == nil)
        // PNG, ZIP, a compound file and gzip.
        #expect(DocumentType.judge(prefix: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a], name: "a.md") == nil)
        #expect(DocumentType.judge(prefix: [0x50, 0x4b, 0x03, 0x04, 0x14, 0x00], name: "a.zip") == nil)
        #expect(DocumentType.judge(prefix: [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1], name: "a.doc") == nil)
        #expect(DocumentType.judge(prefix: [0x1f, 0x8b, 0x08, 0x00], name: "a.gz") == nil)
    }

    @Test("text in any encoding is text, also where the judged bytes end inside a character")
    func encodings() {
        #expect(DocumentType.judge(prefix: [0x47, 0x72, 0xfc, 0xdf, 0x65], name: "") == .plainText)
        #expect(DocumentType.judge(prefix: [0x93, 0xfa, 0x96, 0x7b], name: "a.txt") == .plainText)
        for missing in 1...3 {
            let letters = Array("😀".utf8).dropLast(missing)
            #expect(DocumentType.judge(prefix: [0x61] + letters, name: "") == .plainText)
        }
    }

    @Test(
        "an archive is what its first entry or its name says",
        arguments: [
            ("[Content_Types].xml", "a", DocumentType.docx), ("_rels/.rels", "a.docx", .docx),
            ("word/document.xml", "", .docx), ("docProps/app.xml", "A.DOCX", .docx), ("x", "a.odt", .odt),
            ("META-INF/", "a.epub", .epub), ("mimetypeapplication/epub+zip", "a", .epub),
            ("mimetypeapplication/vnd.oasis.opendocument.text", "a.zip", .odt), ("[Content_Types].xml", "a.xlsx", nil),
            ("mimetypeapplication/vnd.oasis.opendocument.spreadsheet", "a", nil), ("a.txt", "a.zip", nil),
        ] as [(String, String, DocumentType?)])
    func archives(entry: String, name: String, type: DocumentType?) {
        var header: [UInt8] = [0x50, 0x4b, 0x03, 0x04] + [UInt8](repeating: 0, count: 26)
        header[26] = UInt8(entry.hasPrefix("mimetype") ? 8 : entry.utf8.count)
        #expect(DocumentType.judge(prefix: header + Array(entry.utf8), name: name) == type)
    }

    @Test("an office document that a password protects is one by its name")
    func protected() {
        #expect(DocumentType.judge(prefix: [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1], name: "a.docx") == .docx)
    }

    @Test(
        "HTML is known by how it begins, or by its name",
        arguments: [
            ("<!DOCTYPE html><p>", "a", DocumentType.html), ("\u{feff}\n <HTML lang=en>", "", .html),
            ("<p>", "a.htm", .html),
            ("<?xml version='1.0'?><!DOCTYPE html PUBLIC>", "", .xhtml), ("<?xml version='1.0'?>\n<html", "", .xhtml),
            ("<html>", "a.xhtml", .xhtml), ("<?xml version='1.0'?><svg>", "a.svg", .plainText), ("<p>", "", .plainText),
            ("a,b\n", "a.csv", .csv),
        ])
    func markup(text: String, name: String, type: DocumentType) {
        #expect(DocumentType.judge(prefix: Array(text.utf8), name: name) == type)
    }
}
