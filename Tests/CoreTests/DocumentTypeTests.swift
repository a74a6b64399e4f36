import Testing

@testable import Core

@Suite("Types of documents")
struct DocumentTypeTests {
    @Test(
        "a declared type that can be read is known",
        arguments: [
            ("application/pdf", DocumentType.pdf), ("application/x-pdf", .pdf), ("text/plain", .plainText),
            ("text/markdown", .markdown), ("text/x-markdown", .markdown),
        ])
    func known(essence: String, type: DocumentType) {
        #expect(DocumentType.declared(essence) == .known(type))
    }

    @Test(
        "a type that says nothing leaves the judgement to the bytes",
        arguments: [
            nil, "", "application/octet-stream", "binary/octet-stream", "application/x-www-form-urlencoded",
        ] as [String?])
    func judged(essence: String?) {
        #expect(DocumentType.declared(essence) == .judgedByBytes)
    }

    @Test("any other type is not taken", arguments: ["image/png", "text/html", "application/json", "pdf", " "])
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

    @Test("what is empty, has a NUL or is no UTF-8 is no document")
    func binary() {
        #expect(DocumentType.judge(prefix: [], name: "a.txt") == nil)
        #expect(DocumentType.judge(prefix: [0x41, 0x00, 0x42], name: "a.txt") == nil)
        #expect(DocumentType.judge(prefix: [0x41, 0xc3, 0x28, 0x41, 0x41, 0x41], name: "a.txt") == nil)
        // PNG, ZIP and gzip.
        #expect(DocumentType.judge(prefix: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a], name: "a.md") == nil)
        #expect(DocumentType.judge(prefix: [0x50, 0x4b, 0x03, 0x04, 0x14, 0x00], name: "a.docx") == nil)
        #expect(DocumentType.judge(prefix: [0x1f, 0x8b, 0x08, 0x00], name: "a.gz") == nil)
    }

    @Test("the judged bytes may end inside a character, the whole of a short document may not", arguments: 1...3)
    func cut(missing: Int) {
        let letters = Array("😀".utf8).dropLast(missing)
        let long = [UInt8](repeating: 0x61, count: DocumentType.judgedPrefixBytes - letters.count) + letters
        #expect(long.count == DocumentType.judgedPrefixBytes)
        #expect(DocumentType.judge(prefix: long, name: "") == .plainText)
        #expect(DocumentType.judge(prefix: [0x61] + letters, name: "") == nil)
    }
}
