import JSON
import Testing

@testable import Core

/// A record is taken after every change of many random lives, read again, and held against the document that it was
/// taken of: in what a watcher sees, and in what decides how the life goes on.
@Suite("The record of a document")
struct DocumentRecordTests {
    /// Computed when read, or for one run only: they begin anew after a restart.
    static let unrecorded: Set = ["eta_seconds", "eta_low", "eta_high", "estimated_completion", "queue_position"]

    static func members(_ bytes: [UInt8]) throws -> JSONObject {
        var members = try #require(try JSONValue.parse(bytes).objectValue)
        for name in unrecorded { members[name] = .null }
        return members
    }

    @Test("a record that is read again is the document", arguments: DocumentStatus.allCases)
    func roundTrip(status: DocumentStatus) throws {
        let document = try Document.sample(in: status)
        let restored = try document.restored()
        #expect(try restored.seen == Self.members(document.encoded(now: .start)))
    }

    @Test("records of random lives lose nothing", arguments: UInt64(1)...40)
    func randomLives(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var life = RandomLife(&random)
        for step in 0..<40 {
            life.step(&random)
            let document = life.document
            let recorded = document.recorded(now: .start)
            let restored = try #require(
                Document(record: try JSONValue.parse(recorded), ceiling: document.percentage.recordedCeiling))
            // The record has all that a watcher sees, and what decides how the life goes on.
            let expected = try Self.members(recorded)
            let again = try Self.members(restored.recorded(now: .start))
            guard again == expected, restored.stages == document.stages, restored.queuePosition == nil,
                restored.estimate == nil,
                restored.percentage.recordedCeiling == document.percentage.recordedCeiling
            else {
                Issue.record("seed \(seed), step \(step), \(life.last): \(again) is not \(expected)")
                return
            }
        }
    }

    @Test("an error is read as it was recorded, whatever version wrote it")
    func foreignError() throws {
        var record = try #require(try JSONValue.parse(Document.sample(in: .failed).recorded(now: .start)).objectValue)
        record["error"] = .object(["code": .string("too_round"), "detail": .string("d"), "retryable": .bool(true)])
        let restored = try #require(Document(record: .object(record), ceiling: 50))
        #expect(restored.error == DocumentError(recordedCode: "too_round", detail: "d", isRetryable: true))
    }

    @Test(
        "what lacks a part that matters is no record",
        arguments: ["document_id", "epoch", "status", "pipeline", "name", "created_at", "updated_at", "record"])
    func incomplete(member: String) throws {
        var record = try #require(try JSONValue.parse(Document.sample(in: .queued).recorded(now: .start)).objectValue)
        record[member] = nil
        #expect(Document(record: .object(record), ceiling: 0) == nil)
        record[member] = .string("?")
        if !["epoch", "name", "record"].contains(member) {
            #expect(Document(record: .object(record), ceiling: 0) == nil)
        }
    }

    @Test("anything but an object is no record", arguments: ["null", "[]", "17", "\"text\"", "{}"])
    func foreign(text: String) throws {
        #expect(Document(record: try JSONValue.parse(text), ceiling: 0) == nil)
    }
}
