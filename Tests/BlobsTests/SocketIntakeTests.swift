import Loop
import LoopTesting
import System
import Testing

@testable import Blobs

/// The content ends before an octet FF FF; one FF alone is undecided.
private struct PairScanner: ContentScanner {
    let undecidedBytesMax = 1

    func contentExtent(of bytes: Span<UInt8>) -> ContentExtent {
        for index in bytes.indices where bytes[index] == 0xFF {
            guard index + 1 < bytes.count else { return ContentExtent(byteCount: index, isEnd: false) }
            if bytes[index + 1] == 0xFF { return ContentExtent(byteCount: index, isEnd: true) }
        }
        return ContentExtent(byteCount: bytes.count, isEnd: false)
    }
}

@Suite("Content that ends before the body does, read by disk threads")
struct SocketIntakeTests {
    /// Octets without FF.
    private func content(_ count: Int) -> [UInt8] { pattern(count).map { $0 & 0x7F } }

    /// Sends pieces and takes a turn after each; what the turns answered.
    private func turns(
        _ fixture: BlobFixture, _ sink: ContentSink, _ pieces: [[UInt8]], undecided: [UInt8] = [], isWhole: Bool = true
    ) throws -> [IntakeOutcome] {
        let sockets = try DescriptorPair.streamSocket()
        let socket = try sockets.first.duplicate().release()
        try DescriptorIO.setNonBlocking(socket, true)
        try fixture.thread.on {
            sink.attach(OwnedDescriptor(owning: socket), scanner: PairScanner(), undecided: undecided)
        }
        var outcomes: [IntakeOutcome] = []
        var left = Int64(pieces.map(\.count).reduce(0, +)) + (isWhole ? 0 : 1)
        for piece in pieces {
            try #require(DescriptorIO.send(sockets.second.raw, piece[...]) == piece.count)
            let bytesMax = left
            let outcome: IntakeOutcome = try fixture.wait { answer in
                sink.takeTurn(bytesMax: bytesMax) { answer($0) }
            }
            left -= outcome.readBytes
            outcomes.append(outcome)
        }
        return outcomes
    }

    @Test("the scanner's end is the content's, cut anywhere, and what stands behind it comes back", arguments: 0...3)
    func endIsFound(cut: Int) throws {
        let fixture = try BlobFixture()
        let sink = try fixture.sink()
        let content = content(5000) + [0xFF, 1]
        let body = content + [0xFF, 0xFF, 7, 8, 9]
        let place = content.count + cut - 2
        let outcomes = try turns(fixture, sink, [Array(body[..<place]), Array(body[place...])])
        #expect(outcomes.map(\.readBytes) == [Int64(place), Int64(body.count - place)])
        #expect(outcomes.map(\.contentBytes).reduce(0, +) == Int64(content.count))
        let last = try #require(outcomes.last)
        guard case .contentEnded = last.end else { return #expect(Bool(false), "\(last.end)") }
        #expect(outcomes.flatMap(\.rest) == [0xFF, 0xFF, 7, 8, 9])
        let receipt = try fixture.finish(sink)
        #expect(receipt.bytes == Int64(content.count) && receipt.sha256 == sha256(content))
        #expect(fixture.content().map(sha256) == sha256(content))
    }

    @Test("what was undecided before the first turn comes before what the socket brings")
    func undecidedBefore() throws {
        let fixture = try BlobFixture()
        let sink = try fixture.sink()
        let outcomes = try turns(fixture, sink, [[5], [0xFF], [0xFF]], undecided: [0xFF])
        #expect(outcomes.map(\.contentBytes) == [2, 0, 0])
        #expect(outcomes.last?.rest == [0xFF, 0xFF])
        #expect(try fixture.finish(sink).bytes == 2 && fixture.content() == [0xFF, 5])
    }

    @Test("where the body ends without the content's end, what is undecided comes back for whoever reads the body")
    func bodyEnds() throws {
        let fixture = try BlobFixture()
        let sink = try fixture.sink()
        let outcomes = try turns(fixture, sink, [[1, 2, 0xFF]])
        guard case .contentEnded? = outcomes.last?.end else { return #expect(Bool(false)) }
        #expect(outcomes.last?.rest == [0xFF] && outcomes.last?.contentBytes == 2)
    }

    @Test("an end that has not come leaves nothing to hand back")
    func notYet() throws {
        let fixture = try BlobFixture()
        let sink = try fixture.sink()
        let outcomes = try turns(fixture, sink, [[1, 2, 0xFF]], isWhole: false)
        guard case .wouldBlock? = outcomes.last?.end else { return #expect(Bool(false)) }
        #expect(outcomes.last?.rest == [] && outcomes.last?.readBytes == 3 && outcomes.last?.contentBytes == 2)
    }
}
