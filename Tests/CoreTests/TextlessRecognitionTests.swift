import JSON
import Testing

@testable import Core

@Suite("What became of pages without text")
struct TextlessRecognitionTests {
    private static func unreadable(_ pages: some Sequence<Int64>) -> TextlessRecognition {
        var recognition = TextlessRecognition()
        for page in pages { recognition.couldNotRead(page) }
        return recognition
    }

    @Test("pages that could not be read are told by their numbers, in order, and those beyond the bound are counted")
    func unreadable() {
        #expect(TextlessRecognition().endMessage.contains("read the pages that have no text of their own"))
        #expect(Self.unreadable([7]).endMessage.hasSuffix("could not read page 7."))
        #expect(Self.unreadable([9, 7, 7]).endMessage.hasSuffix("could not read pages 7, 9."))
        let most = Int64(TextlessRecognition.unreadableToldMax)
        #expect(Self.unreadable(1...most).endMessage.hasSuffix("9, \(most)."))
        #expect(Self.unreadable(1...most + 2).endMessage.hasSuffix("9, \(most) and 2 more."))
    }

    @Test("a run that goes on behind a checkpoint keeps what stands behind it, and tries the other pages again")
    func resumed() {
        let before = Self.unreadable([3, 8]).upTo(5)
        #expect(before == Self.unreadable([3]))
        #expect(Self.unreadable([8, 9]).following(before) == Self.unreadable([3, 8, 9]))
        #expect(TextlessRecognition().following(before) == before)
        #expect(Self.unreadable([1]).following(nil) == Self.unreadable([1]))
    }

    @Test("over the runs of a document it is kept, in its record too")
    func document() throws {
        var document = try Document.sample(in: .queued)
        var work = WorkProgress.pages([4, 4, 4], of: 9)
        work.recognition = Self.unreadable([2, 6])
        let point = Checkpoint(run: 1, units: 4, textBytes: 1, resultBytes: 1, chunks: 1, settings: "s")
        try document.apply([.leased, .worked(work), .checkpointed(point), .requeued])
        #expect(document.message == nil)
        for var one in [document, try document.restored()] {
            try one.apply([.leased, .completed(units: 9, chunks: 1)])
            #expect(try #require(one.message).hasSuffix("could not read page 2."))
        }
    }

    @Test("a record that is none is none, and one that tells too much is cut")
    func record() throws {
        #expect(TextlessRecognition(nil) == nil)
        #expect(TextlessRecognition(.object(JSONObject())) == nil)
        let text = #"{"unreadable": [1,2,3,4,5,6,7,8,9,10,11,12], "unreadable_count": 1}"#
        let recognition = try #require(TextlessRecognition(JSONValue.parse(Array(text.utf8))))
        #expect(recognition.unreadable == Array(1...10) && recognition.unreadableCount == 10)
    }
}
