import Testing
import Wire

@testable import Compression

@Suite("Compressed messages")
struct MessageDeflateTests {
    private static func parameters(_ offer: String = "permessage-deflate") -> DeflateParameters {
        guard let agreed = DeflateParameters.negotiate([offer], .asOffered) else { fatalError("a test's own offer") }
        return agreed
    }

    private func deflated(_ message: [UInt8], _ codec: MessageDeflate) -> [UInt8] {
        var output: [UInt8] = []
        codec.deflate(message.span, into: &output)
        return output
    }

    private func inflated(
        _ payload: [UInt8], _ codec: MessageDeflate, bytesMax: Int = 1 << 20
    ) throws(MessageInflationError) -> [UInt8] {
        var output: [UInt8] = []
        try codec.inflate(payload.span, bytesMax: bytesMax, into: &output)
        return output
    }

    @Test(
        "the examples of RFC 7692 §7.2.3 are read: one block, a stored one, a last one, two blocks",
        arguments: [
            [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
            [0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00],
            [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
            [0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00],
        ] as [[UInt8]])
    func examples(payload: [UInt8]) throws {
        #expect(try inflated(payload, MessageDeflate(Self.parameters())) == Array("Hello".utf8))
    }

    @Test("the example of RFC 7692 §7.2.3.2: the second message looks back into the first, unless no context is kept")
    func context() throws {
        let first: [UInt8] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]
        let second: [UInt8] = [0xf2, 0x00, 0x11, 0x00, 0x00]
        let codec = MessageDeflate(Self.parameters())
        #expect(try inflated(first, codec) == inflated(second, codec))
        #expect(deflated(Array("Hello".utf8), codec) == first)
        #expect(deflated(Array("Hello".utf8), codec) == second)
        let forgetful = MessageDeflate(
            Self.parameters("permessage-deflate; server_no_context_takeover; client_no_context_takeover"))
        #expect(deflated(Array("Hello".utf8), forgetful) == first)
        #expect(deflated(Array("Hello".utf8), forgetful) == first)
        #expect(try inflated(first, forgetful) == Array("Hello".utf8))
        #expect(throws: MessageInflationError.invalid) { try inflated(second, forgetful) }
    }

    @Test("a context is kept beyond a block that was marked as the last one")
    func contextBeyondLastBlock() throws {
        let codec = MessageDeflate(Self.parameters())
        #expect(try inflated([0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00], codec) == Array("Hello".utf8))
        #expect(try inflated([0xf2, 0x00, 0x11, 0x00, 0x00], codec) == Array("Hello".utf8))
    }

    @Test("an empty message is one octet (RFC 7692 §7.2.3.6), and read as such")
    func empty() throws {
        let codec = MessageDeflate(Self.parameters())
        #expect(deflated([], codec) == [0x00])
        #expect(try inflated([0x00], codec) == [])
        #expect(deflated(Array("Hello".utf8), codec).count > 1)
        #expect(deflated([], codec) == [0x00])
    }

    @Test("messages of any size come back from every window, with and without context", arguments: 8...15)
    func roundTrips(windowBits: Int) throws {
        for takeover in ["", "; server_no_context_takeover; client_no_context_takeover"] {
            let codec = MessageDeflate(
                Self.parameters("permessage-deflate; server_max_window_bits=\(windowBits)\(takeover)"))
            var random = SystemRandomNumberGenerator()
            for size in [0, 1, 5, 127, 1000, 16_383, 16_384, 16_385, 70_000] {
                // Half noise, half repetition.
                let message = (0..<size).map { index in
                    index % 2 == 0 ? UInt8(truncatingIfNeeded: index / 7) : UInt8.random(in: 0...255, using: &random)
                }
                #expect(try inflated(deflated(message, codec), codec) == message, "\(size) bytes")
            }
        }
    }

    @Test("a bomb is stopped at the bound, and the codec is fit for the next message")
    func bomb() throws {
        let codec = MessageDeflate(
            Self.parameters("permessage-deflate; server_no_context_takeover; client_no_context_takeover"))
        let bomb = deflated([UInt8](repeating: 0, count: 10_000_000), codec)
        #expect(bomb.count < 20_000)
        var output: [UInt8] = []
        #expect(throws: MessageInflationError.tooLong) {
            try codec.inflate(bomb.span, bytesMax: 65_536, into: &output)
        }
        #expect(output.count <= 65_536)
        #expect(try inflated(deflated([1, 2, 3], codec), codec) == [1, 2, 3])
        let largest = deflated([UInt8](repeating: 7, count: 65_536), codec)
        #expect(try inflated(largest, codec, bytesMax: 65_536).count == 65_536)
    }

    @Test("blocks that say they are the last one may be some, and not without end: each costs a copy of the window")
    func finalBlocks() throws {
        let block: [UInt8] = [0x03, 0x00]
        let some = Array(repeating: block, count: MessageDeflate.finalBlocksMax).flatMap { $0 }
        #expect(try inflated(some, MessageDeflate(Self.parameters())) == [])
        #expect(throws: MessageInflationError.invalid) {
            try inflated(some + block, MessageDeflate(Self.parameters()))
        }
    }

    @Test(
        "what is no DEFLATE data is refused",
        arguments: [[0xff, 0xff], [0x07, 0x00], [0x05, 0xff, 0xff]] as [[UInt8]])
    func invalid(payload: [UInt8]) {
        #expect(throws: MessageInflationError.invalid) { try inflated(payload, MessageDeflate(Self.parameters())) }
    }
}
