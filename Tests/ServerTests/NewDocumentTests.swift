import JSON
import Testing
import Wire

@testable import Server

@Suite("What clients say of their documents")
struct NewDocumentTests {
    @Test(
        "a name is shown and never a path",
        arguments: [
            ("policy.pdf", "policy.pdf"), ("../../etc/passwd", "passwd"), ("C:\\files\\a b.txt", "a b.txt"),
            ("", "document"), ("///", "document"), ("a\u{1b}[31mb.txt", "a[31mb.txt"),
            ("naïve – 文書.pdf", "naïve – 文書.pdf"),
        ])
    func names(given: String, shown: String) {
        #expect(NewDocument.cleaned(given) == shown)
    }

    @Test("a name is cut at its bound")
    func nameBound() {
        #expect(NewDocument.cleaned(String(repeating: "é", count: 1000)).count == NewDocument.nameCharactersMax)
    }

    @Test("metadata beyond its bound is refused with 413")
    func metadataBound() {
        var request = NewDocument(id: nil)
        let large = JSONValue.object(["text": .string(String(repeating: "x", count: NewDocument.metadataBytesMax))])
        let error = #expect(throws: Problem.self) { try request.setMetadata(large) }
        #expect(error?.status == 413)
    }
}
