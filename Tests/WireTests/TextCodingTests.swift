import Testing
import Wire

@Suite struct TextCodingTests {
    @Test(
        "base 64 both ways (RFC 4648 §10)",
        arguments: [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"), ("\u{0}\u{FF}\u{FE}", "AP/+"), ("\u{FB}\u{EF}\u{BE}", "++++"),
        ])
    func base64(plain: String, coded: String) {
        #expect(Base64.encode(plain.octets) == coded)
        #expect(Base64.decode(coded) == plain.octets)
    }

    @Test(
        "base 64 has one spelling for each value",
        arguments: [
            "Z", "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Zm8=Zg==", "=", "====", "A===", "Zm 8", "Zm8\n", "Zm-_", "Zm9é",
        ])
    func badBase64(text: String) {
        #expect(Base64.decode(text) == nil)
    }

    @Test("any octets survive base 64", arguments: 0..<20 as Range<UInt64>)
    func base64RoundTrip(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let octets = (0..<Int.random(in: 0...100, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random)
        }
        #expect(Base64.decode(Base64.encode(octets)) == octets)
    }

    @Test(
        "percent escapes are decoded strictly",
        arguments: [
            ("a%20b", "a b"), ("%C3%A9", "é"), ("%c3%a9", "é"), ("résumé", "résumé"), ("a+b", "a+b"), ("", ""),
            ("%00", "\u{0}"),
            ("%252e", "%2e"), ("%", nil), ("%2", nil), ("%zz", nil), ("%C0%AE", nil), ("%FF", nil), ("%C3", nil),
            ("%ED%A0%80", nil), ("a%2", nil),
        ] as [(String, String?)])
    func percentDecoding(text: String, expected: String?) {
        #expect(PercentCoding.decode(text) == expected)
        #expect(PercentCoding.decode(text[...]) == expected)
    }

    @Test("a path segment keeps what may stand there and escapes the rest")
    func percentEncoding() {
        #expect(PercentCoding.encodePathSegment("a-B_1.~!$&'()*+,;=:@") == "a-B_1.~!$&'()*+,;=:@")
        #expect(PercentCoding.encodePathSegment("a/b?c#d %é\\") == "a%2Fb%3Fc%23d%20%25%C3%A9%5C")
        let name = "100% \"真\" /\u{0}"
        #expect(PercentCoding.decode(PercentCoding.encodePathSegment(name)) == name)
    }

    @Test("query items as browsers write them")
    func queryItems() {
        let items = QueryItems("a=1&b=x+y%20z&a=2&c&=d&&e=%C3%A9=f&g=%zz%FF&metadata[k]=v")
        #expect(items["a"] == "1" && items.values("a") == ["1", "2"])
        #expect(items["b"] == "x y z" && items["c"] == "" && items[""] == "d" && items["e"] == "é=f")
        #expect(items["g"] == "%zz\u{FFFD}" && items["metadata[k]"] == "v" && items["z"] == nil)
        #expect(QueryItems("")["a"] == nil && QueryItems("").pairs.isEmpty)
    }

    @Test("server-sent events: one data line for one line, one more for each line end")
    func serverSentEvents() {
        #expect(ServerSentEvents.event(id: "9f-1", data: "{}".octets) == "id: 9f-1\ndata: {}\n\n".octets)
        #expect(
            ServerSentEvents.event(id: "1", data: "a\nb\r\nc\rd\n".octets)
                == "id: 1\ndata: a\ndata: b\ndata: c\ndata: d\ndata: \n\n".octets)
        #expect(ServerSentEvents.retry(milliseconds: 2000) == "retry: 2000\n\n".octets)
        #expect(ServerSentEvents.heartbeat == ":\n\n".octets)
    }
}
