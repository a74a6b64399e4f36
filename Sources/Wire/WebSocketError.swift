/// Why a WebSocket connection was failed. Always the peer's mistake; each has one close code (RFC 6455 §7.4.1), which
/// has been queued as a close frame by the time the error is seen.
package enum WebSocketError: Error, Equatable {
    case reservedBitsSet
    case reservedOpcode(UInt8)
    /// A client's frame without a mask.
    case unmaskedFrame
    /// A server's frame with one.
    case maskedFrame
    case fragmentedControlFrame
    case controlFrameTooLong
    case lengthNotMinimal
    case lengthOverflow
    case continuationWithoutMessage
    case messageWithinMessage
    case closePayloadTooShort
    case closeCodeInvalid(UInt16)
    case binaryNotAccepted
    case invalidUTF8
    /// What a compressed message holds is no DEFLATE data (RFC 1951).
    case invalidCompression
    case messageTooLong(bytesMax: Int)

    package var closeCode: UInt16 {
        switch self {
        case .binaryNotAccepted: 1003
        case .invalidUTF8, .invalidCompression: 1007
        case .messageTooLong: 1009
        default: 1002
        }
    }

    /// The reason in the close frame: short, and telling the peer's author what to look for.
    package var reason: String {
        switch self {
        case .reservedBitsSet: "reserved bits set without an extension"
        case .reservedOpcode(let opcode): "reserved opcode \(opcode)"
        case .unmaskedFrame: "a client must mask its frames"
        case .maskedFrame: "a server must not mask its frames"
        case .fragmentedControlFrame: "control frames must not be fragmented"
        case .controlFrameTooLong: "control frames carry at most 125 bytes"
        case .lengthNotMinimal: "payload length not in its shortest form"
        case .lengthOverflow: "payload length has its highest bit set"
        case .continuationWithoutMessage: "continuation without a message"
        case .messageWithinMessage: "new message before the last one ended"
        case .closePayloadTooShort: "close frame with one byte"
        case .closeCodeInvalid(let code): "close code \(code) must not be sent"
        case .binaryNotAccepted: "text messages only"
        case .invalidUTF8: "text is not UTF-8"
        case .invalidCompression: "compressed data is invalid"
        case .messageTooLong(let bytesMax): "messages may have \(bytesMax) bytes"
        }
    }
}
