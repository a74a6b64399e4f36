import Testing

@testable import Wire

/// By which fields a request is known to be of a resumable upload.
@Suite struct UploadDialectTests {
    @Test(
        "the fields of a request tell its protocol",
        arguments: [
            ([], nil),
            ([("Content-Type", "application/pdf"), ("Upload-Length", "5"), ("Upload-Offset", "0")], nil),
            ([("Tus-Resumable", "1.0.0")], .tus),
            ([("tus-resumable", "1.0.0"), ("Upload-Complete", "?1")], .tus),
            ([("Upload-Complete", "?1")], .draft(interop: 8)), ([("upload-complete", "?0")], .draft(interop: 8)),
            ([("Upload-Incomplete", "?1")], .draft(interop: 3)),
            ([("Upload-Draft-Interop-Version", "3")], .draft(interop: 3)),
            ([("Upload-Draft-Interop-Version", "4")], .draft(interop: 4)),
            ([("Upload-Draft-Interop-Version", "5")], .draft(interop: 5)),
            ([("Upload-Draft-Interop-Version", "6")], .draft(interop: 6)),
            ([("Upload-Draft-Interop-Version", "7"), ("Upload-Complete", "?1")], .draft(interop: 7)),
            ([("Upload-Draft-Interop-Version", " 8;a=1")], .draft(interop: 8)),
            ([("Upload-Draft-Interop-Version", "3"), ("Upload-Complete", "?1")], .draft(interop: 3)),
            // Another draft than those known: a plain upload.
            ([("Upload-Draft-Interop-Version", "2"), ("Upload-Complete", "?1")], nil),
            ([("Upload-Draft-Interop-Version", "9"), ("Upload-Complete", "?1")], nil),
            ([("Upload-Draft-Interop-Version", "-3")], nil), ([("Upload-Draft-Interop-Version", "+3")], nil),
            ([("Upload-Draft-Interop-Version", "six")], nil), ([("Upload-Draft-Interop-Version", "")], nil),
            ([("Upload-Draft-Interop-Version", "6.0")], nil), ([("Upload-Draft-Interop-Version", "\"6\"")], nil),
            ([("Upload-Draft-Interop-Version", "6, 6")], nil),
            ([("Upload-Draft-Interop-Version", "6"), ("Upload-Draft-Interop-Version", "6")], nil),
            ([("Upload-Draft-Interop-Version", "999999999999999")], nil),
            ([("Upload-Draft-Interop-Version", "99999999999999999999")], nil),
        ] as [([(String, String)], UploadDialect?)])
    func dialect(fields: [(String, String)], dialect: UploadDialect?) throws {
        #expect(try UploadDialect.of(uploadHead("POST", fields)) == dialect)
    }

    @Test(
        "another version of tus is refused, whatever else the request says, and told which one is spoken",
        arguments: ["1.0.1", "1.0", "0.2.2", "", "2.0.0", "1.0.0, 0.2.2", " 1.0.0"])
    func tusVersions(version: String) {
        for method in ["POST", "PATCH", "HEAD", "DELETE", "GET"] {
            let head = uploadHead(method, [("Tus-Resumable", version), ("Upload-Complete", "?1")])
            let error = uploadError { () throws(UploadFieldError) in try UploadDialect.of(head) }
            #expect(error == .tusVersionUnsupported)
        }
        #expect(UploadFieldError.tusVersionUnsupported.status == 412)
        #expect(UploadFieldError.tusVersionUnsupported.fields["Tus-Version"] == "1.0.0")
    }

    @Test("OPTIONS is answered whatever version of tus it names")
    func options() throws {
        for version in ["1.0.0", "0.2.2", ""] {
            #expect(try UploadDialect.of(uploadHead("OPTIONS", [("Tus-Resumable", version)])) == .tus)
        }
    }

    @Test("a version that is named twice is refused")
    func repeated() {
        let head = uploadHead("HEAD", [("Tus-Resumable", "1.0.0"), ("Tus-Resumable", "1.0.0")])
        let error = uploadError { () throws(UploadFieldError) in try UploadDialect.of(head) }
        #expect(error == .fieldRepeated(name: "Tus-Resumable"))
    }

    @Test("104 goes only to HTTP/1.1 clients that name a known version of the draft")
    func interim() {
        for version in 3...8 {
            let fields = [("Upload-Draft-Interop-Version", "\(version)"), ("Upload-Complete", "?1")]
            #expect(UploadDialect.allowsInterim(uploadHead("POST", fields)))
            #expect(!UploadDialect.allowsInterim(uploadHead("POST", fields, minorVersion: 0)))
            #expect(UploadDialect.allowsProgress(uploadHead("PATCH", fields)) == (version >= 5))
            #expect(!UploadDialect.allowsProgress(uploadHead("PATCH", fields, minorVersion: 0)))
        }
        for fields in [
            [("Upload-Complete", "?1")], [("Tus-Resumable", "1.0.0")], [],
            [("Upload-Draft-Interop-Version", "9")], [("Upload-Draft-Interop-Version", "x")],
            [("Upload-Draft-Interop-Version", "8"), ("Tus-Resumable", "1.0.0")],
        ] {
            #expect(!UploadDialect.allowsInterim(uploadHead("POST", fields)))
        }
    }

    @Test(
        "integers of structured fields",
        arguments: [
            ("0", 0), ("42", 42), ("-42", -42), ("00042", 42), ("999999999999999", 999_999_999_999_999),
            ("  7  ", 7), ("7;a", 7), ("7;a=1;b=?1;c=\"x;\\\"\\\\\";*d=:YQ==:", 7), ("7; a=tok/en:x", 7),
            ("1000000000000000", nil), ("9223372036854775808", nil), ("", nil), (" ", nil), ("-", nil), ("--1", nil),
            ("+1", nil), ("1.0", nil), ("1 2", nil), ("1,", nil), ("\t1", nil), ("1\t", nil), ("0x1", nil),
            ("1e3", nil), ("\u{661}", nil), ("1;", nil), ("1;A", nil), ("1;a=", nil), ("1;a=\"x", nil),
            ("1;a=\"\u{E9}\"", nil), ("1 ;a", nil), ("1;a=\"\\x\"", nil), ("1;a;", nil), ("1;a b", nil),
            ("1;a=x,2", nil),
        ] as [(String, Int64?)])
    func integers(text: String, value: Int64?) {
        #expect(StructuredItem.integer(text) == value)
    }

    @Test(
        "booleans of structured fields",
        arguments: [
            ("?1", true), ("?0", false), (" ?1 ", true), ("?0;x=1", false), ("?2", nil), ("?", nil), ("1", nil),
            ("true", nil), ("?1, ?0", nil), ("?10", nil), ("? 1", nil), ("", nil), ("\t?1", nil), ("?1;", nil),
        ] as [(String, Bool?)])
    func booleans(text: String, value: Bool?) {
        #expect(StructuredItem.boolean(text) == value)
    }
}
