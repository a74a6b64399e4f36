import JSON
import Testing

@testable import Client

@Suite struct DocumentStateTests {
    @Test("a state object is read whole, and fields of tomorrow are ignored")
    func readsState() throws {
        let state = try state()
        #expect(state.status == .processing)
        #expect(state.stages.map(\.name) == ["extracting", "chunking", "embedding"])
        #expect(state.stages[0] == .init(name: "extracting", done: 610, total: 1000))
        #expect(state.resumePoint == "9f3c-17")
        #expect(state.ageMilliseconds == 20_400)
        #expect(state.failure == nil)
    }

    @Test("what has no id or no status is no state")
    func refusesOther() throws {
        for text in ["{}", "[]", "1", #"{"document_id":"a"}"#, #"{"status":"queued"}"#, #"{"error":{"code":"x"}}"#] {
            #expect(DocumentState(try JSONValue.parse(text)) == nil)
        }
    }

    @Test("a status of tomorrow is kept and is not terminal")
    func unknownStatus() throws {
        let state = try state(#"{"status":"archived"}"#)
        #expect(state.status == .other("archived"))
        #expect(!state.status.isTerminal)
        #expect(state.status.text == "archived")
    }

    @Test("members of the wrong kind count as missing, a percentage outside 0–100 is held inside")
    func wrongKinds() throws {
        let state = try state(
            #"{"stages":[1,{"name":"a"},{}],"progress":250,"error":"no","created_at":7,"offset":"x"}"#)
        #expect(state.stages == [.init(name: "a", done: 0, total: nil)])
        #expect(state.progress == 100)
        #expect(state.failure == nil)
        #expect(state.resumePoint == nil)
    }

    @Test("of more stages than stagesMax the rest is left out")
    func boundsStages() throws {
        let many = (0..<100).map { #"{"name":"s\#($0)","done":0,"total":1}"# }.joined(separator: ",")
        #expect(try state(#"{"stages":[\#(many)]}"#).stages.count == DocumentState.stagesMax)
    }

    @Test(
        "RFC 3339 times are read to the millisecond",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2026-11-23T20:14:05Z", 1_795_464_845_000),
            ("2026-11-23T20:14:05.25Z", 1_795_464_845_250), ("2026-11-23T21:14:05.123456+01:00", 1_795_464_845_123),
            ("2026-11-23t19:14:05-01:00", 1_795_464_845_000), ("2024-02-29T00:00:00Z", 1_709_164_800_000),
            ("2000-03-01T00:00:00Z", 951_868_800_000),
        ] as [(String, Int64)])
    func readsTime(text: String, milliseconds: Int64) {
        #expect(Timestamp(text)?.milliseconds == milliseconds)
    }

    @Test(
        "what is no time is nil",
        arguments: [
            "", "now", "2026-11-23", "2026-13-23T20:14:05Z", "2026-11-23T24:14:05Z", "2026-11-23T20:14:05",
            "2026-11-23T20:14:05.Z", "2026-11-23T20:14:05Zx", "+026-11-23T20:14:05Z",
        ])
    func refusesTime(text: String) {
        #expect(Timestamp(text) == nil)
    }
}
