import Testing

@testable import Core

@Suite("Names of documents")
struct DocumentIDTests {
    @Test("a new name is a version 7 UUID that carries its time and sorts by it")
    func versionSeven() {
        let early = DocumentID(unixMilliseconds: 1_700_000_000_000, random: (.max, .max))
        let late = DocumentID(unixMilliseconds: 1_700_000_000_001, random: (0, 0))
        #expect(early < late)
        let text = early.description
        #expect(Array(text)[14] == "7")
        #expect("89ab".contains(Array(text)[19]))
        #expect(DocumentID(text) == early)
        #expect(text.hasPrefix("018bcfe5-6800-"))
    }

    @Test("either case is read, lower case is written")
    func cases() {
        let text = "0190B6C2-7E4A-7C3A-9D1E-0A1B2C3D4E5F"
        #expect(DocumentID(text)?.description == text.lowercased())
    }

    @Test(
        "what is no UUID is none",
        arguments: [
            "", "0190b6c2", "0190b6c27e4a7c3a9d1e0a1b2c3d4e5f", "0190b6c2-7e4a-7c3a-9d1e-0a1b2c3d4e5",
            "0190b6c2-7e4a-7c3a-9d1e-0a1b2c3d4e5fa",
            "0190b6c2-7e4a-7c3a-9d1e-0a1b2c3d4e5g", "0190b6c2_7e4a-7c3a-9d1e-0a1b2c3d4e5f",
        ])
    func refused(text: String) {
        #expect(DocumentID(text) == nil)
    }
}
