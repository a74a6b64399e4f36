import Testing
import Wire

/// What is understood of a request that begins an upload, and of one that goes on with it.
@Suite struct UploadFieldsTests {
    private static let tusType = ("Content-Type", "application/offset+octet-stream")
    private static let partialType = ("Content-Type", "application/partial-upload")

    private func created(
        _ fields: [(String, String)], _ dialect: UploadDialect, _ framing: BodyFraming = .none
    ) throws -> UploadCreationFields {
        try UploadCreationFields(parsing: uploadHead("POST", fields, framing: framing), dialect: dialect)
    }

    private func appended(
        _ fields: [(String, String)], _ dialect: UploadDialect, _ framing: BodyFraming = .none
    ) throws -> UploadAppendFields {
        try UploadAppendFields(parsing: uploadHead("PATCH", fields, framing: framing), dialect: dialect)
    }

    // MARK: tus

    @Test("tus: an upload of a known length, of a later one, an empty one, one with its first bytes")
    func tusCreation() throws {
        let plain = try created([("Upload-Length", "100")], .tus)
        #expect(plain.length == 100 && !plain.isLengthDeferred && !plain.hasBody && plain.metadata == nil)
        #expect(plain.checksum == nil && plain.concatenation == nil && !plain.bodyCompletes)

        let deferred = try created([("Upload-Defer-Length", "1"), ("Content-Type", "text/plain")], .tus, .length(0))
        #expect(deferred.length == nil && deferred.isLengthDeferred && !deferred.hasBody)

        let empty = try created([("Upload-Length", "0"), ("Upload-Metadata", "")], .tus)
        #expect(empty.length == 0 && empty.metadata == nil)
        let lines = [("Upload-Length", "0"), ("Upload-Metadata", "a YQ=="), ("Upload-Metadata", "b Yg==,c")]
        let joined = try created(lines, .tus).metadata
        #expect(joined?.text == "a YQ==,b Yg==,c")
        #expect(joined?["a"] == "a" && joined?["b"] == "b" && joined?["c"]?.isEmpty == true)

        for framing in [BodyFraming.length(5), .chunked] {
            let full = try created(
                [
                    ("Upload-Length", "9223372036854775807"), Self.tusType, ("Upload-Metadata", "filename YQ=="),
                    ("Upload-Checksum", "crc32c AAAAAA=="), ("Trailer", "X, Upload-Checksum"),
                    ("Upload-Concat", "partial"),
                ], .tus, framing)
            #expect(full.length == .max && full.hasBody && full.metadata?["filename"] == "a")
            #expect(full.checksum?.algorithm == .crc32c && full.concatenation == .partial)
            #expect(full.concatenationText == "partial" && full.hasChecksumTrailer == (framing == .chunked))
        }

        let final = try created([("Upload-Concat", "final;http://h/v1/uploads/a")], .tus)
        #expect(final.concatenation == .final(ids: ["a"]) && final.length == nil && !final.isLengthDeferred)
        #expect(final.concatenationText == "final;http://h/v1/uploads/a")
    }

    @Test(
        "tus: creations that are refused",
        arguments: [
            ([], .none, .lengthMissing),
            ([("Upload-Length", "5"), ("Upload-Defer-Length", "1")], .none, .lengthAndDeferral),
            ([("Upload-Defer-Length", "0")], .none, .deferralInvalid),
            ([("Upload-Defer-Length", "")], .none, .deferralInvalid),
            ([("Upload-Defer-Length", "01")], .none, .deferralInvalid),
            ([("Upload-Defer-Length", "true")], .none, .deferralInvalid),
            ([("Upload-Length", "5")], .length(1), .contentTypeWrong(wanted: "application/offset+octet-stream")),
            ([("Upload-Length", "5")], .chunked, .contentTypeWrong(wanted: "application/offset+octet-stream")),
            (
                [("Upload-Length", "5"), ("Content-Type", "application/pdf")], .length(1),
                .contentTypeWrong(wanted: "application/offset+octet-stream")
            ),
            ([("Upload-Length", "5"), ("Upload-Metadata", "a b c")], .none, .metadataInvalid),
            ([("Upload-Length", "5"), ("Upload-Checksum", "md4 AAAA")], .none, .checksumAlgorithmUnknown),
            ([("Upload-Length", "5"), ("Upload-Concat", "maybe")], .none, .concatenationInvalid),
            ([("Upload-Concat", "final;/v1/uploads/a"), ("Upload-Length", "5")], .none, .finalWithLength),
            ([("Upload-Concat", "final;/v1/uploads/a"), ("Upload-Defer-Length", "1")], .none, .finalWithLength),
            ([("Upload-Concat", "final;/v1/uploads/a"), tusType], .length(1), .finalWithContent),
            ([("Upload-Concat", "partial")], .none, .lengthMissing),
            ([("Upload-Length", "5"), ("Upload-Length", "5")], .none, .fieldRepeated(name: "Upload-Length")),
            (
                [("Upload-Length", "5"), ("Upload-Metadata", "a"), ("Upload-Metadata", "a")], .none,
                .metadataInvalid
            ),
        ] as [([(String, String)], BodyFraming, UploadFieldError)])
    func tusCreationRefused(fields: [(String, String)], framing: BodyFraming, error: UploadFieldError) {
        #expect(throws: error) { try created(fields, .tus, framing) }
    }

    @Test("tus: an append, with and without what may come along")
    func tusAppend() throws {
        let plain = try appended([Self.tusType, ("Upload-Offset", "70")], .tus, .length(30))
        #expect(plain.offset == 70 && plain.length == nil && !plain.bodyCompletes && plain.checksum == nil)
        let full = try appended(
            [
                ("content-type", "Application/Offset+Octet-Stream; charset=x"), ("Upload-Offset", "0"),
                ("Upload-Length", "30"), ("Upload-Checksum", "crc32c AAAAAA=="), ("Trailer", "upload-checksum"),
            ], .tus, .chunked)
        #expect(full.offset == 0 && full.length == 30 && full.checksum != nil && full.hasChecksumTrailer)
    }

    @Test(
        "tus: appends that are refused",
        arguments: [
            ([("Upload-Offset", "0")], .contentTypeWrong(wanted: "application/offset+octet-stream")),
            ([("Upload-Offset", "0"), partialType], .contentTypeWrong(wanted: "application/offset+octet-stream")),
            (
                [("Upload-Offset", "0"), tusType, tusType],
                .contentTypeWrong(wanted: "application/offset+octet-stream")
            ),
            ([tusType], .offsetMissing), ([tusType, ("Upload-Offset", "")], .offsetInvalid),
            ([tusType, ("Upload-Offset", "0"), ("Upload-Offset", "0")], .fieldRepeated(name: "Upload-Offset")),
            ([tusType, ("Upload-Offset", "0"), ("Upload-Checksum", "x")], .checksumInvalid),
        ] as [([(String, String)], UploadFieldError)])
    func tusAppendRefused(fields: [(String, String)], error: UploadFieldError) {
        #expect(throws: error) { try appended(fields, .tus, .length(1)) }
    }

    @Test(
        "numbers that are none are refused, in every field and dialect",
        arguments: [
            "-1", "+1", " ", "1 ", "1.0", "1,1", "0x10", "1e3", "9223372036854775808", "99999999999999999999",
            "\u{661}", "?1", "1_000", "\"1\"", "",
        ])
    func numbers(text: String) {
        for dialect in uploadDialects {
            // A structured field may have spaces around it; whoever reads them from the wire has trimmed them.
            if text == "1 " && dialect != .tus { continue }
            let type = dialect == .tus ? Self.tusType : Self.partialType
            let completes = [("Upload-Complete", "?0"), ("Upload-Incomplete", "?1")]
            #expect(throws: UploadFieldError.lengthInvalid) {
                try created([("Upload-Length", text)] + completes, dialect)
            }
            #expect(throws: UploadFieldError.offsetInvalid) {
                try appended([type, ("Upload-Offset", text)] + completes, dialect)
            }
            #expect(throws: UploadFieldError.lengthInvalid) {
                try appended([type, ("Upload-Offset", "0"), ("Upload-Length", text)] + completes, dialect)
            }
        }
    }

    // MARK: The draft

    @Test("the draft: whether more is to come is said by Upload-Incomplete in version 3, by Upload-Complete later")
    func completeness() throws {
        for version in 3...8 {
            let dialect = UploadDialect.draft(interop: version)
            let (name, yes, no) =
                version == 3 ? ("Upload-Incomplete", "?0", "?1") : ("Upload-Complete", "?1", "?0")
            #expect(try created([(name, yes)], dialect).bodyCompletes)
            #expect(try !created([(name, no)], dialect).bodyCompletes)
            for text in ["1", "true", "?2", "", "?1, ?0", "??1"] {
                #expect(throws: UploadFieldError.completeInvalid) { try created([(name, text)], dialect) }
            }
            #expect(throws: UploadFieldError.completeMissing) { try created([], dialect) }
            #expect(throws: UploadFieldError.fieldRepeated(name: name)) {
                try created([(name, yes), (name, yes)], dialect)
            }
            let otherName = version == 3 ? "Upload-Complete" : "Upload-Incomplete"
            #expect(throws: UploadFieldError.completeMissing) { try created([(otherName, "?1")], dialect) }
        }
    }

    @Test(
        "the draft: the length of an upload is told by its field, or by content that is all of it",
        arguments: [
            (nil, "?1", .length(100), 100), (nil, "?1", .none, 0), (nil, "?1", .length(0), 0),
            (nil, "?1", .chunked, nil), ("7", "?1", .chunked, 7), (nil, "?0", .length(100), nil),
            ("700", "?0", .length(100), 700), ("100", "?1", .length(100), 100), ("50", "?0", .length(100), 50),
        ] as [(String?, String, BodyFraming, Int64?)])
    func draftLength(given: String?, completes: String, framing: BodyFraming, length: Int64?) throws {
        for version in 4...8 {
            let fields = [("Upload-Complete", completes)] + (given.map { [("Upload-Length", $0)] } ?? [])
            let creation = try created(fields + [("Upload-Metadata", "not for us")], .draft(interop: version), framing)
            #expect(creation.length == length && creation.isLengthDeferred == (length == nil))
            #expect(creation.hasBody == (framing != .none && framing != .length(0)))
            #expect(creation.metadata == nil && creation.concatenation == nil)
        }
    }

    @Test("the draft: two lengths that differ are refused")
    func inconsistent() {
        for version in 4...8 {
            let dialect = UploadDialect.draft(interop: version)
            let complete = ("Upload-Complete", "?1")
            #expect(throws: UploadFieldError.inconsistentLength) {
                try created([complete, ("Upload-Length", "99")], dialect, .length(100))
            }
            let append = [Self.partialType, ("Upload-Offset", "50"), complete]
            #expect(throws: UploadFieldError.inconsistentLength) {
                try appended(append + [("Upload-Length", "100")], dialect, .length(51))
            }
            #expect(throws: UploadFieldError.inconsistentLength) {
                try appended([append[0], append[2], ("Upload-Offset", "999999999999999")], dialect, .length(.max))
            }
        }
    }

    @Test(
        "the draft: an append's length is its offset and what follows, when nothing follows that",
        arguments: [
            (nil, "?1", .length(30), 100), (nil, "?0", .length(30), nil), ("100", "?1", .length(30), 100),
            (nil, "?1", .none, 70), (nil, "?1", .chunked, nil), ("900", "?0", .chunked, 900),
        ] as [(String?, String, BodyFraming, Int64?)])
    func draftAppend(given: String?, completes: String, framing: BodyFraming, length: Int64?) throws {
        for version in 4...8 {
            let fields =
                [Self.partialType, ("Upload-Offset", "70"), ("Upload-Complete", completes)]
                + (given.map { [("Upload-Length", $0)] } ?? [])
            let append = try appended(fields, .draft(interop: version), framing)
            #expect(append.offset == 70 && append.length == length && append.bodyCompletes == (completes == "?1"))
        }
    }

    @Test("the draft: from version 6 on appends have a media type of their own")
    func mediaType() throws {
        for version in 3...8 {
            let fields = [("Upload-Offset", "0"), ("Upload-Complete", "?0"), ("Upload-Incomplete", "?1")]
            for type in [[], [("Content-Type", "application/octet-stream")], [Self.tusType]] {
                if version < 6 {
                    #expect(try appended(fields + type, .draft(interop: version)).offset == 0)
                } else {
                    #expect(throws: UploadFieldError.contentTypeWrong(wanted: "application/partial-upload")) {
                        try appended(fields + type, .draft(interop: version))
                    }
                }
            }
            #expect(try appended(fields + [Self.partialType], .draft(interop: version)).offset == 0)
        }
    }

    @Test("the draft: an append that says nothing of more is the last one up to version 6, and refused later")
    func silentAppend() throws {
        for version in 3...8 {
            let fields = [("Upload-Offset", "5"), Self.partialType]
            if version <= 6 {
                let append = try appended(fields, .draft(interop: version), .length(5))
                #expect(append.bodyCompletes && append.length == 10)
            } else {
                #expect(throws: UploadFieldError.completeMissing) {
                    try appended(fields, .draft(interop: version), .length(5))
                }
            }
        }
    }

    @Test("every error has a status, a name of its own and a sentence")
    func answers() {
        let errors: [UploadFieldError] = [
            .tusVersionUnsupported, .fieldRepeated(name: "X"), .contentTypeWrong(wanted: "a/b"), .offsetMissing,
            .offsetInvalid, .lengthMissing, .lengthInvalid, .deferralInvalid, .lengthAndDeferral, .inconsistentLength,
            .completeMissing, .completeInvalid, .metadataInvalid, .checksumInvalid, .checksumAlgorithmUnknown,
            .concatenationInvalid, .finalWithLength, .finalWithContent,
        ]
        #expect(Set(errors.map(\.code)).count == errors.count)
        for error in errors {
            #expect([400, 403, 412, 415].contains(error.status) && error.detail.hasSuffix("."))
            for dialect in uploadDialects {
                #expect((error.type(dialect) != "about:blank") == (error == .inconsistentLength && dialect.isLate))
            }
        }
        #expect(UploadFieldError.contentTypeWrong(wanted: "a/b").fields["Accept-Patch"] == "a/b")
    }
}

extension UploadDialect {
    fileprivate var isLate: Bool {
        if case .draft(let interop) = self { interop >= 7 } else { false }
    }
}
