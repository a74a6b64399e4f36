/// RFC 6455 §5.2, the opcodes that have a meaning.
package enum WebSocketOpcode: UInt8, Sendable {
    case continuation = 0x0
    case text = 0x1
    case binary = 0x2
    case close = 0x8
    case ping = 0x9
    case pong = 0xA

    /// RFC 6455 §5.5: the highest bit tells control frames.
    var isControl: Bool { rawValue & 0x8 != 0 }
}

/// Frames as a server sends them: whole messages, unmasked. They depend on no connection, so that a broadcast is
/// encoded once and shared.
package enum WebSocketFrame {
    /// RFC 6455 §5.5: what a control frame can carry.
    package static let controlPayloadBytesMax = 125

    /// The frame of a text message; `payload` is valid UTF-8.
    package static func text(_ payload: [UInt8]) -> [UInt8] { frame(.text, payload) }

    package static func binary(_ payload: [UInt8]) -> [UInt8] { frame(.binary, payload) }

    package static func ping(_ payload: [UInt8] = []) -> [UInt8] {
        precondition(payload.count <= controlPayloadBytesMax, "A ping carries at most 125 bytes.")
        return frame(.ping, payload)
    }

    /// A close frame; the sender's last (RFC 6455 §5.5.1). The reason is cut to what fits, between characters.
    package static func close(code: UInt16, reason: String) -> [UInt8] {
        frame(.close, closePayload(code: code, reason: reason))
    }

    /// What goes before `payloadCount` bytes of payload in a frame that is a whole message: at most ten bytes.
    package static func header(opcode: WebSocketOpcode, payloadCount: Int) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(10)
        appendHeader(opcode, payloadCount: payloadCount, isMasked: false, to: &output)
        return output
    }

    /// The frame of a text message that was compressed (RFC 7692 §6.1): RSV1 says so.
    package static func compressedText(_ payload: [UInt8]) -> [UInt8] { frame(.text, payload, isCompressed: true) }

    /// Writes the header of an unmasked message in front of a payload that came masked: the mask's four octets leave
    /// room for it. Returns where header and payload now are.
    package static func placeHeader(
        _ kind: WebSocketMessageKind, before payload: Range<Int>, in bytes: inout MutableSpan<UInt8>
    ) -> Range<Int> {
        let opcode: WebSocketOpcode = kind == .text ? .text : .binary
        precondition(payload.count <= 0xFFFF, "Four octets hold the header of at most 65,535 bytes.")
        var start = payload.lowerBound - 2
        if payload.count > 125 {
            start -= 2
            bytes[start + 1] = 126
            bytes[start + 2] = UInt8(payload.count >> 8)
            bytes[start + 3] = UInt8(payload.count & 0xFF)
        } else {
            bytes[start + 1] = UInt8(payload.count)
        }
        bytes[start] = 0x80 | opcode.rawValue
        return start..<payload.upperBound
    }

    private static func frame(
        _ opcode: WebSocketOpcode, _ payload: [UInt8], isCompressed: Bool = false
    ) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(payload.count + 10)
        appendHeader(
            opcode, payloadCount: payload.count, isMasked: false, isCompressed: isCompressed, to: &output)
        output.append(contentsOf: payload)
        return output
    }

    /// RFC 6455 §5.2: FIN and opcode, then the length in its shortest form with the mask bit.
    static func appendHeader(
        _ opcode: WebSocketOpcode, payloadCount: Int, isMasked: Bool, isCompressed: Bool = false,
        to output: inout [UInt8]
    ) {
        let maskBit: UInt8 = isMasked ? 0x80 : 0
        output.append(0x80 | (isCompressed ? 0x40 : 0) | opcode.rawValue)
        let lengthBytes: Int
        switch payloadCount {
        case ...125:
            output.append(maskBit | UInt8(payloadCount))
            lengthBytes = 0
        case ...0xFFFF:
            output.append(maskBit | 126)
            lengthBytes = 2
        default:
            output.append(maskBit | 127)
            lengthBytes = 8
        }
        for index in (0..<lengthBytes).reversed() {
            output.append(UInt8(truncatingIfNeeded: payloadCount >> (8 * index)))
        }
    }

    static func closePayload(code: UInt16, reason: String) -> [UInt8] {
        precondition(WebSocketCloseCode.isSendable(code), "This close code never goes over the wire.")
        var payload = [UInt8(code >> 8), UInt8(code & 0xFF)]
        for scalar in reason.unicodeScalars {
            let octets = String(scalar).utf8
            guard payload.count + octets.count <= controlPayloadBytesMax else { break }
            payload.append(contentsOf: octets)
        }
        return payload
    }
}

/// Which close codes may be in a frame.
package enum WebSocketCloseCode {
    /// RFC 6455 §7.4: the codes of the registry (1004, 1005, 1006 and 1015 are reserved and never sent), those of
    /// libraries (3000…) and of applications (4000…).
    package static func isSendable(_ code: UInt16) -> Bool {
        switch code {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }
}
