import Glibc
import System

/// Who owns a stream and hears of it. All calls come on the stream's loop.
package protocol StreamDelegate: AnyObject {
    /// Bytes arrived. They lie in the loop's read buffer and are borrowed for the call: they may be changed where they
    /// lie (a WebSocket's mask is taken off there), and what must outlive the call is copied.
    func streamReceived(_ bytes: inout MutableSpan<UInt8>)
    /// The peer sends no more; it may still read.
    func streamEnded()
    /// What had been written is sent, after `pendingBytes` had passed `outputHighWaterBytes`.
    func streamDrained()
    /// The stream is gone: closed by the peer, by trouble, or by `close`. Nothing comes after this.
    func streamClosed()
}

/// A connected socket on a loop, with backpressure both ways.
///
/// What is written while the stream is being read from gathers in the loop's cork buffer and leaves in one send when
/// the delegate returns; what is written at other times leaves in one sendmsg at the end of the turn, shared bytes from
/// where they are. The owner watches `pendingBytes` and writes no more than it is willing to hold; `streamDrained` says
/// when to go on.
package final class SocketStream: EventHandler, TurnEndHandler, @unchecked Sendable {
    /// Above this many unsent bytes a producer should wait for `streamDrained`.
    package static let outputHighWaterBytes = 256 * 1024

    package let loop: EventLoop
    /// Kept alive by the stream until it has closed, so an owner needs no other holder.
    package var delegate: (any StreamDelegate)?
    /// What is held for the connection, whoever is its delegate; let go when it closes.
    package var holding: AnyObject?
    private var descriptor: OwnedDescriptor?
    private var registration: EventLoop.Registration?
    private var output: StreamOutput?
    private var progressMilliseconds: Int64
    /// When bytes last left, or began to wait: what an owner needs to tell a slow peer from a dead one.
    package var lastProgressMilliseconds: Int64 { progressMilliseconds }

    private var interest: Readiness = [.read]
    private var isReadingPaused = false
    private var readable: (() -> Void)?
    private var isCorked = false
    private var isWriteBlocked = false
    private var isFlushScheduled = false
    private var closesAfterFlush = false
    private var shutsDownAfterFlush = false
    private var wasAboveHighWater = false
    private var hasEnded = false

    package init(_ descriptor: consuming OwnedDescriptor, loop: EventLoop) throws(SystemError) {
        self.loop = loop
        progressMilliseconds = loop.nowMilliseconds
        let raw = descriptor.raw
        self.descriptor = consume descriptor
        registration = try loop.register(raw, for: .read, handler: self)
    }

    package var isOpen: Bool { registration != nil }
    /// The socket's number, for asking about its addresses.
    package var rawDescriptor: Int32? { registration == nil ? nil : descriptor?.raw }
    package var pendingBytes: Int { (output?.pendingBytes ?? 0) + (isCorked ? loop.cork.count : 0) }

    // MARK: Reading

    /// Lets somebody else read the socket: calls once when it is readable, and reads nothing itself until
    /// `resumeReading`.
    package func whenReadable(_ body: @escaping () -> Void) {
        readable = body
        resumeReading()
    }

    /// Another descriptor of the same socket, which outlives this stream.
    package func duplicateSocket() throws(SystemError) -> OwnedDescriptor? {
        guard registration != nil else { return nil }
        return try descriptor?.duplicate()
    }

    package func pauseReading() {
        guard !isReadingPaused else { return }
        isReadingPaused = true
        updateInterest()
    }

    package func resumeReading() {
        guard isReadingPaused else { return }
        isReadingPaused = false
        updateInterest()
    }

    package func handle(_ readiness: Readiness) {
        if readiness.isWritable && isOpen {
            isWriteBlocked = false
            flush()
            if isOpen { updateInterest() }
        }
        if readiness.isReadable && isOpen { read(readiness) }
    }

    private func read(_ readiness: Readiness) {
        if isReadingPaused || hasEnded {
            // Nobody wants its bytes now, but a socket that is gone altogether must not spin in the loop.
            if readiness.isHungUp { close() }
            return
        }
        if let readable {
            self.readable = nil
            pauseReading()
            return readable()
        }
        guard let raw = rawDescriptor else { return }
        do throws(SystemError) {
            switch try Socket.receive(raw, into: loop.readBuffer) {
            case .wouldBlock: return
            case .bytes(let count):
                let bytes = UnsafeMutableRawBufferPointer(rebasing: loop.readBuffer[..<count])
                var span = MutableSpan(_unsafeElements: bytes.bindMemory(to: UInt8.self))
                cork()
                delegate?.streamReceived(&span)
                uncork()
            case .end:
                hasEnded = true
                updateInterest()
                delegate?.streamEnded()
            }
        } catch {
            // ECONNRESET and its kin: the peer is gone, which is an ordinary end of a connection.
            close()
        }
    }

    // MARK: Writing

    package func write(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { write($0) }
    }

    package func write(_ bytes: Span<UInt8>) {
        bytes.withUnsafeBytes { write($0) }
    }

    private func write(_ bytes: UnsafeRawBufferPointer) {
        guard isOpen, !closesAfterFlush, bytes.count > 0 else { return }
        let wasEmpty = pendingBytes == 0
        if !(isCorked && output == nil && loop.cork.append(bytes)) {
            spillCork()
            queue().append(bytes)
            scheduleFlush()
        }
        wrote(wasEmpty: wasEmpty)
    }

    package func write(_ shared: SharedBytes) {
        guard isOpen, !closesAfterFlush, shared.count > 0 else { return }
        let wasEmpty = pendingBytes == 0
        spillCork()
        queue().append(shared)
        scheduleFlush()
        wrote(wasEmpty: wasEmpty)
    }

    /// Sends shared bytes at once, unless something waits before them: then it does nothing and says false. What the
    /// kernel does not take is queued. For the one message of a broadcast: it saves the turn's end and every
    /// allocation.
    package func sendNow(_ shared: SharedBytes) -> Bool {
        guard output == nil, !isCorked, !closesAfterFlush, registration != nil, let raw = descriptor?.raw else {
            return false
        }
        switch Socket.send(raw, shared.buffer) {
        case .bytes(shared.count): progressMilliseconds = loop.nowMilliseconds
        case .bytes(let count): queueRest(of: shared, sentBytes: count)
        case .wouldBlock: queueRest(of: shared, sentBytes: 0)
        // Not from within a broadcast: its watchers must not change while they are told.
        case .closed: closeSoon()
        }
        return true
    }

    /// Sends shared bytes at once, or behind what waits.
    package func send(_ shared: SharedBytes) {
        if !sendNow(shared) { write(shared) }
    }

    /// Asks for `streamDrained` when what waits now has left, however little it is.
    package func tellWhenDrained() { if pendingBytes > 0 { wasAboveHighWater = true } }

    private func queueRest(of shared: SharedBytes, sentBytes: Int) {
        queue().append(shared, sentBytes: sentBytes)
        isWriteBlocked = true
        updateInterest()
        wrote(wasEmpty: true)
    }

    private func closeSoon() {
        closesAfterFlush = true
        output = nil
        scheduleFlush()
    }

    private func queue() -> StreamOutput {
        if let output { return output }
        let made = StreamOutput()
        output = made
        return made
    }

    private func wrote(wasEmpty: Bool) {
        if wasEmpty { progressMilliseconds = loop.nowMilliseconds }
        if pendingBytes > Self.outputHighWaterBytes { wasAboveHighWater = true }
    }

    private func scheduleFlush() {
        guard !isFlushScheduled, !isWriteBlocked else { return }
        isFlushScheduled = true
        loop.atTurnEnd(self)
    }

    package func turnEnds() {
        isFlushScheduled = false
        if isOpen { flush() }
    }

    private func cork() { isCorked = true }

    private func uncork() {
        defer {
            loop.cork.removeAll()
            isCorked = false
        }
        guard isOpen, loop.cork.count > 0, let raw = rawDescriptor else { return }
        let bytes = loop.cork.bytes
        var sent = 0
        if !isWriteBlocked {
            switch Socket.send(raw, bytes) {
            case .bytes(let count):
                progressMilliseconds = loop.nowMilliseconds
                sent = count
            case .wouldBlock: break
            case .closed: return close()
            }
        }
        guard sent < bytes.count else { return }
        queue().append(UnsafeRawBufferPointer(rebasing: bytes[sent...]))
        isWriteBlocked = true
        updateInterest()
    }

    /// What is in the cork goes into the queue, so that what follows it stays behind it.
    private func spillCork() {
        guard isCorked, loop.cork.count > 0 else { return }
        queue().append(loop.cork.bytes)
        loop.cork.removeAll()
    }

    private func flush() {
        while let output, output.pendingBytes > 0, let raw = rawDescriptor {
            switch output.send(to: raw) {
            case .bytes: progressMilliseconds = loop.nowMilliseconds
            case .wouldBlock:
                isWriteBlocked = true
                updateInterest()
                return
            case .closed:
                close()
                return
            }
        }
        output = nil
        if shutsDownAfterFlush { finishShutdown() }
        if closesAfterFlush {
            close()
        } else if wasAboveHighWater {
            wasAboveHighWater = false
            delegate?.streamDrained()
        }
    }

    private func updateInterest() {
        guard let registration else { return }
        var wanted: Readiness = []
        if !isReadingPaused && !hasEnded { wanted.insert(.read) }
        if isWriteBlocked { wanted.insert(.write) }
        guard wanted != interest else { return }
        interest = wanted
        loop.update(registration, interest: wanted)
    }

    // MARK: Ending

    /// Sends what is pending, then closes.
    package func closeAfterFlush() {
        guard isOpen else { return }
        closesAfterFlush = true
        if pendingBytes == 0 { close() } else { scheduleFlush() }
    }

    /// Sends what is pending, then tells the peer that nothing follows, while its bytes are still read.
    package func shutdownWriting() {
        guard isOpen else { return }
        shutsDownAfterFlush = true
        if pendingBytes == 0 { finishShutdown() } else { scheduleFlush() }
    }

    private func finishShutdown() {
        shutsDownAfterFlush = false
        if let raw = rawDescriptor { Socket.shutdownWriting(raw) }
    }

    /// Closes at once; what is pending is dropped.
    package func close() {
        guard let registration else { return }
        loop.deregister(registration)
        self.registration = nil
        descriptor = nil
        holding = nil
        output = nil
        readable = nil
        let last = delegate
        delegate = nil
        last?.streamClosed()
    }
}
