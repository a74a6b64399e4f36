import LoopTesting
import System
import Testing

@testable import Loop

@Suite("A stream on a loop")
struct SocketStreamTests {
    /// More than the kernel takes for a peer that does not read.
    static let muchBytes = 4 << 20

    // MARK: Reading

    @Test("bytes arrive whole and in order")
    func reading() throws {
        let test = try StreamUnderTest()
        let bytes = pattern(600_000)
        try Thread.start(named: "peer") { [peer = test.peer] in peer.write(bytes) }
        #expect(test.receive(bytes.count) == bytes)
    }

    @Test("a paused stream hears nothing, and all of it once it goes on")
    func pause() throws {
        let test = try StreamUnderTest()
        try test.thread.on { test.stream.pauseReading() }
        test.peer.write([1, 2, 3])
        try test.thread.turns()
        // Were anything received by now, it would stand before this mark.
        test.events.put(.drained)
        try test.thread.on { test.stream.resumeReading() }
        #expect(test.events.takeFirst() == .drained)
        #expect(test.events.takeFirst() == .received([1, 2, 3]))
    }

    @Test("a stream may be paused, closed and written to from within what it tells")
    func reentrance() throws {
        let test = try StreamUnderTest()
        try test.thread.on {
            test.recorder.whenReceived = {
                test.stream.pauseReading()
                test.stream.write([7])
            }
        }
        test.peer.write([1])
        #expect(test.events.takeFirst() == .received([1]))
        #expect(test.peer.read(1) == [7])
        test.peer.write([2])
        try test.thread.turns()
        try test.thread.on {
            test.recorder.whenReceived = { test.stream.close() }
            test.stream.resumeReading()
        }
        #expect(test.events.takeFirst() == .received([2]))
        #expect(test.events.takeFirst() == .closed)
        #expect(test.peer.readToEnd() == [])
    }

    @Test("a peer that ends is told once; the stream still sends until it is closed")
    func peerEnd() throws {
        let test = try StreamUnderTest()
        test.peer.write([1])
        test.peer.endWriting()
        #expect(test.events.takeFirst() == .received([1]))
        #expect(test.events.takeFirst() == .ended)
        try test.thread.turns()
        let wasOpen = try test.thread.on {
            defer {
                test.stream.write(pattern(100))
                test.stream.closeAfterFlush()
            }
            return test.stream.isOpen
        }
        #expect(wasOpen)
        #expect(test.peer.readToEnd() == pattern(100))
        #expect(test.events.takeFirst() == .closed)
    }

    @Test("a socket that is gone altogether closes the stream, also while nobody reads from it")
    func gone() throws {
        let test = try StreamUnderTest()
        try test.thread.on { test.stream.pauseReading() }
        test.peer.endBoth()
        #expect(test.events.takeFirst() == .closed)
        #expect(try test.thread.on { test.stream.isOpen } == false)
    }

    // MARK: Writing

    @Test("what is written during a turn leaves in one call")
    func gathered() throws {
        let test = try StreamUnderTest.overMessages()
        let shared = SharedBytes([3, 4, 5])
        let six: [UInt8] = [6]
        let pending = try test.thread.on {
            test.stream.write([1, 2])
            test.stream.write(shared)
            test.stream.write(six.span)
            test.stream.write(SharedBytes([]))
            test.stream.write(shared)
            return test.stream.pendingBytes
        }
        #expect(pending == 9)
        #expect(test.peer.readOnce() == [1, 2, 3, 4, 5, 6, 3, 4, 5])
        try test.thread.turns()
        #expect(try test.thread.on { test.stream.pendingBytes } == 0)
    }

    @Test("own and shared bytes of any size leave in the order of writing")
    func order() throws {
        let test = try StreamUnderTest()
        var random = SystemRandomNumberGenerator()
        var expected: [UInt8] = []
        var pieces: [[UInt8]] = []
        for number in 0..<400 {
            let count = Int.random(in: 0...(number % 50 == 0 ? 200_000 : 2000), using: &random)
            pieces.append(pattern(count, from: expected.count))
            expected += pieces[number]
        }
        let writing = pieces
        try test.thread.on {
            for (number, piece) in writing.enumerated() {
                switch number % 3 {
                case 0: test.stream.write(SharedBytes(piece))
                case 1: test.stream.write(piece)
                default: test.stream.write(piece.span)
                }
            }
            test.stream.closeAfterFlush()
        }
        let arrived = test.peer.readToEnd()
        #expect(arrived.count == expected.count)
        #expect(arrived == expected, "sizes: \(pieces.map(\.count))")
    }

    @Test("a peer that does not read makes bytes wait, and the stream says once when they have left")
    func backpressure() throws {
        let test = try StreamUnderTest()
        let bytes = pattern(Self.muchBytes)
        try test.thread.on { test.stream.write(SharedBytes(bytes)) }
        try test.thread.turns()
        let pending = try test.thread.on { test.stream.pendingBytes }
        #expect(pending > SocketStream.outputHighWaterBytes)
        #expect(pending < bytes.count)
        #expect(test.peer.read(bytes.count) == bytes)
        #expect(test.events.takeFirst() == .drained)
        #expect(try test.thread.on { test.stream.pendingBytes } == 0)

        // Little never passes the mark, so its leaving is not news.
        try test.thread.on {
            test.stream.write([1])
            test.stream.closeAfterFlush()
        }
        #expect(test.peer.readToEnd() == [1])
        #expect(test.events.takeFirst() == .closed)
    }

    @Test("a producer that goes on whenever the stream has drained gets everything through")
    func producer() throws {
        let test = try StreamUnderTest()
        let pieceBytes = SocketStream.outputHighWaterBytes + 1
        let pieces = 12
        let written = OnLoop(0)
        @Sendable func next() {
            guard written.value < pieces else { return test.stream.closeAfterFlush() }
            test.stream.write(pattern(pieceBytes, from: written.value * pieceBytes))
            written.value += 1
        }
        try test.thread.on {
            test.recorder.whenDrained = { next() }
            next()
        }
        #expect(test.peer.readToEnd() == pattern(pieces * pieceBytes))
        for _ in 0..<pieces { #expect(test.events.takeFirst() == .drained) }
        #expect(test.events.takeFirst() == .closed)
    }

    // MARK: Ending

    @Test("closing after the flush sends all that was written before, and nothing after")
    func closeAfterFlush() throws {
        let test = try StreamUnderTest()
        let bytes = pattern(Self.muchBytes)
        let isOpen = try test.thread.on {
            test.stream.write(bytes)
            test.stream.closeAfterFlush()
            test.stream.write([0xee])
            return test.stream.isOpen
        }
        #expect(isOpen)
        #expect(test.peer.readToEnd() == bytes)
        #expect(test.events.takeFirst() == .closed)
    }

    @Test("closing drops what is pending, is told once, and is the end")
    func close() throws {
        let test = try StreamUnderTest()
        let after = try test.thread.on {
            test.stream.write(pattern(Self.muchBytes))
            test.stream.close()
            test.stream.close()
            test.stream.closeAfterFlush()
            test.stream.shutdownWriting()
            test.stream.write([1])
            test.stream.write(SharedBytes([1]))
            test.stream.pauseReading()
            test.stream.resumeReading()
            return (test.stream.pendingBytes, test.stream.rawDescriptor)
        }
        #expect(after == (0, nil))
        #expect(test.peer.readToEnd() == [])
        #expect(test.events.takeFirst() == .closed)
        try test.thread.turns()
        test.events.put(.ended)
        #expect(test.events.takeFirst() == .ended)
    }

    @Test("a stream that has closed lets its owner go")
    func release() throws {
        let thread = try LoopThread()
        let pair = try Pair()
        let descriptor = try #require(pair.duplicate())
        struct Watch {
            weak var owner: StreamRecorder?
        }
        let watch = OnLoop(Watch())
        let isHeld = try thread.on { [loop = thread.loop] in
            let recorder = StreamRecorder(BlockingQueue())
            let stream = try SocketStream(OwnedDescriptor(owning: descriptor), loop: loop)
            // The owner holds its stream, and the stream its owner.
            recorder.whenReceived = { stream.close() }
            stream.delegate = recorder
            watch.value.owner = recorder
            return watch.value.owner != nil
        }
        #expect(isHeld)
        #expect(try thread.on { watch.value.owner != nil })
        pair.peer.write([1])
        try thread.turns()
        #expect(try thread.on { watch.value.owner == nil })
    }

    @Test("a half-closed stream has sent what was pending, and still reads")
    func shutdownWriting() throws {
        let test = try StreamUnderTest()
        try test.thread.on {
            test.stream.write([1, 2, 3])
            test.stream.shutdownWriting()
        }
        #expect(test.peer.readToEnd() == [1, 2, 3])
        test.peer.write([4])
        #expect(test.events.takeFirst() == .received([4]))
    }

    @Test("writing to a peer that is gone closes the stream")
    func brokenPipe() throws {
        let test = try StreamUnderTest()
        test.peer.endBoth()
        _ = try? test.thread.on { test.stream.write(pattern(Self.muchBytes)) }
        while let event = test.events.takeFirst(), event != .closed { #expect(event == .ended) }
        #expect(try test.thread.on { test.stream.isOpen } == false)
    }
}
