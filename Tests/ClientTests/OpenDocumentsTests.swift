import Testing

@testable import Client

@Suite struct OpenDocumentsTests {
    private func at(_ id: String, _ offset: Int, _ status: String = "processing", epoch: String = "e") throws
        -> DocumentState
    {
        try state(#"{"document_id":"\#(id)","offset":\#(offset),"epoch":"\#(epoch)","status":"\#(status)"}"#)
    }

    @Test("only a later offset, or another epoch, is news")
    func news() throws {
        var documents = OpenDocuments()
        let answers = try [
            at("a", 3), at("a", 3), at("a", 2), at("a", 4), at("b", 1), at("a", 1, epoch: "f"), at("a", 1, epoch: "f"),
        ].map { documents.receive($0) }
        #expect(answers == [true, false, false, true, true, true, false])
        #expect(documents.ids == ["a", "b"])
    }

    @Test("an end that is told twice is one end, and one of an unknown document is news too")
    func ends() throws {
        var documents = OpenDocuments()
        let answers = try [at("a", 3), at("a", 4, "complete"), at("a", 4, "complete"), at("b", 9, "failed")]
            .map { documents.receive($0) }
        #expect(answers == [true, true, false, true])
        #expect(documents.ids.isEmpty)
    }

    @Test("a document that runs again after its end is open again")
    func again() throws {
        var documents = OpenDocuments()
        let answers = try [at("a", 4, "failed"), at("a", 5, "queued"), at("a", 6, "complete")]
            .map { documents.receive($0) }
        #expect(answers == [true, true, true])
        #expect(documents.ids.isEmpty)
    }

    @Test("after another connection, those that it does not mention are asked for")
    func gap() throws {
        var documents = OpenDocuments()
        for id in ["a", "b", "c"] { _ = documents.receive(try at(id, 1)) }
        #expect(documents.unheard.isEmpty)
        documents.connected()
        #expect(documents.unheard == ["a", "b", "c"])
        let isRepeatedNews = documents.receive(try at("b", 1))
        #expect(!isRepeatedNews && documents.unheard == ["a", "c"])
        let isEndNews = documents.receive(try at("a", 7, "complete"))
        #expect(isEndNews && documents.unheard == ["c"])
        documents.remove("c")
        #expect(documents.unheard.isEmpty && documents.ids == ["b"])
    }

    @Test("a document that came while no connection stood is known by the server's own clock")
    func cameInGap() throws {
        func made(_ id: String, _ seconds: Int, updated: Int) throws -> DocumentState {
            try state(
                #"{"document_id":"\#(id)","created_at":"2026-11-23T20:00:\#(seconds).000Z","#
                    + #""updated_at":"2026-11-23T20:00:\#(updated).000Z"}"#)
        }
        var documents = OpenDocuments()
        documents.connected()
        #expect(!documents.hasGap)
        _ = documents.receive(try made("a", 10, updated: 20))
        documents.connected()
        _ = documents.receive(try made("b", 25, updated: 30))
        #expect(documents.hasGap)
        let answers = try [made("c", 19, updated: 20), made("d", 21, updated: 22), made("e", 35, updated: 36)]
            .map(documents.cameInGap)
        #expect(answers == [false, true, true])
    }

    @Test("what is kept of ended documents is bounded")
    func bounded() throws {
        var documents = OpenDocuments()
        for number in 0...OpenDocuments.endedMax { _ = documents.receive(try at("d\(number)", 1, "complete")) }
        let isLatestNews = documents.receive(try at("d\(OpenDocuments.endedMax)", 1, "complete"))
        let isOldestNews = documents.receive(try at("d0", 1, "complete"))
        #expect(!isLatestNews && isOldestNews)
    }
}
