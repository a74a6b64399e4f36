import Testing
import Wire

@Suite struct WebSocketHandshakeTests {
    private static let key = "dGhlIHNhbXBsZSBub25jZQ=="

    private func head(
        method: String = "GET", minorVersion: Int = 1, framing: BodyFraming = .none, without name: String = "",
        _ more: HTTPFields = [:]
    ) -> RequestHead {
        var fields: HTTPFields = [
            "Upgrade": "WebSocket", "Connection": "keep-alive, Upgrade", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": Self.key,
        ]
        fields.remove(name)
        for (name, value) in more.pairs { fields.add(name, value) }
        return RequestHead(
            method: method, target: "/", path: "/", minorVersion: minorVersion, fields: fields, framing: framing)
    }

    @Test("the accept key of RFC 6455 §1.3: the digest of key and GUID in base 64")
    func acceptKey() {
        let digest: [UInt8] = [
            0xB3, 0x7A, 0x4F, 0x2C, 0xC0, 0x62, 0x4F, 0x16, 0x90, 0xF6, 0x46, 0x06, 0xCF, 0x38, 0x59, 0x45, 0xB2, 0xBE,
            0xC4, 0xEA,
        ]
        var hashed: [UInt8] = []
        let accept = WebSocketHandshake.acceptKey(for: Self.key) { bytes in
            for index in bytes.indices { hashed.append(bytes[index]) }
            return digest
        }
        #expect(hashed == "\(Self.key)258EAFA5-E914-47DA-95CA-C5AB0DC85B11".octets)
        #expect(accept == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    }

    @Test("a right request gives its key")
    func valid() throws {
        #expect(try WebSocketHandshake.validate(head()) == Self.key)
        #expect(try WebSocketHandshake.validate(head(framing: .length(0))) == Self.key)
        #expect(WebSocketHandshake.isUpgrade(head()))
    }

    @Test("what is no upgrade is none: other protocols, no Connection, HTTP/1.0")
    func noUpgrade() {
        for other in [
            head(without: "Upgrade"), head(without: "Upgrade", ["Upgrade": "h2c"]), head(without: "Connection"),
            head(without: "Connection", ["Connection": "keep-alive"]), head(minorVersion: 0),
        ] {
            #expect(!WebSocketHandshake.isUpgrade(other))
            #expect(throws: WebSocketHandshakeError.notAnUpgrade) { try WebSocketHandshake.validate(other) }
        }
    }

    @Test("each mistake has its error")
    func mistakes() {
        func expect(_ head: RequestHead, _ error: WebSocketHandshakeError) {
            #expect(throws: error) { try WebSocketHandshake.validate(head) }
        }
        expect(head(method: "POST"), .methodNotGet)
        expect(head(framing: .length(5)), .contentNotAllowed)
        expect(head(framing: .chunked), .contentNotAllowed)
        expect(head(without: "Sec-WebSocket-Version"), .versionUnsupported)
        expect(head(without: "Sec-WebSocket-Version", ["Sec-WebSocket-Version": "8"]), .versionUnsupported)
        expect(head(["Sec-WebSocket-Version": "13"]), .versionUnsupported)
        expect(head(without: "Sec-WebSocket-Key"), .keyMissing)
        expect(head(["Sec-WebSocket-Key": Self.key]), .keyRepeated)
        for key in ["", "c2hvcnQ=", "!!!!!!!!!!!!!!!!!!!!!!!!", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZZ=="] {
            expect(head(without: "Sec-WebSocket-Key", ["Sec-WebSocket-Key": key]), .keyInvalid)
        }
    }

    @Test("each error says what its status obliges to: the version with 426, the method with 405")
    func answers() {
        #expect(WebSocketHandshakeError.versionUnsupported.status == 426)
        #expect(WebSocketHandshakeError.versionUnsupported.fields["Sec-WebSocket-Version"] == "13")
        #expect(WebSocketHandshakeError.notAnUpgrade.status == 426)
        #expect(WebSocketHandshakeError.notAnUpgrade.fields["Upgrade"] == "websocket")
        #expect(WebSocketHandshakeError.methodNotGet.status == 405)
        #expect(WebSocketHandshakeError.methodNotGet.fields["Allow"] == "GET")
        for error in [WebSocketHandshakeError.keyMissing, .keyRepeated, .keyInvalid, .contentNotAllowed] {
            #expect(error.status == 400 && error.fields.pairs.isEmpty && error.detail.hasSuffix("."))
        }
    }
}
