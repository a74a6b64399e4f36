import Testing

@testable import Wire

/// RFC 7692 §6, with a stand-in for DEFLATE: a compressed message is its bytes behind a count of how often they repeat.
@Suite struct WebSocketCompressionTests {
    final class Repetition: MessageCompression {
        var bytesMin: Int { 4 }

        func deflate(_ message: Span<UInt8>, into output: inout [UInt8]) {
            output.append(1)
            message.withUnsafeBufferPointer { output.append(contentsOf: $0) }
        }

        func inflate(
            _ payload: Span<UInt8>, bytesMax: Int, into output: inout [UInt8]
        ) throws(MessageInflationError) {
            guard payload.count > 0 else { throw .invalid }
            for _ in 0..<payload[0] {
                payload.extracting(1...).withUnsafeBufferPointer { output.append(contentsOf: $0) }
            }
            if output.count > bytesMax { throw .tooLong }
        }
    }

    private func receive(
        _ frames: [TestFrame], bytesMax: Int = 64, sourceLocation: SourceLocation = #_sourceLocation
    ) -> WebSocketTranscript {
        let bytes = frames.flatMap(\.bytes)
        let limits = WebSocketLimits(messageBytesMax: bytesMax)
        let whole = WebSocketTranscript([bytes], limits: limits, compression: Repetition())
        for pieces in Pieces.everyWay(bytes) {
            for takesWhole in [false, true] {
                let cut = WebSocketTranscript(
                    pieces, limits: limits, compression: Repetition(), takesWhole: takesWhole)
                #expect(cut == whole, sourceLocation: sourceLocation)
            }
        }
        return whole
    }

    private func compressed(_ payload: [UInt8], isFinal: Bool = true, opcode: UInt8 = 1) -> TestFrame {
        TestFrame(opcode: opcode, payload: payload, isFinal: isFinal, reserved: 4)
    }

    @Test("a message with RSV1 is inflated, one without it is taken as it is")
    func both() {
        let transcript = receive([compressed([2, 0x61, 0x62]), .text("ab"), compressed([3, 0x63], opcode: 2)])
        #expect(
            transcript.events == [
                .message(.text, "abab".octets), .message(.text, "ab".octets), .message(.binary, "ccc".octets),
            ])
        #expect(transcript.failure == nil)
    }

    @Test("only the first fragment carries RSV1, and control frames may come between")
    func fragments() {
        let transcript = receive([
            compressed([2, 0x61], isFinal: false), TestFrame(opcode: 9, payload: [1]), .more([0x62]),
        ])
        #expect(transcript.events == [.ping([1]), .message(.text, "abab".octets)])
    }

    @Test("RSV1 on a continuation or a control frame, RSV2 and RSV3 anywhere: 1002")
    func reserved() {
        let more = TestFrame(opcode: 0, payload: [0x62], reserved: 4)
        #expect(receive([compressed([1], isFinal: false), more]).failure == .reservedBitsSet)
        #expect(receive([TestFrame(opcode: 9, reserved: 4)]).failure == .reservedBitsSet)
        #expect(receive([TestFrame(opcode: 1, reserved: 2)]).failure == .reservedBitsSet)
        #expect(receive([TestFrame(opcode: 1, reserved: 5)]).failure == .reservedBitsSet)
        let without = WebSocketTranscript([compressed([1]).bytes])
        #expect(without.failure == .reservedBitsSet, "nothing was agreed on")
    }

    @Test("data that cannot be inflated is 1007, and so is inflated text that is not UTF-8, whole or cut off")
    func invalid() {
        #expect(receive([compressed([])]).failure == .invalidCompression)
        #expect(receive([compressed([1, 0xFF])]).failure == .invalidUTF8)
        #expect(receive([compressed([1, 0xC3])]).failure == .invalidUTF8)
        #expect(receive([compressed([1, 0xFF], opcode: 2)]).events == [.message(.binary, [0xFF])])
        #expect(WebSocketError.invalidCompression.closeCode == 1007)
    }

    @Test("what inflates beyond the largest message is 1009")
    func bomb() {
        #expect(receive([compressed([64, 0x61])]).events.count == 1)
        #expect(receive([compressed([65, 0x61])]).failure == .messageTooLong(bytesMax: 64))
    }

    @Test("what is sent is compressed where it pays")
    func sending() {
        var connection = WebSocketConnection(WebSocketSettings(role: .server), compression: Repetition())
        connection.send(.text, "abc".octets)
        connection.send(.text, "abcd".octets)
        #expect(connection.drainOutput() == [0x81, 3] + "abc".octets + [0xC1, 5, 1] + "abcd".octets)
    }
}
