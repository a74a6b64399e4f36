import Testing
import Wire

/// RFC 6455 rule by rule. Each stream goes whole, byte by byte and cut once everywhere.
@Suite struct WebSocketConnectionTests {
    private func receive(
        _ frames: [TestFrame], role: WebSocketRole = .server, limits: WebSocketLimits = .default,
        sourceLocation: SourceLocation = #_sourceLocation
    ) -> WebSocketTranscript {
        receive(frames.flatMap(\.bytes), role: role, limits: limits, sourceLocation: sourceLocation)
    }

    private func receive(
        _ bytes: [UInt8], role: WebSocketRole = .server, limits: WebSocketLimits = .default,
        sourceLocation: SourceLocation = #_sourceLocation
    ) -> WebSocketTranscript {
        let whole = WebSocketTranscript([bytes], role: role, limits: limits)
        for pieces in Pieces.everyWay(bytes) {
            let cut = WebSocketTranscript(pieces, role: role, limits: limits)
            #expect(cut == whole, sourceLocation: sourceLocation)
            let taken = WebSocketTranscript(pieces, role: role, limits: limits, takesWhole: true)
            #expect(taken == whole, "whole messages taken where they lie", sourceLocation: sourceLocation)
        }
        return whole
    }

    /// The connection fails with `error`, reports it once as its last event, sends a close frame with its code, and
    /// ignores whatever follows.
    private func expectFailure(
        _ frames: [TestFrame], _ error: WebSocketError, after events: [WebSocketConnection.Event] = [],
        role: WebSocketRole = .server, limits: WebSocketLimits = .default,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        for tail in [[], TestFrame.text("tail").bytes] {
            let transcript = receive(
                frames.flatMap(\.bytes) + tail, role: role, limits: limits, sourceLocation: sourceLocation)
            let closed = WebSocketConnection.Event.closed(code: error.closeCode, reason: error.reason)
            #expect(transcript.failure == error && transcript.isClosing, sourceLocation: sourceLocation)
            #expect(transcript.events == events + [closed], sourceLocation: sourceLocation)
            if role.isServer {
                let close = WebSocketFrame.close(code: error.closeCode, reason: error.reason)
                #expect(transcript.output.suffix(close.count) == close[...], sourceLocation: sourceLocation)
            }
        }
    }

    // MARK: Messages

    @Test("the example of RFC 6455 §5.7: a masked Hello")
    func masked() {
        let bytes: [UInt8] = [0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58]
        let transcript = receive(bytes)
        #expect(transcript.events == [.message(.text, "Hello".octets)])
        #expect(transcript.output.isEmpty && transcript.failure == nil && !transcript.isClosing)
    }

    @Test(
        "messages of every form of length, text and binary",
        arguments: [0, 1, 3, 4, 7, 8, 9, 125, 126, 127, 1000, 65535, 65536])
    func lengths(count: Int) {
        let payload = (0..<count).map { UInt8($0 & 0x7F) }
        let limits = WebSocketLimits(messageBytesMax: 65536)
        let transcript = receive(
            [TestFrame(opcode: 1, payload: payload), TestFrame(opcode: 2, payload: payload)], limits: limits)
        #expect(transcript.events == [.message(.text, payload), .message(.binary, payload)])
    }

    @Test("a mask of zeros, and payloads that begin at every place of the mask")
    func masks() {
        let payload = (0..<100).map { UInt8($0) }
        let zero = TestFrame(opcode: 2, payload: payload, mask: [0, 0, 0, 0])
        #expect(receive([zero]).events == [.message(.binary, payload)])
        let bytes = TestFrame(opcode: 2, payload: payload, mask: [1, 2, 3, 255]).bytes
        for size in 1...13 {
            let pieces = stride(from: 0, to: bytes.count, by: size).map {
                Array(bytes[$0..<min($0 + size, bytes.count)])
            }
            #expect(WebSocketTranscript(pieces).events == [.message(.binary, payload)])
        }
    }

    @Test("fragments make one message, with control frames between them and empty ones among them")
    func fragments() {
        let frames: [TestFrame] = [
            .text("a", isFinal: false), TestFrame(opcode: 9, payload: [1]), .more([], isFinal: false),
            .more("b".octets, isFinal: false), TestFrame(opcode: 10), .more("c".octets), .text("d"),
        ]
        let transcript = receive(frames)
        #expect(
            transcript.events
                == [.ping([1]), .pong([]), .message(.text, "abc".octets), .message(.text, "d".octets)])
        #expect(transcript.output == [0x8A, 1, 1])
    }

    @Test("fragments that break the sequence fail with 1002")
    func fragmentSequence() {
        expectFailure([.more([1])], .continuationWithoutMessage)
        expectFailure([.text("a"), .more([1])], .continuationWithoutMessage, after: [.message(.text, "a".octets)])
        expectFailure([.text("a", isFinal: false), .text("b")], .messageWithinMessage)
        expectFailure([.text("a", isFinal: false), TestFrame(opcode: 2)], .messageWithinMessage)
    }

    // MARK: Headers

    @Test("a server refuses unmasked frames, a client masked ones, with 1002")
    func maskingRules() {
        expectFailure([TestFrame(opcode: 1, payload: [65], mask: nil)], .unmaskedFrame)
        expectFailure([TestFrame(opcode: 9, mask: nil)], .unmaskedFrame)
        expectFailure([.text("a")], .maskedFrame, role: .client { 0x0403_0201 })
        let fromServer = TestFrame(opcode: 1, payload: [65], mask: nil)
        #expect(receive([fromServer], role: .client { 1 }).events == [.message(.text, [65])])
    }

    @Test("reserved bits and opcodes fail with 1002")
    func reserved() {
        for bits in 1...7 as ClosedRange<UInt8> {
            expectFailure([TestFrame(opcode: 1, reserved: bits)], .reservedBitsSet)
            expectFailure([TestFrame(opcode: 9, reserved: bits)], .reservedBitsSet)
        }
        for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] as [UInt8] {
            expectFailure([TestFrame(opcode: opcode)], .reservedOpcode(opcode))
        }
    }

    @Test("control frames are whole and carry at most 125 bytes")
    func controlFrames() {
        let longest = [UInt8](repeating: 9, count: 125)
        let ping = receive([TestFrame(opcode: 9, payload: longest)])
        #expect(ping.events == [.ping(longest)] && ping.output == [0x8A, 125] + longest)
        for opcode in [8, 9, 10] as [UInt8] {
            expectFailure([TestFrame(opcode: opcode, isFinal: false)], .fragmentedControlFrame)
            expectFailure([TestFrame(opcode: opcode, payload: longest + [9])], .controlFrameTooLong)
            expectFailure([TestFrame(opcode: opcode, lengthBytes: 2)], .controlFrameTooLong)
        }
    }

    @Test("lengths come in their shortest form, and within 63 bits")
    func lengthForms() {
        expectFailure([TestFrame(opcode: 1, payload: [65], lengthBytes: 2)], .lengthNotMinimal)
        expectFailure([TestFrame(opcode: 1, payload: [65], lengthBytes: 8)], .lengthNotMinimal)
        let short = [UInt8](repeating: 65, count: 125)
        expectFailure([TestFrame(opcode: 1, payload: short, lengthBytes: 2)], .lengthNotMinimal)
        let transcript = receive([0x81, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0])
        #expect(transcript.failure == .lengthOverflow)
        #expect(
            receive([0x81, 0xFF, 0x7F] + [UInt8](repeating: 0xFF, count: 11)).failure
                == .messageTooLong(bytesMax: 65536))
    }

    // MARK: Bounds

    @Test("a message above its bound fails with 1009 before its payload is read, fragments counted together")
    func messageBound() {
        let limits = WebSocketLimits(messageBytesMax: 10)
        let ten = [UInt8](repeating: 65, count: 10)
        #expect(receive([TestFrame(opcode: 1, payload: ten)], limits: limits).events == [.message(.text, ten)])
        expectFailure([TestFrame(opcode: 1, payload: ten + [65])], .messageTooLong(bytesMax: 10), limits: limits)
        expectFailure(
            [.text("123456", isFinal: false), .more("78901".octets)], .messageTooLong(bytesMax: 10), limits: limits)
        let headerOnly = Array(TestFrame(opcode: 2, payload: [UInt8](repeating: 0, count: 500)).bytes.prefix(8))
        #expect(WebSocketTranscript([headerOnly], limits: limits).failure?.closeCode == 1009)
        #expect(WebSocketTranscript([Array(headerOnly.prefix(7))], limits: limits).failure == nil)
    }

    @Test("binary messages fail with 1003 where only text is taken")
    func binaryRefused() {
        expectFailure(
            [.text("a"), TestFrame(opcode: 2)], .binaryNotAccepted, after: [.message(.text, "a".octets)],
            limits: WebSocketLimits(acceptsBinary: false))
    }

    @Test("pings are answered in order; a flood above the bound is answered at its newest")
    func pongBacklog() {
        let two = receive([TestFrame(opcode: 9, payload: [1]), TestFrame(opcode: 9, payload: [2])])
        #expect(two.output == [0x8A, 1, 1, 0x8A, 1, 2])

        var connection = WebSocketConnection(
            WebSocketSettings(role: .server, limits: WebSocketLimits(pongBacklogBytesMax: 300)))
        for index in 0..<100 as Range<UInt8> {
            let ping = TestFrame(opcode: 9, payload: [UInt8](repeating: index, count: 100)).bytes
            connection.receive(ping.span)
            #expect(connection.nextEvent() != nil)
        }
        let output = connection.drainOutput()
        #expect(output.count <= 306 && output.suffix(100) == [UInt8](repeating: 99, count: 100)[...])
        #expect(connection.drainOutput().isEmpty)
    }

    // MARK: UTF-8

    @Test(
        "text is checked across fragments, and an incomplete end is refused",
        arguments: ["κόσμε", "\u{10FFFF}é", "\u{FFFF}\u{7FF}"])
    func splitText(text: String) {
        let octets = Array(text.utf8)
        for split in 0...octets.count {
            let frames = [
                TestFrame(opcode: 1, payload: Array(octets[..<split]), isFinal: false), .more(Array(octets[split...])),
            ]
            #expect(WebSocketTranscript([frames.flatMap(\.bytes)]).events == [.message(.text, octets)])
        }
        expectFailure([TestFrame(opcode: 1, payload: Array(octets.dropLast()))], .invalidUTF8)
    }

    @Test(
        "wrong UTF-8 fails with 1007 at its first wrong octet, not at the message's end",
        arguments: [
            [0x80], [0xBF], [0xC0], [0xC1], [0xE0, 0x9F], [0xED, 0xA0], [0xEF, 0xC0], [0xF0, 0x8F],
            [0xF4, 0x90], [0xF5], [0xFE], [0xFF], [0xC3, 0x28], [0xE2, 0x82, 0x28], [0xF0, 0x9F, 0x92, 0x28],
        ] as [[UInt8]])
    func wrongText(octets: [UInt8]) {
        expectFailure([TestFrame(opcode: 1, payload: octets)], .invalidUTF8)
        expectFailure(
            [.text("a", isFinal: false), TestFrame(opcode: 9), .more(octets)], .invalidUTF8, after: [.ping([])])
        for prefix in 0..<20 {
            let payload = [UInt8](repeating: 65, count: prefix) + octets
            let frame = TestFrame(opcode: 1, payload: payload + [65, 65, 65, 65], isFinal: false).bytes
            #expect(WebSocketTranscript([Array(frame.dropLast(4))]).failure == .invalidUTF8)
            #expect(WebSocketTranscript([Array(frame.dropLast(5))]).failure == nil)
        }
        #expect(receive([TestFrame(opcode: 2, payload: octets)]).events == [.message(.binary, octets)])
    }

    @Test("the validator agrees with the standard library on any octets", arguments: 0..<50 as Range<UInt64>)
    func validatorAgrees(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let leads: [UInt8] = [0x41, 0x80, 0xC3, 0xE0, 0xED, 0xEF, 0xF0, 0xF4, 0xA0, 0x90, 0xBF]
        for _ in 0..<200 {
            let octets = (0..<Int.random(in: 0...12, using: &random)).map { _ in leads.randomElement(using: &random)! }
            let transcript = WebSocketTranscript([TestFrame(opcode: 1, payload: octets).bytes])
            #expect(
                (transcript.failure == nil) == (String(validating: octets, as: UTF8.self) != nil),
                "seed \(seed) \(octets)")
        }
    }

    // MARK: Closing

    @Test("a peer's close is answered with its code, reported, and ends everything")
    func peerCloses() {
        let tail = TestFrame.text("ignored").bytes
        let plain = receive(TestFrame.close(1000, "bye".octets).bytes + tail)
        #expect(plain.events == [.closed(code: 1000, reason: "bye")] && plain.output == [0x88, 2, 0x03, 0xE8])
        #expect(plain.isClosing && plain.failure == nil)
        let empty = receive(TestFrame.close().bytes + tail)
        #expect(empty.events == [.closed(code: nil, reason: "")] && empty.output == [0x88, 0])
        let within = receive([.text("a", isFinal: false), .close(1001)])
        #expect(within.events == [.closed(code: 1001, reason: "")])
    }

    @Test(
        "close codes that may be sent",
        arguments: [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]
            as [UInt16])
    func validCloseCodes(code: UInt16) {
        #expect(receive([.close(code)]).events == [.closed(code: code, reason: "")])
    }

    @Test(
        "close codes that may not, with 1002",
        arguments: [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535] as [UInt16])
    func invalidCloseCodes(code: UInt16) {
        expectFailure([.close(code)], .closeCodeInvalid(code))
    }

    @Test("a close with one byte fails with 1002, one with a reason that is not UTF-8 with 1007")
    func malformedClose() {
        expectFailure([TestFrame(opcode: 8, payload: [3])], .closePayloadTooShort)
        expectFailure([.close(1000, [0xC3])], .invalidUTF8)
        let longest = [UInt8](repeating: 65, count: 123)
        #expect(
            receive([.close(1000, longest)]).events == [.closed(code: 1000, reason: String(repeating: "A", count: 123))]
        )
    }

    @Test("after our close nothing is sent and nothing but the peer's close reported")
    func weClose() {
        var connection = WebSocketConnection(WebSocketSettings(role: .server))
        connection.receive(TestFrame.text("half", isFinal: false).bytes.span)
        connection.close(code: 1000, reason: "done")
        connection.close(code: 1001, reason: "again")
        connection.send(.text, [65])
        connection.sendPing()
        #expect(connection.isClosing && connection.drainOutput() == WebSocketFrame.close(code: 1000, reason: "done"))
        let late: [TestFrame] = [
            .more([0xFF], isFinal: true), TestFrame(opcode: 9), .text("b"), TestFrame(opcode: 1, payload: [0xC3]),
        ]
        for frame in late { connection.receive(frame.bytes.span) }
        #expect(connection.nextEvent() == nil && connection.drainOutput().isEmpty)
        connection.receive(TestFrame.close(1000).bytes.span)
        #expect(connection.nextEvent() == .closed(code: 1000, reason: ""))
        #expect(connection.nextEvent() == nil && connection.drainOutput().isEmpty && connection.failure == nil)
    }

    @Test("a mistake after our close ends the wait and sends nothing")
    func mistakeWhileClosing() {
        var connection = WebSocketConnection(WebSocketSettings(role: .server))
        connection.close(code: 1000, reason: "")
        _ = connection.drainOutput()
        connection.receive(TestFrame(opcode: 3).bytes.span)
        #expect(connection.nextEvent() == .closed(code: 1002, reason: "reserved opcode 3"))
        #expect(connection.failure == .reservedOpcode(3) && connection.drainOutput().isEmpty)
    }

    @Test("answers keep the order of what they answer: an echo, a pong, an echo, the close")
    func orderOfAnswers() {
        var connection = WebSocketConnection(WebSocketSettings(role: .server))
        let frames: [TestFrame] = [
            .text("a"), TestFrame(opcode: 9, payload: [1]), .text("b"), .close(1000), .text("c"),
        ]
        let bytes = frames.flatMap(\.bytes)
        connection.receive(bytes.span)
        #expect(!connection.isClosing)
        while let event = connection.nextEvent() {
            if case .message(let kind, let payload) = event { connection.send(kind, payload) }
        }
        #expect(connection.isClosing)
        #expect(connection.drainOutput() == [0x81, 1, 97, 0x8A, 1, 1, 0x81, 1, 98, 0x88, 2, 0x03, 0xE8])
    }

    @Test("an event that waits when we close is not given out any more")
    func closeBeforeEvents() {
        var connection = WebSocketConnection(WebSocketSettings(role: .server))
        let frames: [TestFrame] = [.text("a"), TestFrame(opcode: 9), .close(1001)]
        let bytes = frames.flatMap(\.bytes)
        connection.receive(bytes.span)
        connection.close(code: 1000, reason: "")
        #expect(connection.nextEvent() == .closed(code: 1001, reason: "") && connection.nextEvent() == nil)
        #expect(connection.drainOutput() == [0x88, 2, 0x03, 0xE8])
    }

    // MARK: Both ends

    @Test("a client's frames are masked, and a server reads them")
    func clientToServer() {
        var client = WebSocketConnection(WebSocketSettings(role: .client { 0xDDCC_BBAA }))
        client.send(.text, "hello there".octets)
        client.send(.binary, [UInt8](repeating: 3, count: 300))
        client.sendPing([7])
        let sent = client.drainOutput()
        #expect(Array(sent.prefix(7)) == [0x81, 0x8B, 0xAA, 0xBB, 0xCC, 0xDD, 0xAA ^ 0x68])
        var server = WebSocketConnection(WebSocketSettings(role: .server))
        server.receive(sent.span)
        #expect(server.nextEvent() == .message(.text, "hello there".octets))
        #expect(server.nextEvent() == .message(.binary, [UInt8](repeating: 3, count: 300)))
        #expect(server.nextEvent() == .ping([7]) && server.nextEvent() == nil)
        server.close(code: 1001, reason: "going away")
        client.receive(server.drainOutput().span)
        #expect(client.nextEvent() == .pong([7]))
        #expect(client.nextEvent() == .closed(code: 1001, reason: "going away"))
        server.receive(client.drainOutput().span)
        #expect(server.nextEvent() == .closed(code: 1001, reason: ""))
    }

    @Test("frames are encoded with the shortest length, a close's reason cut between characters")
    func encoding() {
        #expect(WebSocketFrame.text("Hello".octets) == [0x81, 5] + "Hello".octets)
        #expect(WebSocketFrame.header(opcode: .text, payloadCount: 125) == [0x81, 125])
        #expect(WebSocketFrame.header(opcode: .binary, payloadCount: 126) == [0x82, 126, 0, 126])
        #expect(WebSocketFrame.header(opcode: .text, payloadCount: 65535) == [0x81, 126, 255, 255])
        #expect(WebSocketFrame.header(opcode: .text, payloadCount: 65536) == [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0])
        #expect(WebSocketFrame.ping() == [0x89, 0] && WebSocketFrame.ping([1]) == [0x89, 1, 1])
        #expect(WebSocketFrame.binary([1]) == [0x82, 1, 1])
        let close = WebSocketFrame.close(code: 1008, reason: String(repeating: "é", count: 100))
        #expect(close.count == 2 + 2 + 122 && String(validating: close[4...], as: UTF8.self) != nil)
    }
}

extension WebSocketRole {
    fileprivate var isServer: Bool { if case .server = self { true } else { false } }
}
