/// Why an upgrade to WebSocket is refused: answer with `status` and `fields`, an ordinary response on a connection that
/// may go on.
package enum WebSocketHandshakeError: Error, Equatable {
    case notAnUpgrade
    case methodNotGet
    case versionUnsupported
    case keyMissing
    case keyRepeated
    case keyInvalid
    case contentNotAllowed

    package var status: Int {
        switch self {
        case .notAnUpgrade, .versionUnsupported: 426
        case .methodNotGet: 405
        case .keyMissing, .keyRepeated, .keyInvalid, .contentNotAllowed: 400
        }
    }

    /// What the status obliges the response to say (RFC 9110 §15.5.6 and §15.5.22, RFC 6455 §4.4).
    package var fields: HTTPFields {
        switch self {
        case .notAnUpgrade, .versionUnsupported:
            ["Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"]
        case .methodNotGet: ["Allow": "GET"]
        case .keyMissing, .keyRepeated, .keyInvalid, .contentNotAllowed: [:]
        }
    }

    /// The stable name of the mistake.
    package var code: String {
        switch self {
        case .notAnUpgrade: "websocket_upgrade_required"
        case .methodNotGet: "method_not_allowed"
        case .versionUnsupported: "websocket_version_not_supported"
        case .keyMissing: "websocket_key_missing"
        case .keyRepeated: "websocket_key_repeated"
        case .keyInvalid: "bad_websocket_key"
        case .contentNotAllowed: "websocket_content_not_allowed"
        }
    }

    /// One sentence that tells the reader what to do.
    package var detail: String {
        switch self {
        case .notAnUpgrade: "Ask for this with HTTP/1.1, Connection: Upgrade and Upgrade: websocket."
        case .methodNotGet: "Open a WebSocket with GET."
        case .versionUnsupported: "Send Sec-WebSocket-Version: 13."
        case .keyMissing: "Send a Sec-WebSocket-Key."
        case .keyRepeated: "Send one Sec-WebSocket-Key only."
        case .keyInvalid: "Send 16 random bytes in base 64 as Sec-WebSocket-Key."
        case .contentNotAllowed: "Open a WebSocket with a request that has no content."
        }
    }
}

/// The server's side of the opening handshake (RFC 6455 §4.2). The digest is passed in: this target calls no library.
package enum WebSocketHandshake {
    /// Whether the request asks for a WebSocket. An upgrade in HTTP/1.0 is ignored (RFC 9110 §7.8).
    package static func isUpgrade(_ head: RequestHead) -> Bool {
        head.minorVersion >= 1 && head.fields.contains("Upgrade", token: "websocket")
            && head.fields.contains("Connection", token: "upgrade")
    }

    /// Checks the request and returns its key, for `acceptKey(for:sha1:)`. What the origin may do, and which
    /// subprotocol is spoken, is the caller's to judge.
    package static func validate(_ head: RequestHead) throws(WebSocketHandshakeError) -> String {
        guard isUpgrade(head) else { throw .notAnUpgrade }
        guard head.method == "GET" else { throw .methodNotGet }
        // Content would lie where the first frames are expected.
        guard head.framing == .none || head.framing == .length(0) else { throw .contentNotAllowed }
        guard head.fields.values("Sec-WebSocket-Version") == ["13"] else { throw .versionUnsupported }
        let keys = head.fields.values("Sec-WebSocket-Key")
        guard let key = keys.first else { throw .keyMissing }
        guard keys.count == 1 else { throw .keyRepeated }
        guard Base64.decode(key)?.count == 16 else { throw .keyInvalid }
        return key
    }

    /// The value of Sec-WebSocket-Accept (RFC 6455 §4.2.2): the digest proves that the key was understood.
    package static func acceptKey(for key: String, sha1: (Span<UInt8>) -> [UInt8]) -> String {
        let challenge = Array(key.utf8) + Array("258EAFA5-E914-47DA-95CA-C5AB0DC85B11".utf8)
        return Base64.encode(sha1(challenge.span))
    }
}
