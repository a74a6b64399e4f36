import Testing
import Wire

@testable import headway_load

@Suite("Frames are found where they lie")
struct FrameScannerTests {
    struct Seen: Equatable {
        var opcode: UInt8
        var payloadCount: Int
        var prefix: [UInt8]
    }

    /// What is found in `bytes` when they come in pieces of that many.
    static func scan(
        _ bytes: [UInt8], pieces: Int = .max, acceptsCompressed: Bool = false
    ) throws(FrameFault) -> [Seen] {
        var scanner = FrameScanner(acceptsCompressed: acceptsCompressed)
        var seen: [Seen] = []
        var start = 0
        while start < bytes.count {
            let end = start + min(pieces, bytes.count - start)
            var fault: FrameFault?
            bytes[start..<end].withUnsafeBytes { piece in
                do throws(FrameFault) {
                    try scanner.scan(piece) { frame in
                        seen.append(
                            Seen(
                                opcode: frame.opcode, payloadCount: frame.payloadCount, prefix: Array(frame.prefix)))
                    }
                } catch {
                    fault = error
                }
            }
            if let fault { throw fault }
            start = end
        }
        return seen
    }

    static func payload(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) } }

    @Test("whole, byte by byte and in odd pieces, frames of every length are the same")
    func lengths() throws {
        let counts = [0, 1, 5, 124, 125, 126, 127, 200, 65_535, 65_536, 70_000]
        let bytes = counts.flatMap { WebSocketFrame.text(Self.payload($0)) }
        let expected = counts.map {
            Seen(opcode: 1, payloadCount: $0, prefix: Array(Self.payload($0).prefix(FrameScanner.prefixBytesMax)))
        }
        for pieces in [Int.max, 1, 2, 3, 7, 128, 129, 4096, 65_536] {
            #expect(try Self.scan(bytes, pieces: pieces) == expected, "in pieces of \(pieces)")
        }
    }

    @Test("a frame is handed out with its last byte, not before")
    func completeness() throws {
        let frame = WebSocketFrame.binary(Self.payload(300))
        #expect(try Self.scan(Array(frame.dropLast())) == [])
        #expect(try Self.scan(frame).map(\.payloadCount) == [300])
    }

    @Test("control frames between messages come whole")
    func control() throws {
        let bytes =
            WebSocketFrame.ping(Self.payload(125)) + WebSocketFrame.text([1])
            + WebSocketFrame.close(
                code: 1001, reason: "")
        for pieces in [Int.max, 1] {
            let seen = try Self.scan(bytes, pieces: pieces)
            #expect(seen.map(\.opcode) == [9, 1, 8])
            #expect(seen[0].prefix == Self.payload(125))
        }
    }

    static let faults: [(FrameFault, [UInt8])] = [
        (.masked, [0x81, 0x81, 1, 2, 3, 4, 5]),
        (.reservedBits, [0xC1, 1, 0]),
        (.reservedBits, [0xA1, 1, 0]),
        (.fragmented, [0x01, 1, 0]),
        (.fragmented, [0x80, 1, 0]),
        (.tooLong, [0x82, 127, 0, 0, 2, 0, 0, 0, 0, 0] + [UInt8](repeating: 0, count: 125)),
        (.tooLong, [0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0] + [UInt8](repeating: 0, count: 125)),
    ]

    @Test("what a server may not send, or what is not counted here, is a fault", arguments: faults)
    func fault(_ fault: FrameFault, _ bytes: [UInt8]) {
        for pieces in [Int.max, 1] {
            #expect(throws: fault) { try Self.scan(bytes, pieces: pieces) }
        }
    }

    @Test("RSV1 is no fault where permessage-deflate was negotiated")
    func compressed() throws {
        #expect(try Self.scan([0xC1, 1, 0], acceptsCompressed: true).count == 1)
    }

    @Test("a prefix is compared to its last byte")
    func comparison() throws {
        let payload = Self.payload(200)
        var scanner = FrameScanner()
        var changed = payload
        changed[124] ^= 1
        var short = payload
        short.removeLast(100)
        try WebSocketFrame.binary(payload).withUnsafeBytes { bytes in
            try scanner.scan(bytes) { frame in
                #expect(frame.hasPrefix(of: payload))
                #expect(!frame.hasPrefix(of: changed))
                #expect(!frame.hasPrefix(of: short))
            }
        }
    }
}
