import Testing

@testable import Client

@Suite struct StageWordsTests {
    @Test(
        "each state in the words a person uses",
        arguments: [
            ("{}", "reading page 610 of 1,000", "page 610 of 1,000", "610/1,000"),
            (#"{"stage":"embedding"}"#, "embedding page 540 of 1,000", "page 540 of 1,000", "540/1,000"),
            (#"{"stage":"ocr","stages":[],"pages_done":3,"pages_total":null}"#, "ocr page 3", "page 3", "3"),
            (
                #"{"stages":[{"name":"extracting","done":0,"total":9}]}"#, "opening the document",
                "opening the document",
                "opening the document"
            ),
            (
                #"{"stage":"embedding","pages_done":null,"pages_total":null}"#, "embedding", "embedding", "embedding"
            ),
            (#"{"pages_done":null,"pages_total":null}"#, "reading", "reading", "reading"),
            (#"{"attempt":2}"#, "reading page 610 of 1,000, attempt 2", "page 610 of 1,000", "610/1,000"),
            (#"{"status":"queued"}"#, "waiting for a worker", "waiting", "waiting"),
            (
                #"{"status":"queued","queue_position":3}"#, "waiting for a worker, number 3 in line",
                "waiting, number 3 in line", "waiting"
            ),
            (
                #"{"status":"queued","attempt":2}"#, "waiting to try again, attempt 2", "waiting, attempt 2",
                "waiting"
            ),
            (
                #"{"status":"uploading","bytes_received":12400000}"#, "uploading 12.4 of 105 MB", "12.4 of 105 MB",
                "12.4 MB"
            ),
            (
                #"{"status":"uploading","bytes_received":12400000,"bytes_total":null}"#, "uploading 12.4 MB", "12.4 MB",
                "12.4 MB"
            ),
        ])
    func words(changes: String, long: String, short: String, count: String) throws {
        let words = StageWords(try state(changes))
        #expect(words.long == long)
        #expect(words.short == short)
        #expect(words.count == count)
    }

    @Test("a failure says what went wrong and its code; hostile text is cleaned")
    func endings() throws {
        #expect(StageWords.ending(of: try state(#"{"status":"complete"}"#)) == "1,000 pages")
        #expect(StageWords.ending(of: try state(#"{"status":"cancelled"}"#)) == "cancelled")
        #expect(StageWords.ending(of: try state(#"{"status":"failed"}"#)) == "failed")
        let failed =
            #"{"status":"failed","error":{"code":"stalled","detail":"No sign\n of life\u0007.","retryable":true}}"#
        #expect(StageWords.ending(of: try state(failed)) == "failed: No sign  of life. (stalled)")
    }
}
