import Testing

@testable import Core

@Suite("A result that is taken over by a document of the same bytes")
struct DeduplicationTests {
    private static func complete(_ change: (inout Document) -> Void = { _ in }) throws -> Document {
        var document = try Document.sample(in: .complete)
        document.workSettings = "1000/150"
        change(&document)
        return document
    }

    private static func key(
        of document: Document = .sample(), sha256: String? = "ab12", bytes: Int64 = 1000,
        contentType: String = "application/pdf", workSettings: String = "1000/150"
    ) -> String? {
        document.resultKey(sha256: sha256, bytes: bytes, contentType: contentType, workSettings: workSettings)
    }

    @Test("it is found by the same bytes, of the same type and maker, under the same settings, and by nothing else")
    func keys() throws {
        let found = try #require(try Self.complete().resultKey)
        #expect(Self.key() == found)
        var others = Document.sample()
        others.maker = "subject:alice"
        let different = [
            Self.key(of: others), Self.key(sha256: "ab13"), Self.key(bytes: 1001), Self.key(contentType: "text/plain"),
            Self.key(workSettings: "1000/151"),
        ]
        #expect(!different.contains(found))
        #expect(Set(different).count == different.count)
        #expect(Self.key(of: others) == (try Self.complete { $0.maker = "subject:alice" }).resultKey)
    }

    @Test("two makers never have the same key, whatever they are called")
    func makers() {
        var keys: Set<String?> = []
        let makers = [nil, "subject:a", "subject:a ", "subject: a", "token:a", "subject:1000/150 b", "subject:\n"]
        for maker in makers {
            var document = Document.sample()
            document.maker = maker
            keys.insert(Self.key(of: document))
        }
        #expect(keys.count == makers.count)
    }

    @Test("bytes without a digest are found by nobody, and find nothing")
    func undigested() throws {
        #expect(Self.key(sha256: nil) == nil)
        var document = Document.sample()
        try document.apply([.uploadCompleted(bytes: 1000, sha256: nil, contentType: "text/plain"), .leased])
        document.workSettings = ""
        try document.apply([.completed(units: 1, chunks: 1)])
        #expect(document.resultKey == nil)
    }

    @Test("only a complete document with its result serves", arguments: DocumentStatus.allCases)
    func whoServes(status: DocumentStatus) throws {
        var document = try Document.sample(in: status)
        document.workSettings = "1000/150"
        #expect((document.resultKey != nil) == (status == .complete))
        #expect((document.result != nil) == (status == .complete))
        document.isResultRemoved = true
        #expect(document.resultKey == nil && document.result == nil)
    }

    @Test("a record of a version that did not know the settings serves nobody")
    func unknownSettings() throws {
        #expect(try Self.complete { $0.workSettings = nil }.resultKey == nil)
    }

    @Test("whoever takes it over is complete at once, serves the next one, and tells what it is told of")
    func takenOver() throws {
        let earlier = try Self.complete()
        var document = Document.sample()
        try document.apply([.uploadProgressed(received: 400)])
        let before = document.percentage.published
        let change = DocumentChange.resultTakenOver(
            bytes: 1000, sha256: "ab12", contentType: "application/pdf", try #require(earlier.result))
        #expect(try document.apply([change]) == .step)
        #expect(document.isTerminal && document.hasContent && document.percentage.published == 100 && before < 100)
        #expect(document.message == "The same bytes were processed before; the result was taken over.")
        #expect(document.stages == earlier.stages && document.chunkCount == earlier.chunkCount)
        #expect(document.attempt == 0 && document.error == nil && document.resultKey == earlier.resultKey)
        #expect(throws: DocumentConflict.alreadyComplete) { try document.apply([.retried]) }
        let restored = try document.restored()
        #expect(restored.resultKey == document.resultKey && restored.result == document.result)
        #expect(try restored.seen == document.seen)
    }
}
