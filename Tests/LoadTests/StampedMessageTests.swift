import Testing
import Wire

@testable import headway_load

@Suite("Messages say who sent them when, and which they are")
struct StampedMessageTests {
    static let stamps = [
        MessageStamp(run: 0, publisher: 0, sequence: 0, sentNanoseconds: 0),
        MessageStamp(run: 0x0123_4567, publisher: 9, sequence: 0x89AB_CDEF, sentNanoseconds: 0x7EDC_BA98_7654_3210),
        MessageStamp(run: .max, publisher: .max, sequence: .max, sentNanoseconds: .max),
    ]

    @Test("what is written is read", arguments: stamps)
    func roundTrip(_ stamp: MessageStamp) {
        var bytes = [0, 0, 0] + StampedMessage.template(byteCount: 200)
        StampedMessage.write(stamp, into: &bytes, at: 3)
        bytes[3...].withUnsafeBytes { #expect(StampedMessage.read($0) == stamp) }
    }

    @Test("a body is JSON of the size asked for, in which everything can be read")
    func layout() {
        for count in [StampedMessage.bytesMin, 200, 5000] {
            var bytes = StampedMessage.template(byteCount: count)
            #expect(bytes.count == count)
            StampedMessage.write(
                MessageStamp(run: 0x1f2e_3d4c, publisher: 1, sequence: 42, sentNanoseconds: 0x12a0_5f20), into: &bytes)
            let text = String(decoding: bytes, as: UTF8.self)
            #expect(
                text.hasPrefix(
                    #"{"run":"1f2e3d4c","publisher":"00000001","sequence":"0000002a","sent":"0000000012a05f20","#))
            #expect(text.hasSuffix("\"}"))
        }
        #expect(StampedMessage.bytesMin <= FrameScanner.prefixBytesMax)
    }

    @Test("a payload that is too short has no stamp")
    func short() {
        [UInt8](repeating: 48, count: 60).withUnsafeBytes { #expect(StampedMessage.read($0) == nil) }
    }

    @Test("the server's own decoder takes a client's frames", arguments: [0, 5, 125, 126, 65_536])
    func masked(_ count: Int) {
        let payload = [UInt8](repeating: 7, count: count)
        var server = WebSocketConnection(
            WebSocketSettings(role: .server, limits: WebSocketLimits(messageBytesMax: 1 << 20)))
        server.receive(MaskedFrame.frame(.binary, payload).span)
        #expect(server.nextEvent() == .message(.binary, payload))
        #expect(server.failure == nil)
    }
}
