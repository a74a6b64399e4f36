import Testing

@testable import Core

@Suite("How long things are kept")
struct LifetimesTests {
    private static let all: Lifetimes = {
        var lifetimes = Lifetimes()
        lifetimes.uploadMilliseconds = 1000
        lifetimes.documentMilliseconds = 5000
        return lifetimes
    }()

    @Test(
        "a document that is over leaves after its time, one that is worked on never", arguments: DocumentStatus.allCases
    )
    func documents(status: DocumentStatus) throws {
        let document = try Document.sample(in: status)
        #expect(Self.all.dueMilliseconds(document) == (status.isTerminal ? document.updatedAtMilliseconds + 5000 : nil))
        #expect(Lifetimes().dueMilliseconds(document) == nil, "by default documents stay for good")
    }

    @Test("a result leaves after its own time, and its document stays", arguments: DocumentStatus.allCases)
    func results(status: DocumentStatus) throws {
        var lifetimes = Lifetimes()
        lifetimes.resultMilliseconds = 3000
        var document = try Document.sample(in: status)
        let next = lifetimes.next(document)
        #expect(next?.leaving == (status == .complete ? .result : nil))
        #expect(next?.dueMilliseconds == (status == .complete ? document.updatedAtMilliseconds + 3000 : nil))
        document.isResultRemoved = true
        #expect(lifetimes.next(try document.restored()) == nil)
    }

    @Test("of two times that are over the document's own counts when it is not the later one")
    func resultsAndDocuments() throws {
        var document = try Document.sample(in: .complete)
        for (result, leaving) in [(4999, Lifetimes.Leaving.result), (5000, .document), (9000, .document)] {
            var lifetimes = Self.all
            lifetimes.resultMilliseconds = Int64(result)
            #expect(lifetimes.next(document)?.leaving == leaving)
        }
        document.isResultRemoved = true
        var lifetimes = Self.all
        lifetimes.resultMilliseconds = 10
        let next = try #require(lifetimes.next(document))
        #expect(next.leaving == .document && next.dueMilliseconds == document.updatedAtMilliseconds + 5000)
    }

    @Test("an upload that was created first expires when nothing comes any more; one of a single request does not")
    func uploads() throws {
        #expect(Self.all.dueMilliseconds(.sample()) == nil)
        var document = Document.sample(awaitsContent: true)
        #expect(Self.all.dueMilliseconds(document) == Moment.start.unixMilliseconds + 1000)
        try document.apply([.uploadContinued(token: 1, length: nil)])
        let before = try #require(Self.all.dueMilliseconds(document))
        try document.apply([.uploadAcknowledged(10)])
        #expect(try #require(Self.all.dueMilliseconds(document)) > before)
        try document.apply([.uploadCompleted(bytes: 10, sha256: nil, contentType: "text/plain")])
        #expect(Self.all.dueMilliseconds(document) == nil)
    }

    @Test("who asks how far an upload is adds nothing to it; a request that brought bytes does")
    func asking() throws {
        var document = Document.sample(awaitsContent: true)
        try document.apply([.uploadContinued(token: 1, length: nil), .uploadAcknowledged(10)])
        let due = try #require(Self.all.dueMilliseconds(document))
        try document.apply([.uploadPaused(written: 10)])
        #expect(Self.all.dueMilliseconds(document) == due)
        try document.apply([.uploadPaused(written: 11)])
        #expect(try #require(Self.all.dueMilliseconds(document)) > due)
    }

    @Test("a restart brings no bytes: an upload expires when it would have without it")
    func restart() throws {
        var document = Document.sample(awaitsContent: true)
        try document.apply([.uploadContinued(token: 1, length: nil), .uploadAcknowledged(10)])
        let due = Self.all.dueMilliseconds(document)
        var restored = try document.restored()
        restored.recover(epoch: "next", ceiling: 1)
        _ = try restored.apply(.uploadCutBack, at: .start.advanced(byMilliseconds: 900_000))
        #expect(Self.all.dueMilliseconds(restored) == due)
    }
}
