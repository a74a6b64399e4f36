import Core
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

    @Test(
        "a name is cut at its bound of bytes, between two characters",
        arguments: [
            (String(repeating: "é", count: 1000), String(repeating: "é", count: 127)),
            (String(repeating: "x", count: 255), String(repeating: "x", count: 255)),
            (String(repeating: "x", count: 256), String(repeating: "x", count: 255)),
            (String(repeating: "x", count: 250) + "👩‍👩‍👧‍👦", String(repeating: "x", count: 250)),
        ])
    func nameBound(given: String, kept: String) {
        #expect(NewDocument.cleaned(given) == kept)
    }

    @Test("a character that is larger than the bound by itself is cut between its scalars")
    func oneCharacterName() {
        let heap = NewDocument.cleaned("a" + String(repeating: "\u{301}", count: 60_000))
        #expect(heap.utf8.count == NewDocument.nameBytesMax)
        #expect(heap.unicodeScalars.first == "a")
    }

    @Test("a state with the longest of everything stays below 64 KiB")
    func largestState() throws {
        var request = NewDocument(id: nil)
        // What is escaped grows most: a control character to six bytes, a line separator of three to six.
        request.name = String(repeating: "\u{2028}", count: 60_000)
        let text = String(repeating: "\u{1}", count: (NewDocument.metadataBytesMax - 8) / 6)
        try request.setMetadata(.object(["t": .string(text)]))
        let id = request.makeID()
        var document = Document(
            id: id, epoch: "9f3c0001", name: NewDocument.cleaned(request.name), contentType: nil, bytesTotal: .max,
            pipeline: .document, metadata: request.metadata, awaitsContent: false,
            at: .init(monotonicMilliseconds: 0, unixMilliseconds: 0))
        let words = String(repeating: "\u{1}", count: 100_000)
        _ = try document.apply(
            .failed(DocumentError(.unreadable, words)), at: .init(monotonicMilliseconds: 0, unixMilliseconds: 0))
        #expect(document.encoded(now: .init(monotonicMilliseconds: 0, unixMilliseconds: 0)).count < 64 * 1024)
    }

    @Test("metadata beyond its bound is refused with 413")
    func metadataBound() {
        var request = NewDocument(id: nil)
        let large = JSONValue.object(["text": .string(String(repeating: "x", count: NewDocument.metadataBytesMax))])
        let error = #expect(throws: Problem.self) { try request.setMetadata(large) }
        #expect(error?.status == 413)
    }
}
