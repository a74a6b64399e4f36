import Glibc
import LoopTesting
import System
import Testing

@testable import Loop

enum StreamEvent: Sendable, Equatable {
    case received([UInt8])
    case ended, drained, closed
}

/// Puts what a stream tells into a queue, and does what a test wants done at that moment.
final class StreamRecorder: StreamDelegate, @unchecked Sendable {
    let events: BlockingQueue<StreamEvent>
    var whenReceived: () -> Void = {}
    var whenDrained: () -> Void = {}

    init(_ events: BlockingQueue<StreamEvent>) { self.events = events }

    func streamReceived(_ bytes: inout MutableSpan<UInt8>) {
        events.put(.received(bytes.span.withUnsafeBufferPointer { Array($0) }))
        whenReceived()
    }
    func streamEnded() { events.put(.ended) }
    func streamDrained() {
        events.put(.drained)
        whenDrained()
    }
    func streamClosed() { events.put(.closed) }
}

/// A stream on a loop, with the test at its other end.
struct StreamUnderTest {
    let thread: LoopThread
    let stream: SocketStream
    let recorder: StreamRecorder
    let peer: Peer

    var events: BlockingQueue<StreamEvent> { recorder.events }

    init() throws {
        let pair = try Pair()
        try self.init(descriptor: #require(pair.duplicate()), peer: pair.peer)
    }

    /// Over a socket that keeps the bounds of messages: each call of the stream to the kernel is one message.
    static func overMessages() throws -> StreamUnderTest {
        let pair = try DescriptorPair.messageSocket()
        let second = try pair.second.duplicate().release()
        let first = try pair.takeFirst().duplicate().release()
        try DescriptorIO.setNonBlocking(first, true)
        return try StreamUnderTest(descriptor: first, peer: Peer(second))
    }

    init(descriptor: Int32, peer: Peer) throws {
        let thread = try LoopThread()
        let recorder = StreamRecorder(thread.queue(of: StreamEvent.self))
        stream = try thread.on { [loop = thread.loop] in
            let stream = try SocketStream(OwnedDescriptor(owning: descriptor), loop: loop)
            stream.delegate = recorder
            return stream
        }
        self.thread = thread
        self.recorder = recorder
        self.peer = peer
    }

    /// Received bytes until there are `count`; other events end the wait.
    func receive(_ count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count, case .received(let more) = events.takeFirst() { bytes += more }
        return bytes
    }
}

/// Bytes in which every place is known by its value.
func pattern(_ count: Int, from start: Int = 0) -> [UInt8] {
    (start..<start + count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
}
