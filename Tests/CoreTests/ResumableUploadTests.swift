import JSON
import Testing

@testable import Core

@Suite("What an append may bring")
struct UploadAppendTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var append: UploadAppend
        var written: Int64
        var knownLength: Int64?
        var limitBytes: Int64?
        var outcome: Result<UploadRoom, AppendRefusal>

        var testDescription: String {
            "\(append.offset)+\(append.bodyBytes.map(String.init) ?? "?") of \(String(describing: append.length)) to "
                + "\(written) of \(String(describing: knownLength)), limit \(String(describing: limitBytes))"
        }
    }

    private static func taken(
        at offset: Int64, of length: Int64? = nil, bringing bodyBytes: Int64? = nil, last: Bool = false,
        known: Int64? = nil, limit: Int64? = nil, _ room: (length: Int64?, bytesMax: Int64?, endsAtLimit: Bool)
    ) -> Case {
        Case(
            append: UploadAppend(offset: offset, length: length, bodyBytes: bodyBytes, bodyCompletes: last),
            written: offset, knownLength: known, limitBytes: limit,
            outcome: .success(
                UploadRoom(length: room.length, bytesMax: room.bytesMax, endsAtLimit: room.endsAtLimit)))
    }

    private static func refused(
        at offset: Int64, of length: Int64? = nil, bringing bodyBytes: Int64? = nil, last: Bool = false,
        written: Int64? = nil, known: Int64? = nil, limit: Int64? = nil, _ refusal: AppendRefusal
    ) -> Case {
        Case(
            append: UploadAppend(offset: offset, length: length, bodyBytes: bodyBytes, bodyCompletes: last),
            written: written ?? offset, knownLength: known, limitBytes: limit, outcome: .failure(refusal))
    }

    static let table: [Case] = [
        // Nothing is known: as much as comes.
        taken(at: 0, (nil, nil, false)),
        taken(at: 7, bringing: 5, (nil, nil, false)),
        taken(at: 7, bringing: 5, last: true, (nil, nil, false)),
        taken(at: .max, bringing: .max, (nil, nil, false)),
        // A limit alone: up to it.
        taken(at: 0, limit: 10, (nil, 10, true)),
        taken(at: 4, bringing: 6, limit: 10, (nil, 6, true)),
        taken(at: 10, bringing: 0, limit: 10, (nil, 0, true)),
        taken(at: 0, bringing: .max, limit: .max, (nil, .max, true)),
        refused(at: 4, bringing: 7, limit: 10, .beyondLimit(10)),
        refused(at: 1, bringing: .max, limit: .max, .beyondLimit(.max)),
        // The limit was lowered since: nothing more is taken.
        taken(at: 20, limit: 10, (nil, 0, true)),
        refused(at: 20, bringing: 1, limit: 10, .beyondLimit(10)),
        // The length is known, said now, or both.
        taken(at: 0, known: 10, (10, 10, false)),
        taken(at: 0, of: 10, (10, 10, false)),
        taken(at: 4, of: 10, bringing: 6, last: true, known: 10, (10, 6, false)),
        taken(at: 4, bringing: 3, known: 10, (10, 6, false)),
        taken(at: 10, bringing: 0, known: 10, (10, 0, false)),
        taken(at: 10, bringing: 0, last: true, known: 10, limit: 10, (10, 0, false)),
        taken(at: 0, of: 0, bringing: 0, last: true, (0, 0, false)),
        taken(at: 0, of: .max, bringing: .max, limit: .max, (.max, .max, false)),
        taken(at: .max, bringing: 0, known: .max, (.max, 0, false)),
        refused(at: 4, of: 11, known: 10, .inconsistentLength(known: 10)),
        refused(at: 4, of: 3, .inconsistentLength(known: 4)),
        refused(at: 4, of: .min, .inconsistentLength(known: 4)),
        refused(at: 0, of: 11, limit: 10, .beyondLimit(10)),
        refused(at: 0, known: .max, limit: .max - 1, .beyondLimit(.max - 1)),
        refused(at: 4, bringing: 7, known: 10, .beyondLength(10)),
        refused(at: 1, bringing: .max, known: .max, .beyondLength(.max)),
        // The last body is all that is left, or its end would be no end.
        refused(at: 4, bringing: 5, last: true, known: 10, .inconsistentLength(known: 10)),
        // The place is judged before anything else.
        refused(
            at: 3, of: 9, bringing: 99, written: 4, known: 10, limit: 1, .mismatchingOffset(expected: 4, provided: 3)),
        refused(at: 5, written: 4, .mismatchingOffset(expected: 4, provided: 5)),
        refused(at: .max, written: 0, .mismatchingOffset(expected: 0, provided: .max)),
        refused(at: .min, written: .max, .mismatchingOffset(expected: .max, provided: .min)),
    ]

    @Test("an append is taken or refused as the table says", arguments: table)
    func room(_ row: Case) {
        let outcome = Result { () throws(AppendRefusal) in
            try row.append.room(written: row.written, knownLength: row.knownLength, limitBytes: row.limitBytes)
        }
        #expect(outcome == row.outcome)
    }

    /// Every figure near zero, near the middle and near the end of what an integer holds, each with each.
    @Test("whatever a client says, no sum overflows and no more room is given than there is")
    func extremes() {
        let figures: [Int64] = [0, 1, 2, 1 << 62, .max - 1, .max]
        let said: [Int64?] = [nil, .min, -1] + figures.map(Optional.some)
        for written in figures {
            for offset in [written, .min, .max] {
                for length in said {
                    for known in said {
                        for limit in [nil] + figures.map(Optional.some) {
                            for body in said {
                                for last in [false, true] {
                                    let append = UploadAppend(
                                        offset: offset, length: length, bodyBytes: body, bodyCompletes: last)
                                    guard
                                        let room = try? append.room(
                                            written: written, knownLength: known, limitBytes: limit)
                                    else { continue }
                                    if let most = room.bytesMax {
                                        #expect(most >= 0)
                                        let (end, overflows) = written.addingReportingOverflow(most)
                                        #expect(!overflows)
                                        if let total = room.length { #expect(end == total) }
                                        if let limit { #expect(end <= max(limit, written)) }
                                        if let body { #expect(body <= most) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    @Test(
        "tus ends an upload at its length; the draft where the client says so, and not before the length",
        arguments: [
            (4, 9, false, true, .unfinished), (9, 9, false, true, .complete), (9, nil, false, true, .unfinished),
            (4, 9, false, false, .unfinished), (9, 9, false, false, .unfinished), (9, 9, true, false, .complete),
            (4, 9, true, false, .shortOfLength(9)), (9, nil, true, false, .complete),
            (9, nil, false, false, .unfinished), (0, 0, true, false, .complete), (0, 0, false, true, .complete),
        ] as [(Int64, Int64?, Bool, Bool, UploadAppendEnd)])
    func ends(total: Int64, length: Int64?, bodyCompletes: Bool, endsAtLength: Bool, end: UploadAppendEnd) {
        #expect(
            UploadAppendEnd.of(total: total, length: length, bodyCompletes: bodyCompletes, endsAtLength: endsAtLength)
                == end)
    }
}

@Suite("The bytes of a resumable upload")
struct ResumableUploadTests {
    static let forms: [ResumableUpload.Form] = [
        .whole, .part, .concatenation([]), .concatenation([.sample, .nobody, .sample]),
    ]

    static func document(_ form: ResumableUpload.Form, metadata: String? = nil, length: Int64? = 100) -> Document {
        var document = Document.sample(bytesTotal: length, awaitsContent: true)
        document.upload = ResumableUpload(form: form, metadataText: metadata)
        return document
    }

    @Test("a record keeps the form, the metadata, the file and what is durable", arguments: forms)
    func roundTrip(form: ResumableUpload.Form) throws {
        for metadata in [nil, "", "filename cG9saWN5LnBkZg==,is_confidential"] {
            for length in [nil, 0, 100, Int64.max] {
                var document = Self.document(form, metadata: metadata, length: length)
                #expect(try document.restored().upload == document.upload)
                #expect(try document.restored().declaredBytes == length)
                #expect(try document.restored().isPart == (form == .part))
                try document.apply([.uploadContinued(token: .max, length: 200), .uploadAcknowledged(60)])
                let restored = try document.restored()
                #expect(restored.upload == document.upload)
                #expect(restored.upload.token == .max)
                #expect(restored.declaredBytes == 200)
                #expect(restored.upload.acknowledgedBytes == 60)
                #expect(restored.isPart == document.isPart)
                try document.apply([.uploadPaused(written: 90)])
                // What is not on record may be lost with the machine.
                #expect(try document.restored().upload.writtenBytes == 60)
            }
        }
    }

    @Test("a document of one request has no upload on record")
    func oneRequest() throws {
        var document = Document.sample()
        document.upload.metadataText = "a Yg=="
        #expect(try document.restored().upload == ResumableUpload())
    }

    @Test("bytes that begin again leave nothing of those that were")
    func beginAgain() throws {
        for change in [DocumentChange.uploadBegan(total: 50, contentType: nil), .uploadLost] {
            var document = Self.document(.whole, metadata: "a Yg==")
            try document.apply([.uploadContinued(token: 7, length: nil), .uploadAcknowledged(60), change])
            #expect(document.upload == ResumableUpload(form: .whole, metadataText: "a Yg=="))
            #expect(document.bytesReceived == 0 && document.bytesDone == 0)
        }
    }

    @Test("what is told lasts: a request that ends takes nothing back of what was acknowledged")
    func pausedBelow() throws {
        var document = Self.document(.whole)
        try document.apply([
            .uploadContinued(token: 7, length: nil), .uploadAcknowledged(60), .uploadPaused(written: 0),
        ])
        #expect(document.upload.writtenBytes == 60)
        #expect(document.upload.acknowledgedBytes == 60)
    }

    @Test("a cut back leaves what is on record, and shows no more")
    func cutBack() throws {
        var document = Self.document(.whole)
        try document.apply([
            .uploadContinued(token: 7, length: nil), .uploadAcknowledged(60), .uploadPaused(written: 90),
            .uploadCutBack,
        ])
        #expect(document.upload.writtenBytes == 60)
        #expect(document.bytesReceived == 60 && document.bytesDone == 60)
        #expect(document.percentage.published >= 60 * PipelineShape.uploadWeight / 100)
    }

    @Test("an upload that is over takes no change of its bytes")
    func over() throws {
        var document = try Document.sample(in: .failed)
        let before = document.upload
        #expect(throws: DocumentConflict.alreadyTerminal(.failed)) {
            try document.apply([.uploadContinued(token: 1, length: nil)])
        }
        #expect(try document.apply([.uploadPaused(written: 3)]) == .none)
        #expect(try document.apply([.uploadAcknowledged(3)]) == .none)
        #expect(try document.apply([.uploadCutBack]) == .none)
        #expect(document.upload == before)
    }
}
