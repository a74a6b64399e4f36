import Glibc
import System

/// Who owns a stream and hears of it. All calls come on the stream's loop.
package protocol StreamDelegate: AnyObject {
    /// Bytes arrived. They are borrowed for the call; what must outlive it is copied.
    func streamReceived(_ bytes: Span<UInt8>)
    /// The peer sends no more; it may still read.
    func streamEnded()
    /// What had been written is sent, after `pendingBytes` had passed `outputHighWaterBytes`.
    func streamDrained()
    /// The stream is gone: closed by the peer, by trouble, or by `close`. Nothing comes after this.
    func streamClosed()
}

/// A connected socket on a loop, with backpressure both ways.
///
/// Output gathers during a turn and leaves in one sendmsg at its end; shared bytes are sent from where they are. The
/// owner watches `pendingBytes` and writes no more than it is willing to hold; `streamDrained` says when to go on.
package final class SocketStream: EventHandler, TurnEndHandler, @unchecked Sendable {
    /// Above this many unsent bytes a producer should wait for `streamDrained`.
    package static let outputHighWaterBytes = 256 * 1024
    private static let partsPerWriteMax = 64

    package let loop: EventLoop
    /// Kept alive by the stream until it has closed, so an owner needs no other holder.
    package var delegate: (any StreamDelegate)?
    private var descriptor: OwnedDescriptor?
    private var registration: EventLoop.Registration?

    private var pieces: [SharedBytes] = []
    private var firstPiece = 0
    private var firstPieceSentBytes = 0
    private var tail: [UInt8] = []
    package private(set) var pendingBytes = 0

    private var interest: Readiness = [.read]
    private var isReadingPaused = false
    private var isWriteBlocked = false
    private var isFlushScheduled = false
    private var closesAfterFlush = false
    private var shutsDownAfterFlush = false
    private var wasAboveHighWater = false
    private var hasEnded = false
    /// When bytes last left, or began to wait: what an owner needs to tell a slow peer from a dead one.
    package private(set) var lastProgressMilliseconds: Int64

    package init(_ descriptor: consuming OwnedDescriptor, loop: EventLoop) throws(SystemError) {
        self.loop = loop
        lastProgressMilliseconds = loop.nowMilliseconds
        let raw = descriptor.raw
        self.descriptor = consume descriptor
        registration = try loop.register(raw, for: .read, handler: self)
    }

    package var isOpen: Bool { registration != nil }
    /// The socket's number, for asking about its addresses.
    package var rawDescriptor: Int32? { registration == nil ? nil : descriptor?.raw }

    // MARK: Reading

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
        if readiness.contains(.write) && isOpen {
            isWriteBlocked = false
            flush()
            if isOpen { updateInterest() }
        }
        if !readiness.isDisjoint(with: [.read, .hangUp, .error]) && isOpen { read(readiness) }
    }

    private func read(_ readiness: Readiness) {
        if isReadingPaused || hasEnded {
            // Nobody wants its bytes now, but a socket that is gone altogether must not spin in the loop.
            if !readiness.isDisjoint(with: [.hangUp, .error]) { close() }
            return
        }
        guard let raw = rawDescriptor else { return }
        do throws(SystemError) {
            switch try DescriptorIO.read(raw, into: loop.readBuffer) {
            case .wouldBlock: return
            case .bytes(let count):
                let bytes = UnsafeRawBufferPointer(rebasing: loop.readBuffer[..<count]).bindMemory(to: UInt8.self)
                delegate?.streamReceived(Span(_unsafeElements: bytes))
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
        guard isOpen, !closesAfterFlush else { return }
        tail.append(contentsOf: bytes)
        wrote(bytes.count)
    }

    package func write(_ bytes: Span<UInt8>) {
        guard isOpen, !closesAfterFlush else { return }
        bytes.withUnsafeBufferPointer { tail.append(contentsOf: $0) }
        wrote(bytes.count)
    }

    package func write(_ shared: SharedBytes) {
        guard isOpen, !closesAfterFlush, shared.count > 0 else { return }
        sealTail()
        pieces.append(shared)
        wrote(shared.count)
    }

    private func wrote(_ count: Int) {
        if pendingBytes == 0 { lastProgressMilliseconds = loop.nowMilliseconds }
        pendingBytes += count
        if pendingBytes > Self.outputHighWaterBytes { wasAboveHighWater = true }
        scheduleFlush()
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

    private func sealTail() {
        guard !tail.isEmpty else { return }
        pieces.append(SharedBytes(tail))
        tail = []
    }

    private func flush() {
        while pendingBytes > 0 {
            sealTail()
            switch writeOnce() {
            case .bytes(let count):
                lastProgressMilliseconds = loop.nowMilliseconds
                discard(count)
            case .wouldBlock:
                isWriteBlocked = true
                updateInterest()
                return
            case .closed:
                close()
                return
            }
        }
        if shutsDownAfterFlush { finishShutdown() }
        if closesAfterFlush {
            close()
        } else if wasAboveHighWater {
            wasAboveHighWater = false
            delegate?.streamDrained()
        }
    }

    private func writeOnce() -> Socket.WriteOutcome {
        guard let raw = rawDescriptor else { return .closed }
        let count = min(pieces.count - firstPiece, Self.partsPerWriteMax)
        return withUnsafeTemporaryAllocation(of: iovec.self, capacity: count) { parts in
            for index in 0..<count {
                let buffer = pieces[firstPiece + index].buffer
                let skipped = index == 0 ? firstPieceSentBytes : 0
                parts[index] = iovec(
                    iov_base: UnsafeMutableRawPointer(mutating: buffer.baseAddress! + skipped),
                    iov_len: buffer.count - skipped)
            }
            return Socket.write(raw, parts)
        }
    }

    private func discard(_ count: Int) {
        pendingBytes -= count
        var left = count
        while left > 0 {
            let remaining = pieces[firstPiece].count - firstPieceSentBytes
            if left < remaining {
                firstPieceSentBytes += left
                break
            }
            left -= remaining
            firstPiece += 1
            firstPieceSentBytes = 0
        }
        if firstPiece == pieces.count {
            pieces.removeAll(keepingCapacity: true)
            firstPiece = 0
        } else if firstPiece > 64 && firstPiece > pieces.count / 2 {
            pieces.removeFirst(firstPiece)
            firstPiece = 0
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
        pieces = []
        firstPiece = 0
        tail = []
        pendingBytes = 0
        let last = delegate
        delegate = nil
        last?.streamClosed()
    }
}
