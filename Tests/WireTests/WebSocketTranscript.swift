import Wire

/// What a connection reported and sent for a stream of frames.
struct WebSocketTranscript: Equatable {
    private(set) var events: [WebSocketConnection.Event] = []
    private(set) var output: [UInt8] = []
    private(set) var failure: WebSocketError?
    private(set) var isClosing = false

    /// With `takesWhole`, whole messages are taken where they lie, as a server does.
    init(
        _ pieces: [[UInt8]], role: WebSocketRole = .server, limits: WebSocketLimits = .default,
        compression: (any MessageCompression)? = nil, takesWhole: Bool = false
    ) {
        var connection = WebSocketConnection(WebSocketSettings(role: role, limits: limits), compression: compression)
        for piece in pieces {
            var (bytes, position) = (piece, 0)
            if takesWhole {
                var span = bytes.mutableSpan
                while let message = connection.takeMessage(&span, at: &position) {
                    let payload = span.span.extracting(message.range).withUnsafeBufferPointer { Array($0) }
                    events.append(.message(message.kind, payload))
                }
            }
            connection.receive(bytes.span.extracting(position...))
            while let event = connection.nextEvent() { events.append(event) }
            output += connection.drainOutput()
        }
        failure = connection.failure
        isClosing = connection.isClosing
    }
}

/// Frames as a peer would send them, right or wrong.
struct TestFrame {
    var opcode: UInt8
    var payload: [UInt8] = []
    var isFinal = true
    var reserved: UInt8 = 0
    var mask: [UInt8]? = [0x37, 0xFA, 0x21, 0x3D]
    /// 0, 2 or 8; nil for the shortest form.
    var lengthBytes: Int?

    static func text(_ text: String, isFinal: Bool = true) -> TestFrame {
        TestFrame(opcode: 1, payload: Array(text.utf8), isFinal: isFinal)
    }

    static func more(_ payload: [UInt8], isFinal: Bool = true) -> TestFrame {
        TestFrame(opcode: 0, payload: payload, isFinal: isFinal)
    }

    static func close(_ code: UInt16? = nil, _ reason: [UInt8] = []) -> TestFrame {
        TestFrame(opcode: 8, payload: (code.map { [UInt8($0 >> 8), UInt8($0 & 0xFF)] } ?? []) + reason)
    }

    var bytes: [UInt8] {
        let count = payload.count
        let width = lengthBytes ?? (count < 126 ? 0 : count < 65536 ? 2 : 8)
        let length: [UInt8] =
            switch width {
            case 0: [UInt8(count)]
            case 2: [126, UInt8(count >> 8), UInt8(count & 0xFF)]
            default: [127] + (0..<8).map { UInt8(truncatingIfNeeded: count >> (56 - 8 * $0)) }
            }
        let first = (isFinal ? 0x80 : 0) | reserved << 4 | opcode
        guard let mask else { return [first] + length + payload }
        return [first, length[0] | 0x80] + length.dropFirst() + mask
            + payload.enumerated().map { $0.element ^ mask[$0.offset % 4] }
    }
}
