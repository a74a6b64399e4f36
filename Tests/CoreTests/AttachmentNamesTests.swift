import Testing

@testable import Core

@Suite("Names of files that are attached to a document")
struct AttachmentNamesTests {
    private static func names(_ names: [String]) -> [String] {
        let lines = names.enumerated().map { "\($0 + 1): \($1)\n" }
        return AttachmentNames.names(inListing: "\(names.count) embedded files\n" + lines.joined())
    }

    @Test("a listing is read line by line, and what is no line of it is passed over")
    func listing() {
        #expect(Self.names(["invoice.xml", "a: b.txt"]) == ["invoice.xml", "a: b.txt"])
        #expect(AttachmentNames.names(inListing: "0 embedded files\n").isEmpty)
        #expect(AttachmentNames.names(inListing: "Syntax Error\n2: b\n1: a\nrest of a name\n2: b") == ["a", "b"])
    }

    @Test("of a path the last part is kept, and what is none gets a name")
    func paths() {
        #expect(
            Self.names(["../../etc/passwd", #"C:\x\y.txt"#, "a/", "..", " ", ""]).prefix(2) == ["passwd", "y.txt"])
        #expect(Set(Self.names(["a/", "..", ".", " ", ""])) == ["unnamed"])
    }

    @Test("controls, and what turns a line around, are left out")
    func hidden() {
        #expect(Self.names(["a\u{1b}[31m\u{202e}txt.exe\u{2028}"]) == ["a[31mtxt.exe"])
    }

    @Test("a list and a name have bounds, and a name is cut between characters")
    func bounds() {
        let many = Self.names((0..<AttachmentNames.countMax + 5).map { "\($0).txt" })
        #expect(many.count == AttachmentNames.countMax && many.last == "49.txt")
        let long = Self.names([String(repeating: "ä", count: 300)])
        #expect(long == [String(repeating: "ä", count: AttachmentNames.nameBytesMax / 2)])
    }

    @Test("they are in the state only where there are any, and survive the record")
    func state() throws {
        var document = try Document.sample(in: .processing)
        #expect(!String(decoding: document.encoded(now: .start), as: UTF8.self).contains("attachments"))
        #expect(try document.apply([.attachmentsListed(["a\"b.txt", "c.xml"])]) == .tick)
        #expect(try document.apply([.attachmentsListed(["a\"b.txt", "c.xml"])]) == .none)
        try document.apply([.completed(units: 3, chunks: 2)])
        let state = String(decoding: document.encoded(now: .start), as: UTF8.self)
        #expect(state.contains(#""attachments":["a\"b.txt","c.xml"]"#))
        #expect(try document.restored().attachments == document.attachments)
        #expect(document.result?.attachments == document.attachments)
    }
}
