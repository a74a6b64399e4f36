import Testing

@testable import Core

/// What an append may bring, and when its upload is complete.
@Suite("Resumable uploads") struct ResumableUploadTests {
    private func room(
        offset: Int64 = 5, length: Int64? = nil, body: Int64? = nil, completes: Bool = false, written: Int64 = 5,
        known: Int64? = nil, limit: Int64? = nil
    ) throws(AppendRefusal) -> UploadRoom {
        let append = UploadAppend(offset: offset, length: length, bodyBytes: body, bodyCompletes: completes)
        return try append.room(written: written, knownLength: known, limitBytes: limit)
    }

    @Test("an append begins exactly where the upload is")
    func offsets() throws {
        for offset in [0, 4, 6, Int64.max] as [Int64] {
            #expect(throws: AppendRefusal.mismatchingOffset(expected: 5, provided: offset)) { try room(offset: offset) }
        }
        #expect(try room() == UploadRoom(length: nil, bytesMax: nil, endsAtLimit: false))
    }

    @Test("a length that was said stays, and is never below what is there")
    func lengths() throws {
        #expect(try room(length: 9).length == 9 && room(known: 9).bytesMax == 4)
        #expect(try room(length: 9, known: 9).length == 9 && room(length: 5).bytesMax == 0)
        #expect(throws: AppendRefusal.inconsistentLength(known: 9)) { try room(length: 10, known: 9) }
        #expect(throws: AppendRefusal.inconsistentLength(known: 5)) { try room(length: 4) }
        #expect(throws: AppendRefusal.inconsistentLength(known: 9)) { try room(body: 3, completes: true, known: 9) }
    }

    @Test("no more is taken than the length or the limit leaves")
    func bounds() throws {
        #expect(throws: AppendRefusal.beyondLength(9)) { try room(body: 5, known: 9) }
        #expect(try room(body: 4, known: 9).bytesMax == 4)
        #expect(throws: AppendRefusal.beyondLimit(8)) { try room(known: 9, limit: 8) }
        #expect(throws: AppendRefusal.beyondLimit(8)) { try room(body: 4, limit: 8) }
        #expect(try room(limit: 8) == UploadRoom(length: nil, bytesMax: 3, endsAtLimit: true))
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
