import Testing
import Wire

/// The values of single fields: media types, preferences, validators, dispositions.
@Suite struct FieldValueTests {
    @Test(
        "media types",
        arguments: [
            ("application/pdf", "application/pdf", [:]), ("Text/HTML;Charset=utf-8", "text/html", ["charset": "utf-8"]),
            (" text/plain ; a=1 ;; b=\"x; \\\"y\\\"\" ; ", "text/plain", ["a": "1", "b": "x; \"y\""]),
            ("multipart/form-data; boundary=----=_Part_7/8", "multipart/form-data", ["boundary": "----=_Part_7/8"]),
            ("multipart/form-data; boundary=\"a b\"", "multipart/form-data", ["boundary": "a b"]),
            ("a/b; x=1; X=2", "a/b", ["x": "1"]), ("image/svg+xml", "image/svg+xml", [:]),
            ("a/b;x=\"\"", "a/b", ["x": ""]),
        ] as [(String, String, [String: String])])
    func mediaTypes(text: String, essence: String, parameters: [String: String]) throws {
        let type = try #require(MediaType(parsing: text))
        #expect(type.essence == essence && type.parameters == parameters)
    }

    @Test(
        "what is no media type",
        arguments: [
            "", "text", "/", "text/", "/plain", "text/plain/x", "te xt/plain", "text/plain x", "text/plain; charset",
            "text/plain; =x", "text/plain; a=", "text/plain; a=\"b", "text/plain; a =b", "text/pl\u{E9}in",
            "text/plain, text/html", "text/plain; a=b c", "text/plain; a=\"b\"c", "text/plain;a=b\"c\"",
        ])
    func badMediaTypes(text: String) {
        #expect(MediaType(parsing: text) == nil)
    }

    @Test(
        "the most specific range of Accept decides",
        arguments: [
            (nil, 1), ("", 1), ("*/*", 1), ("application/json", 1), ("APPLICATION/JSON", 1), ("text/html", 0),
            ("application/*;q=0.5", 0.5), ("*/*;q=0.1, application/*;q=0.5, application/json;q=0", 0),
            ("application/json;q=0.2, */*", 0.2), ("text/*, */*;q=0.001", 0.001),
            ("application/json;charset=utf-8;q=0.7", 0.7), ("application/json ; Q=0.7", 0.7),
            ("application/json;q=0.3, application/json;q=0.6", 0.6), ("application/json;q=2", 1),
            ("application/json;q=x", 1), ("application/json;q=1.000", 1), ("*", 0), ("*/json", 0), (",,", 1),
            ("application/json;v=\"a,b;q=0\";q=0.4", 0.4), ("text/html, application", 0),
        ] as [(String?, Double)])
    func accept(accept: String?, expected: Double) {
        #expect(AcceptField.quality(of: "application", subtype: "json", in: accept) == expected)
    }

    @Test(
        "gzip is used where it is wanted and identity is not wanted more",
        arguments: [
            (nil, false), ("", false), ("gzip", true), ("GZIP, deflate, br", true), ("x-gzip", true),
            ("deflate", false),
            ("*", true), ("*;q=0", false), ("gzip;q=0", false), ("gzip;q=0, *", false), ("gzip;q=0.001", true),
            ("identity, gzip;q=0.5", false), ("identity;q=0.5, gzip", true), ("identity;q=0, *", true),
            ("gzip;q=0.5, identity;q=0.5", true), ("br;q=1, *;q=0", false), ("gzip, *;q=0", true),
        ] as [(String?, Bool)])
    func acceptEncoding(value: String?, expected: Bool) {
        #expect(AcceptField.acceptsGzip(value) == expected)
    }

    @Test(
        "If-None-Match compares weakly, over a list, and * matches all",
        arguments: [
            ("\"a-1\"", true), ("W/\"a-1\"", true), ("\"b\", W/\"a-1\"", true), ("*", true),
            ("\"x\",\"a,b\",\"a-1\"", true),
            ("\"a-2\"", false), ("", false), ("a-1", false), ("\"b,\"a-1\"", false), ("w/\"a-1\"", false),
            ("\"A-1\"", false),
        ])
    func entityTags(field: String, expected: Bool) {
        #expect(EntityTag.matches(ifNoneMatch: field, tag: "\"a-1\"") == expected)
        #expect(EntityTag.matches(ifNoneMatch: field, tag: "W/\"a-1\"") == expected)
    }

    @Test(
        "dispositions as they are really sent",
        arguments: [
            ("form-data; name=\"file\"; filename=\"a b.pdf\"", "file", "a b.pdf"),
            ("form-data; name=file; filename=a.pdf", "file", "a.pdf"),
            ("Form-Data;NAME=\"x\"", "x", nil), ("form-data; name=\"\"; filename=\"\"", "", ""),
            ("form-data; name=\"a\"; filename=\"x%22y%22%20100%.pdf\"", "a", "x\"y\"%20100%.pdf"),
            ("form-data; name=\"a\"; filename=\"x\\\"y.pdf\"", "a", "x\"y.pdf"),
            ("form-data; name=\"a\"; filename=\"résumé.pdf\"", "a", "résumé.pdf"),
            ("form-data; name=\"a\"; filename=\"C:\\Users\\me\\new.pdf\"", "a", "new.pdf"),
            ("form-data; name=\"a\"; filename=\"../../etc/passwd\"", "a", "passwd"),
            ("form-data; name=\"a\"; filename=\"x\"; filename*=UTF-8''na%C3%AFve%20%E2%82%AC.pdf", "a", "naïve €.pdf"),
            ("form-data; name=\"a\"; filename*=iso-8859-1'en'%A3.pdf", "a", "£.pdf"),
            ("form-data; name=\"a\"; filename=\"x\"; filename*=UTF-8''%FF", "a", "x"),
            ("form-data; name=\"a\"; filename=\"x\"; filename*=koi8-r''%C1", "a", "x"),
            ("form-data; name=\"a\"; filename=\"x\"; filename*=utf-8''a%2Fb", "a", "b"),
            ("form-data; name=\"a\"; filename=\"x\"; filename*=plain", "a", "x"),
            ("attachment", nil, nil),
        ] as [(String, String?, String?)])
    func dispositions(value: String, name: String?, filename: String?) throws {
        let parsed = try #require(ContentDisposition.parse(value))
        #expect(parsed.name == name && parsed.filename == filename)
        #expect(parsed.kind == (value == "attachment" ? "attachment" : "form-data"))
    }

    @Test(
        "what is no disposition", arguments: ["", ";", "form data", "form-data; name", "form-data; name=\"a", "\"x\""])
    func badDispositions(value: String) {
        #expect(ContentDisposition.parse(value) == nil)
    }

    @Test("a download's name is plain where it is ASCII, else given twice, and comes back as it was")
    func attachments() {
        #expect(ContentDisposition.attachment(filename: "a b.pdf") == "attachment; filename=\"a b.pdf\"")
        #expect(
            ContentDisposition.inline(filename: "naïve \"€\".pdf")
                == "inline; filename=\"na_ve ___.pdf\"; filename*=UTF-8''na%C3%AFve%20%22%E2%82%AC%22.pdf")
        for name in ["100%.pdf", "\"", "日本語.pdf", "a;b=c.pdf", "x\r\ny", "it's.pdf"] {
            let value = ContentDisposition.attachment(filename: name)
            #expect(value.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F })
            #expect(ContentDisposition.parse(value)?.filename == name)
        }
    }
}
