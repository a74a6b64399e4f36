import JSON
import Testing
import Wire

/// Status and fields of every reply, whole.
@Suite struct UploadRepliesTests {
    private static let now: Int64 = 1_795_464_845_123
    private static let expires = now + 3_600_999
    private static let expiresText = "Mon, 23 Nov 2026 21:14:06 GMT"
    private static let half = UploadStanding(offset: 5, length: 11, expiresUnixMilliseconds: expires)
    private static let whole = UploadStanding(
        offset: 11, length: 11, isComplete: true, expiresUnixMilliseconds: expires)

    private func expect(
        _ kind: UploadReplyKind, _ standing: UploadStanding, _ dialect: UploadDialect, _ status: Int,
        _ fields: [String: String], sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let reply = UploadReplies.response(kind, standing, dialect: dialect, nowUnixMilliseconds: Self.now)
        #expect(reply.status == status, sourceLocation: sourceLocation)
        let said = Dictionary(uniqueKeysWithValues: reply.fields.pairs.map { ($0.name, $0.value) })
        #expect(said == fields, "\(kind) \(dialect)", sourceLocation: sourceLocation)
    }

    @Test("tus: created, appended, asked after")
    func tus() {
        let fields = ["Tus-Resumable": "1.0.0", "Upload-Offset": "5", "Upload-Expires": Self.expiresText]
        expect(.created(location: "/l"), Self.half, .tus, 201, fields.merging(["Location": "/l"]) { $1 })
        expect(.appended, Self.half, .tus, 204, fields)
        let asked = ["Upload-Length": "11", "Cache-Control": "no-store"]
        expect(.standing, Self.half, .tus, 200, fields.merging(asked) { $1 })
        let whole = ["Tus-Resumable": "1.0.0", "Upload-Offset": "11"]
        // A part: what is complete and a document is never said to expire.
        expect(.appended, Self.whole, .tus, 204, whole.merging(["Upload-Expires": Self.expiresText]) { $1 })
        expect(.appended, UploadStanding(offset: 11, length: 11, isComplete: true), .tus, 204, whole)
    }

    @Test("tus: HEAD gives metadata and concatenation back, and says that a length is still to come")
    func tusStanding() {
        let base = ["Tus-Resumable": "1.0.0", "Cache-Control": "no-store"]
        expect(
            .standing, UploadStanding(offset: 0, metadata: "a YQ==", concatenation: "partial"), .tus, 200,
            base.merging([
                "Upload-Offset": "0", "Upload-Defer-Length": "1", "Upload-Metadata": "a YQ==",
                "Upload-Concat": "partial",
            ]) { $1 })
        let final = "final;/v1/uploads/a"
        expect(
            .standing, UploadStanding(offset: nil, concatenation: final), .tus, 200,
            base.merging(["Upload-Concat": final]) { $1 })
        expect(
            .standing, UploadStanding(offset: nil, length: 11, concatenation: final), .tus, 200,
            base.merging(["Upload-Concat": final, "Upload-Length": "11"]) { $1 })
    }

    @Test("the draft: completeness and limits in the words of each version")
    func draft() {
        let words: [(version: Int, incomplete: [String: String], complete: [String: String])] = [
            (3, ["Upload-Incomplete": "?1"], ["Upload-Incomplete": "?0"]),
            (4, ["Upload-Complete": "?0"], ["Upload-Complete": "?1"]),
            (5, ["Upload-Complete": "?0"], ["Upload-Complete": "?1"]),
            (6, ["Upload-Complete": "?0", "Upload-Limit": "expires=3600"], ["Upload-Complete": "?1"]),
            (7, ["Upload-Complete": "?0", "Upload-Limit": "max-age=3600"], ["Upload-Complete": "?1"]),
            (
                8, ["Upload-Complete": "?0", "Upload-Limit": "max-age=3600"],
                ["Upload-Complete": "?1", "Upload-Limit": "min-size=0"]
            ),
        ]
        for (version, incomplete, complete) in words {
            let dialect = UploadDialect.draft(interop: version)
            let at5 = incomplete.merging(["Upload-Offset": "5"]) { $1 }
            let at11 = complete.merging(["Upload-Offset": "11"]) { $1 }
            let asked = ["Upload-Length": "11", "Cache-Control": "no-store"]
            expect(.created(location: "/l"), Self.half, dialect, 201, at5.merging(["Location": "/l"]) { $1 })
            expect(.created(location: "/l"), Self.whole, dialect, 202, at11.merging(["Location": "/l"]) { $1 })
            expect(.appended, Self.half, dialect, version <= 6 ? 201 : 204, at5)
            expect(.appended, Self.whole, dialect, 202, at11)
            expect(.standing, Self.half, dialect, 204, at5.merging(asked) { $1 })
            expect(.standing, Self.whole, dialect, 204, at11.merging(asked) { $1 })
        }
    }

    @Test("the draft: an upload of unknown length has none; limits stand beside one another")
    func draftLimits() {
        let standing = UploadStanding(offset: 0, expiresUnixMilliseconds: Self.now - 1, sizeLimitBytes: 1000)
        expect(
            .standing, standing, .draft(interop: 7), 204,
            [
                "Upload-Offset": "0", "Upload-Complete": "?0", "Upload-Limit": "max-size=1000, max-age=0",
                "Cache-Control": "no-store",
            ])
        expect(
            .appended, UploadStanding(offset: 0), .draft(interop: 6), 201,
            ["Upload-Offset": "0", "Upload-Complete": "?0"])
        expect(
            .appended, UploadStanding(offset: 0), .draft(interop: 8), 204,
            ["Upload-Offset": "0", "Upload-Complete": "?0", "Upload-Limit": "min-size=0"])
    }

    @Test("the draft: 104 names its version; at first it has the location, later the offset, never both")
    func interim() {
        for version in 3...8 {
            let limit = [6: "expires=3600", 7: "max-age=3600", 8: "max-age=3600"][version].map { ["Upload-Limit": $0] }
            let named = ["Upload-Draft-Interop-Version": "\(version)"]
            let dialect = UploadDialect.draft(interop: version)
            expect(
                .interim(location: "/l"), Self.half, dialect, 104,
                named.merging(["Location": "/l"]) { $1 }.merging(limit ?? [:]) { $1 })
            expect(.interim(location: nil), Self.half, dialect, 104, named.merging(["Upload-Offset": "5"]) { $1 })
        }
    }

    @Test("OPTIONS tells what is spoken in both protocols")
    func options() {
        let fields = [
            "Tus-Resumable": "1.0.0", "Tus-Version": "1.0.0", "Tus-Checksum-Algorithm": "sha1,sha256,md5,crc32c",
            "Tus-Extension":
                "creation,creation-with-upload,creation-defer-length,checksum,checksum-trailer,expiration,termination,"
                + "concatenation,concatenation-unfinished",
            "Upload-Limit": "min-size=0",
            "Accept-Patch": "application/offset+octet-stream, application/partial-upload",
        ]
        for dialect in uploadDialects {
            expect(.options, UploadStanding(offset: nil), dialect, 200, fields)
            expect(
                .options, UploadStanding(offset: nil, sizeLimitBytes: 9), dialect, 200,
                fields.merging(["Upload-Limit": "max-size=9", "Tus-Max-Size": "9"]) { $1 })
        }
    }

    @Test("refusals: each version gets the status, the type and the fields that it knows")
    func refusals() {
        let mismatch = UploadRefusal.offsetMismatch(expected: 5, provided: 9)
        let (inconsistent, completed) = (
            UploadRefusal.inconsistentLength(offset: 5), UploadRefusal.completed(offset: 11)
        )
        let registry = "https://iana.org/assignments/http-problem-types#"
        for dialect in uploadDialects {
            let version = if case .draft(let interop) = dialect { interop } else { 0 }
            #expect(mismatch.status(dialect) == 409 && inconsistent.status(dialect) == 400)
            #expect(completed.status(dialect) == (version == 0 ? 409 : 400))
            #expect(
                mismatch.type(dialect) == (version >= 6 ? registry + "mismatching-upload-offset" : "about:blank"))
            #expect(completed.type(dialect) == (version >= 6 ? registry + "completed-upload" : "about:blank"))
            #expect(
                inconsistent.type(dialect) == (version >= 7 ? registry + "inconsistent-upload-length" : "about:blank"))
            for refusal in [mismatch, inconsistent, completed] {
                let fields = refusal.fields(dialect)
                #expect(fields["Upload-Offset"] == (refusal == completed ? "11" : "5"))
                #expect(fields["Tus-Resumable"] == (version == 0 ? "1.0.0" : nil))
                // Early versions mean the upload, later ones this answer.
                let isSaidComplete = refusal == completed && version < 7
                #expect(fields["Upload-Complete"] == (version >= 4 ? (isSaidComplete ? "?1" : "?0") : nil))
                #expect(fields["Upload-Incomplete"] == (version == 3 ? (isSaidComplete ? "?0" : "?1") : nil))
                #expect(refusal.detail.hasSuffix("."))
            }
        }
        #expect(mismatch.members == ["expected-offset": .integer(5), "provided-offset": .integer(9)])
        #expect(completed.members.isEmpty && inconsistent.members.isEmpty)
    }

    @Test("a refusal of any kind says which protocol it is of, and from version 7 that it is the upload's own")
    func refusalFields() {
        #expect(UploadReplies.refusalFields(.tus) == ["Tus-Resumable": "1.0.0"])
        for version in 3...6 { #expect(UploadReplies.refusalFields(.draft(interop: version)) == [:]) }
        for version in 7...8 {
            #expect(UploadReplies.refusalFields(.draft(interop: version)) == ["Upload-Complete": "?0"])
        }
        #expect(UploadReplies.terminationFields(.tus) == ["Tus-Resumable": "1.0.0"])
        #expect(UploadReplies.terminationFields(.draft(interop: 8)) == [:])
    }
}
