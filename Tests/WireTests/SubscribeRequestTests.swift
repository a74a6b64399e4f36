import Testing
import Wire

/// API.md, `GET /v1/events`.
@Suite struct SubscribeRequestTests {
    private func parse(_ text: String) throws(SubscribeRequest.Failure) -> SubscribeRequest {
        try SubscribeRequest(parsing: Array(text.utf8))
    }

    @Test("names, places to go on from and everything, to be watched and not any more")
    func request() throws {
        let request = try parse(#"{"subscribe":["a",{"id":"b","after":"9f-1"},{"id":"c"},"*"],"unsubscribe":["d"]}"#)
        #expect(
            request.subscribe == [
                .document("a", after: nil), .document("b", after: "9f-1"), .document("c", after: nil), .everything,
            ])
        #expect(request.unsubscribe == [.document("d", after: nil)])
    }

    @Test("one entry may stand alone, and members that are not known are passed by")
    func lenient() throws {
        #expect(try parse(#"{"subscribe":"*","x":1}"#).subscribe == [.everything])
        #expect(try parse(#"{"subscribe":["mine",{"id":"mine","after":"9f-1"}]}"#).subscribe == [.mine, .mine])
        #expect(try parse(#"{"subscribe":{"id":"a","after":null}}"#).subscribe == [.document("a", after: nil)])
        #expect(try parse(#"{"unsubscribe":[]}"#).unsubscribe == [])
    }

    @Test("what is not JSON, no order, or has an entry that is none, is told apart")
    func failures() {
        #expect(throws: SubscribeRequest.Failure.notJSON) { try parse("subscribe") }
        #expect(throws: SubscribeRequest.Failure.notJSON) { try parse("") }
        #expect(throws: SubscribeRequest.Failure.notARequest) { try parse("[]") }
        #expect(throws: SubscribeRequest.Failure.notARequest) { try parse(#"{"action":"cancel"}"#) }
        for entry in ["1", "[1]", #"[{"after":"x"}]"#, #"[{"id":"a","after":7}]"#, "[null]"] {
            #expect(throws: SubscribeRequest.Failure.badEntry) { try parse("{\"subscribe\":\(entry)}") }
        }
    }
}

@Suite struct PreferFieldTests {
    @Test("wait=N is found among other preferences (RFC 7240 §4.3)")
    func wait() {
        #expect(PreferField.waitSeconds(["wait=30"]) == 30)
        #expect(PreferField.waitSeconds(["respond-async, Wait=5; foo=bar"]) == 5)
        #expect(PreferField.waitSeconds(["return=minimal", "wait = 7"]) == 7)
        #expect(PreferField.waitSeconds(["wait=0"]) == 0)
    }

    @Test(
        "anything else is no wish to wait",
        arguments: ["", "wait", "wait=", "wait=x", "wait=-1", "wait=1.5", "waits=3"])
    func none(value: String) {
        #expect(PreferField.waitSeconds([value]) == nil)
    }
}
