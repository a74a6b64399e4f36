/// A frame's header (RFC 6455 §5.2), octet by octet, each checked as soon as it is there, so that a mistake is answered
/// the same however the header was cut.
struct WebSocketFrameHeader {
    private(set) var octetCount = 0
    private(set) var isFinal = false
    private(set) var opcode = WebSocketOpcode.continuation
    private(set) var payloadCount = 0
    /// RSV1 with permessage-deflate (RFC 7692 §6): the message that begins here is compressed.
    private(set) var isCompressed = false

    private var lengthBytes = 0
    private var isMasked = false
    private var key: (UInt8, UInt8, UInt8, UInt8) = (0, 0, 0, 0)

    var isComplete: Bool { octetCount >= 2 && octetCount == 2 + lengthBytes + (isMasked ? 4 : 0) }

    var mask: WebSocketMask { WebSocketMask(key.0, key.1, key.2, key.3) }

    mutating func take(_ octet: UInt8, role: WebSocketRole, allowsCompression: Bool) throws(WebSocketError) {
        let index = octetCount
        octetCount += 1
        if index == 0 {
            try takeFirst(octet, allowsCompression)
        } else if index == 1 {
            try takeSecond(octet, role)
        } else if index < 2 + lengthBytes {
            try takeLength(octet, index: index - 2)
        } else {
            key = (key.1, key.2, key.3, octet)
        }
    }

    private mutating func takeFirst(_ octet: UInt8, _ allowsCompression: Bool) throws(WebSocketError) {
        isFinal = octet & 0x80 != 0
        guard octet & 0x30 == 0 else { throw .reservedBitsSet }
        isCompressed = octet & 0x40 != 0
        if isCompressed && !allowsCompression { throw .reservedBitsSet }
        guard let opcode = WebSocketOpcode(rawValue: octet & 0x0F) else { throw .reservedOpcode(octet & 0x0F) }
        self.opcode = opcode
        // RFC 7692 §6.1: only the first frame of a message carries the bit.
        if isCompressed && opcode != .text && opcode != .binary { throw .reservedBitsSet }
        if opcode.isControl && !isFinal { throw .fragmentedControlFrame }
    }

    private mutating func takeSecond(_ octet: UInt8, _ role: WebSocketRole) throws(WebSocketError) {
        isMasked = octet & 0x80 != 0
        // RFC 6455 §5.1: clients mask, servers do not.
        if role.isServer != isMasked { throw role.isServer ? .unmaskedFrame : .maskedFrame }
        let length = octet & 0x7F
        if opcode.isControl && length > 125 { throw .controlFrameTooLong }
        switch length {
        case 126: lengthBytes = 2
        case 127: lengthBytes = 8
        default: payloadCount = Int(length)
        }
    }

    private mutating func takeLength(_ octet: UInt8, index: Int) throws(WebSocketError) {
        // RFC 6455 §5.2: the most significant bit of a 64-bit length is 0.
        if lengthBytes == 8 && index == 0 && octet & 0x80 != 0 { throw .lengthOverflow }
        payloadCount = payloadCount << 8 | Int(octet)
        guard index == lengthBytes - 1 else { return }
        if payloadCount <= (lengthBytes == 2 ? 125 : 0xFFFF) { throw .lengthNotMinimal }
    }
}
