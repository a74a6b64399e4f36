import Wire

/// What a published message says of itself, so that each watcher's losses, order and delay can be told from what it
/// received alone.
package struct MessageStamp: Equatable {
    /// Tells this run's messages from those that a server kept of an earlier one.
    package var run: UInt32
    package var publisher: UInt32
    /// Counts each publisher's messages from 0. Two publishers may overtake each other, one never itself.
    package var sequence: UInt32
    package var sentNanoseconds: Int64

    package init(run: UInt32, publisher: UInt32, sequence: UInt32, sentNanoseconds: Int64) {
        self.run = run
        self.publisher = publisher
        self.sequence = sequence
        self.sentNanoseconds = sentNanoseconds
    }
}

/// A message's body: JSON of a fixed layout, its figures in hexadecimal of a fixed width, filled up to the size asked
/// for. Stamping and reading it touch the same few bytes every time.
///
///     {"run":"1f2e3d4c","publisher":"00000000","sequence":"0000002a","sent":"00000012a05f2000","state":"running……"}
package enum StampedMessage {
    private static let runOffset = 8
    private static let publisherOffset = runOffset + 8 + 15
    private static let sequenceOffset = publisherOffset + 8 + 14
    private static let sentOffset = sequenceOffset + 8 + 10
    private static let beginning = #"{"run":"00000000","publisher":"00000000","sequence":"00000000","sent":""#
    private static let middle = #"0000000000000000","state":"running"#
    private static let end = #""}"#
    package static let bytesMin = beginning.utf8.count + middle.utf8.count + end.utf8.count

    /// A body without figures, of `byteCount` bytes.
    package static func template(byteCount: Int) -> [UInt8] {
        precondition(byteCount >= bytesMin, "a stamped message needs \(bytesMin) bytes")
        let filling = [UInt8](repeating: UInt8(ascii: "."), count: byteCount - bytesMin)
        return Array((beginning + middle).utf8) + filling + Array(end.utf8)
    }

    /// Writes the figures into a template that lies at `offset` of `bytes`.
    package static func write(_ stamp: MessageStamp, into bytes: inout [UInt8], at offset: Int = 0) {
        writeDigits(UInt64(stamp.run), count: 8, into: &bytes, at: offset + runOffset)
        writeDigits(UInt64(stamp.publisher), count: 8, into: &bytes, at: offset + publisherOffset)
        writeDigits(UInt64(stamp.sequence), count: 8, into: &bytes, at: offset + sequenceOffset)
        writeDigits(UInt64(bitPattern: stamp.sentNanoseconds), count: 16, into: &bytes, at: offset + sentOffset)
    }

    /// The figures at the beginning of a payload; nil when it is too short to hold them. Anything else of sufficient
    /// length gives some figures, which the `run` then gives away as not ours.
    package static func read(_ payload: UnsafeRawBufferPointer) -> MessageStamp? {
        guard payload.count >= sentOffset + 16 else { return nil }
        let high = UInt64(readDigits(payload, at: sentOffset))
        return MessageStamp(
            run: readDigits(payload, at: runOffset), publisher: readDigits(payload, at: publisherOffset),
            sequence: readDigits(payload, at: sequenceOffset),
            sentNanoseconds: Int64(bitPattern: high << 32 | UInt64(readDigits(payload, at: sentOffset + 8))))
    }

    private static func writeDigits(_ value: UInt64, count: Int, into bytes: inout [UInt8], at offset: Int) {
        for index in 0..<count {
            let digit = UInt8(value >> UInt64(4 * (count - 1 - index)) & 0xF)
            bytes[offset + index] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
        }
    }

    /// Eight hexadecimal digits at once: every delivery has five such groups to read.
    private static func readDigits(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> UInt32 {
        let text = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        // In ASCII a digit's value is its low half; a letter has bit 6 set and is nine more than its low half.
        var value = text & 0x0F0F_0F0F_0F0F_0F0F + (text >> 6 & 0x0101_0101_0101_0101) * 9
        // Neighbouring values are joined: bytes to pairs, pairs to fours, fours to eight.
        value = (value | value >> 4) & 0x00FF_00FF_00FF_00FF
        value = (value | value >> 8) & 0x0000_FFFF_0000_FFFF
        return UInt32(truncatingIfNeeded: value | value >> 16)
    }
}

/// Frames as a client sends them.
package enum MaskedFrame {
    /// RFC 6455 §5.3 asks for a new unpredictable key each time, which protects proxies; a measurement has none
    /// between. A key of zeros would spare the server the unmasking that every browser makes it do.
    package static let key: [UInt8] = [0x5B, 0xC6, 0x2D, 0x91]

    /// A whole message or a control frame.
    package static func frame(_ opcode: WebSocketOpcode, _ payload: [UInt8]) -> [UInt8] {
        var frame = header(opcode, payloadCount: payload.count)
        frame.reserveCapacity(frame.count + payload.count)
        append(payload, to: &frame)
        return frame
    }

    package static func header(_ opcode: WebSocketOpcode, payloadCount: Int) -> [UInt8] {
        var header = WebSocketFrame.header(opcode: opcode, payloadCount: payloadCount)
        header[1] |= 0x80
        return header + key
    }

    package static func append(_ payload: [UInt8], to frame: inout [UInt8]) {
        for (index, octet) in payload.enumerated() { frame.append(octet ^ key[index & 3]) }
    }
}
