import Testing
import Wire

/// The values of tus' own fields: checksums, metadata, concatenation.
@Suite struct UploadFieldValueTests {
    @Test(
        "checksums",
        arguments: [
            ("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", .sha1, 20), ("md5 1B2M2Y8AsgTpgAmY7PhCfg==", .md5, 16),
            ("sha256 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", .sha256, 32), ("crc32c 4waS3Q==", .crc32c, 4),
        ] as [(String, UploadChecksum.Algorithm, Int)])
    func checksums(text: String, algorithm: UploadChecksum.Algorithm, byteCount: Int) throws {
        let checksum = try UploadChecksum(parsing: text)
        #expect(checksum.algorithm == algorithm && checksum.value.count == byteCount)
        #expect(algorithm.digestByteCount == byteCount)
    }

    @Test("the sum of crc32c has its highest octet first")
    func octetOrder() throws {
        #expect(try UploadChecksum(parsing: "crc32c 4waS3Q==").value == [0xE3, 0x06, 0x92, 0xDD])
    }

    @Test(
        "what is no checksum",
        arguments: [
            ("", .checksumInvalid), ("sha1", .checksumInvalid), ("sha1 ", .checksumInvalid), (" ", .checksumInvalid),
            (" Kq5sNclPz7QV2+lfQIuc6R7oRu0=", .checksumInvalid),
            ("sha1  Kq5sNclPz7QV2+lfQIuc6R7oRu0=", .checksumInvalid),
            ("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0= ", .checksumInvalid),
            ("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0", .checksumInvalid),
            ("sha1 Kq5sNclPz7QV2-lfQIuc6R7oRu0=", .checksumInvalid),
            ("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu1=", .checksumInvalid),
            ("sha256 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", .checksumInvalid), ("md5 Kq5s", .checksumInvalid),
            ("sha1 2aae6c35c94fcfb415dbe95f408b9ce91ee846ed", .checksumInvalid), ("crc32c AAA=", .checksumInvalid),
            ("SHA1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", .checksumAlgorithmUnknown),
            ("crc32 4waS3Q==", .checksumAlgorithmUnknown), ("sha512 AAAA", .checksumAlgorithmUnknown),
            ("sha1\u{0} AAAA", .checksumAlgorithmUnknown), ("sha1\tKq5sNclPz7QV2+lfQIuc6R7oRu0=", .checksumInvalid),
            ("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=,sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", .checksumInvalid),
        ] as [(String, UploadFieldError)])
    func badChecksums(text: String, error: UploadFieldError) {
        #expect(uploadError { () throws(UploadFieldError) in try UploadChecksum(parsing: text) } == error)
    }

    @Test("a checksum is read out of trailers as out of a head, and not when it is there twice")
    func trailers() throws {
        #expect(try UploadChecksum(in: [:]) == nil)
        #expect(try UploadChecksum(in: ["upload-checksum": "crc32c AAAAAA=="])?.value == [0, 0, 0, 0])
        let twice: HTTPFields = ["Upload-Checksum": "crc32c AAAAAA==", "upload-checksum": "crc32c AAAAAA=="]
        let error = uploadError { () throws(UploadFieldError) in try UploadChecksum(in: twice) }
        #expect(error == .fieldRepeated(name: "Upload-Checksum"))
    }

    @Test("a sum that was announced behind the content decides; where it does not come, one before it does or none may")
    func decisiveChecksums() throws {
        let head = UploadChecksum(algorithm: .crc32c, value: [1, 2, 3, 4])
        let trailers: HTTPFields = ["Upload-Checksum": "crc32c AAAAAA=="]
        let trailer = UploadChecksum(algorithm: .crc32c, value: [0, 0, 0, 0])
        #expect(try UploadChecksum.decisive(head: head, trailers: trailers, isAnnounced: true) == trailer)
        #expect(try UploadChecksum.decisive(head: head, trailers: [:], isAnnounced: true) == head)
        #expect(try UploadChecksum.decisive(head: head, trailers: trailers, isAnnounced: false) == head)
        #expect(try UploadChecksum.decisive(head: nil, trailers: [:], isAnnounced: false) == nil)
        let error = uploadError { () throws(UploadFieldError) in
            try UploadChecksum.decisive(head: nil, trailers: [:], isAnnounced: true)
        }
        #expect(error == .checksumTrailerMissing && error?.status == 400)
    }

    @Test(
        "metadata",
        arguments: [
            ("", []), ("  ", []), ("filename d29ybGQucGRm", [("filename", "world.pdf")]),
            ("filename d29ybGQucGRm,is_confidential", [("filename", "world.pdf"), ("is_confidential", "")]),
            ("a YQ==, b Yg==\t,\tc", [("a", "a"), ("b", "b"), ("c", "")]), ("a ", [("a", "")]),
            ("relativePath bnVsbA==", [("relativePath", "null")]), ("A YQ==,a Yg==", [("A", "a"), ("a", "b")]),
            ("gr\u{F6}\u{DF}e MQ==", [("gr\u{F6}\u{DF}e", "1")]), ("a=b;c\"d YQ==", [("a=b;c\"d", "a")]),
            ("x " + Base64.encode(Array("\r\nSet-Cookie: a=b\0".utf8)), [("x", "\r\nSet-Cookie: a=b\0")]),
        ] as [(String, [(String, String)])])
    func metadata(text: String, items: [(String, String)]) throws {
        let metadata = try UploadMetadata(parsing: text)
        #expect(metadata.text == text)
        #expect(metadata.items.map(\.name) == items.map(\.0))
        for (name, value) in items { #expect(metadata[name] == value) }
        #expect(metadata["missing"] == nil)
    }

    @Test(
        "what is no metadata",
        arguments: [
            ",", "a YQ==,", ",a YQ==", "a YQ==,,b Yg==", "a YQ==,a Yg==", "a,a", "a  YQ==", "a YQ== x", "a YQ", "a Y",
            "a Y===", "a YR==", "a YQ==\u{0}", "a\u{0}b YQ==", "a\r\nX: y", "a\r\nX: y YQ==", "\u{7F} YQ==",
            "a\tb YQ==",
            "a -_8=", "a \u{E9}", "a YQ==;b Yg==", "a YQ==\r\n,b Yg==",
        ])
    func badMetadata(text: String) {
        #expect(uploadError { () throws(UploadFieldError) in try UploadMetadata(parsing: text) } == .metadataInvalid)
    }

    @Test("a value that is no UTF-8 is kept and is no text")
    func octets() throws {
        let metadata = try UploadMetadata(parsing: "raw /wD+")
        #expect(metadata.items.map(\.value) == [[0xFF, 0x00, 0xFE]] && metadata["raw"] == nil)
    }

    @Test("metadata is the same when its text is, and another when its names or values are")
    func equality() throws {
        let one = try UploadMetadata(parsing: "a YQ==")
        #expect(one == (try UploadMetadata(parsing: "a YQ==")))
        for other in ["a Yg==", "b YQ==", "a YQ==,b", ""] { #expect(one != (try UploadMetadata(parsing: other))) }
    }

    @Test("a hundred kilobytes of metadata are read in time that grows with their length alone")
    func large() throws {
        let long = try UploadMetadata(parsing: "a " + Base64.encode([UInt8](repeating: 7, count: 75_000)))
        #expect(long.items[0].value.count == 75_000)
        let names = (0..<20_000).map { "n\($0)" }
        let many = try UploadMetadata(parsing: names.joined(separator: ","))
        #expect(many.items.map(\.name) == names)
        let commas = String(repeating: ",", count: 100_000)
        #expect(uploadError { () throws(UploadFieldError) in try UploadMetadata(parsing: commas) } == .metadataInvalid)
    }

    @Test(
        "concatenation",
        arguments: [
            ("partial", .partial), ("final;/v1/uploads/a", .final(ids: ["a"])),
            ("final;/v1/uploads/a /v1/uploads/b /v1/uploads/a", .final(ids: ["a", "b", "a"])),
            ("final;http://h:8080/v1/uploads/a HTTPS://other/v1/uploads/b", .final(ids: ["a", "b"])),
            ("final;https://h/behind/a/proxy/v1/uploads/a", .final(ids: ["a"])),
            (
                "final;/v1/uploads/0190c0de-0000-7000-8000-00000000000f",
                .final(ids: ["0190c0de-0000-7000-8000-00000000000f"])
            ),
            ("final;http://[::1]:8080/v1/uploads/a", .final(ids: ["a"])),
        ] as [(String, UploadConcatenation)])
    func concatenations(text: String, value: UploadConcatenation) throws {
        #expect(try UploadConcatenation(parsing: text) == value)
        #expect(try UploadConcatenation(parsing: value.text) == value)
    }

    @Test(
        "what is no concatenation",
        arguments: [
            "", "Partial", "partial ", " partial", "partial;", "final", "final;", "final; ", "Final;/v1/uploads/a",
            "final; /v1/uploads/a", "final;/v1/uploads/a ", "final;/v1/uploads/a  /v1/uploads/b", "final;/v1/uploads/",
            "final;/v1/uploads", "final;/v1/uploads/a/b", "final;/v1/uploads/..", "final;/v1/uploads/.",
            "final;/v1/uploads/a?x=1", "final;/v1/uploads/a#x", "final;/v1/uploads/%61", "final;/v1/uploads/a%2Fb",
            "final;v1/uploads/a", "final;a", "final;ftp://h/v1/uploads/a", "final;http:///v1/uploads/a",
            "final;http://h",
            "final;http://h/v1/documents/a", "final;/files/a", "final;/v1/uploadsX/a", "final;/v1/uploads/a\u{0}",
            "final;/v1/uploads/\u{E9}", "final;/v1/uploads/a,/v1/uploads/b", "final;\u{0}",
            "final;/v1/uploads/a\r\nX: y",
        ])
    func badConcatenations(text: String) {
        let error = uploadError { () throws(UploadFieldError) in try UploadConcatenation(parsing: text) }
        #expect(error == .concatenationInvalid)
    }

    @Test("an upload has so many parts and no more, the same ones or not")
    func parts() throws {
        let urls = Array(repeating: "/v1/uploads/a", count: UploadConcatenation.partsMax)
        _ = try UploadConcatenation(parsing: "final;" + urls.joined(separator: " "))
        let error = uploadError { () throws(UploadFieldError) in
            try UploadConcatenation(parsing: "final;" + (urls + ["/v1/uploads/b"]).joined(separator: " "))
        }
        #expect(error == .tooManyParts)
    }
}
