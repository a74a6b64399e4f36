import JSON
import Testing

@testable import Core

@Suite("The state of a document on the wire")
struct DocumentWireTests {
    /// The contract's example, in its order. Members are only ever added, so an older client finds these for good.
    static let members = [
        "document_id", "offset", "epoch", "status", "stage", "progress", "stage_progress", "pages_done", "pages_total",
        "bytes_received", "bytes_done", "bytes_total", "stages", "eta_seconds", "eta_low", "eta_high",
        "estimated_completion", "queue_position", "attempt", "resumed_from", "name", "content_type", "pipeline",
        "metadata", "sha256", "message", "error", "created_at", "updated_at",
    ]

    @Test("every state has exactly the members of the contract, in its order", arguments: DocumentStatus.allCases)
    func members(status: DocumentStatus) throws {
        #expect(try Document.sample(in: status).seen.members.map(\.key) == Self.members)
    }

    @Test("the first message of a resumed watch carries `recovered` besides", arguments: [true, false])
    func recovered(isRecovered: Bool) throws {
        let bytes = try Document.sample(in: .processing).encoded(now: .start, recovered: isRecovered)
        let seen = try #require(try JSONValue.parse(bytes).objectValue)
        #expect(seen.members.map(\.key) == Self.members + ["recovered"])
        #expect(seen["recovered"] == .bool(isRecovered))
    }

    @Test("a state is one line of compact JSON, as it is written here")
    func whole() throws {
        var document = Document(
            id: .sample, epoch: "9f3c", name: "policy \"a\"\n.pdf", contentType: nil, bytesTotal: 1000,
            pipeline: .document, metadata: ["customer": .integer(7)], awaitsContent: false, at: .start)
        document.percentage.ceilingRecorded(99)
        try document.apply([
            .uploadCompleted(bytes: 1000, sha256: "ab12", contentType: "application/pdf"), .leased,
            .worked(.pages([610, 598, 540], of: 1000)),
        ])
        document.message = "Reading page 611."
        document.advanceOffset()
        #expect(
            String(decoding: document.encoded(now: .start), as: UTF8.self) == """
                {"document_id":"0190b6c2-7e4a-7c3a-9d1e-0a1b2c3d4e5f","offset":1,"epoch":"9f3c","status":"processing",\
                "stage":"extracting","progress":66.9,"stage_progress":61.0,"pages_done":610,"pages_total":1000,\
                "bytes_received":1000,"bytes_done":1000,"bytes_total":1000,\
                "stages":[{"name":"extracting","done":610,"total":1000},{"name":"chunking","done":598,"total":1000},\
                {"name":"embedding","done":540,"total":1000}],\
                "eta_seconds":null,"eta_low":null,"eta_high":null,"estimated_completion":null,"queue_position":null,\
                "attempt":1,"resumed_from":null,"name":"policy \\"a\\"\\n.pdf","content_type":"application/pdf",\
                "pipeline":"document","metadata":{"customer":7},"sha256":"ab12","message":"Reading page 611.",\
                "error":null,"created_at":"2026-11-23T20:14:05.000Z","updated_at":"2026-11-23T20:14:08.000Z"}
                """)
    }

    @Test("pages are null until there are any, and for a document that has none")
    func pages() throws {
        let queued = try Document.sample(in: .queued).seen
        #expect(queued["pages_done"] == .null)
        #expect(queued["pages_total"] == .null)

        var document = try Document.sample(in: .queued)
        let stage = WorkProgress.Stage(done: 300, isFinished: false)
        let bytes = WorkProgress(total: 1000, unitsArePages: false, stages: [stage, stage, stage])
        try document.apply([.leased, .worked(bytes)])
        let seen = try document.seen
        #expect(seen["pages_done"] == .null)
        #expect(seen["pages_total"] == .null)
        #expect(seen["stage_progress"] == .number(30))

        try document.apply([.worked(.pages([301, 0, 0], of: nil))])
        #expect(try document.seen["pages_done"] == .integer(301))
    }

    @Test("an estimate carries its range and the time at which it ends")
    func estimate() throws {
        var document = try Document.sample(in: .queued)
        _ = try document.apply(.leased, at: .start)
        for step in 1...4 {
            let now = Moment.start.advanced(byMilliseconds: Int64(step) * 1000)
            _ = try document.apply(.worked(.pages([Int64(step), Int64(step), Int64(step)], of: 10)), at: now)
        }
        let estimate = try #require(document.estimate)
        let seen = try document.seen
        #expect(seen["eta_seconds"] == .number(estimate.seconds))
        #expect(seen["eta_low"] == .number(estimate.lowSeconds))
        #expect(seen["eta_high"] == .number(estimate.highSeconds))
        let end = Moment.start.unixMilliseconds + Int64(estimate.seconds * 1000)
        #expect(seen["estimated_completion"] == .string(Timestamp.text(unixMilliseconds: end)))
    }

    @Test("an error says what, why, and whether another try may help")
    func error() throws {
        #expect(
            try Document.sample(in: .failed).seen["error"]
                == .object([
                    "code": .string("crashed"), "detail": .string("The worker ended."), "retryable": .bool(true),
                ]))
    }

    @Test("codes are snake case, and none is there twice")
    func codes() {
        let codes = DocumentError.Code.allCases.map(\.rawValue)
        #expect(Set(codes).count == codes.count)
        for code in codes { #expect(code.utf8.allSatisfy { $0 == UInt8(ascii: "_") || (97...122).contains($0) }) }
    }

    @Test("each state takes the next offset")
    func offsets() throws {
        var document = try Document.sample(in: .queued)
        #expect(document.offset == 0)
        document.advanceOffset()
        document.advanceOffset()
        #expect(try document.seen["offset"] == .integer(2))
    }
}
