import System

/// How a turn of reading a socket ended.
package enum IntakeEnd: Sendable {
    /// There is more to read now.
    case more
    /// The client has sent no more yet.
    case wouldBlock
    /// Every buffer waits for its digest.
    case noBuffer
    /// The client sends no more, or is gone.
    case ended
    /// The scanner found the content's end, or the body is at its end.
    case contentEnded
    case failed(SystemError)
}

/// What a turn of reading a socket brought.
package struct IntakeOutcome: Sendable {
    /// Taken from the socket.
    package var readBytes: Int64 = 0
    /// Written: without what the scanner has not decided yet, and with what it had not before.
    package var contentBytes: Int64 = 0
    package var end = IntakeEnd.more
    /// Read and not content: what stands at and behind the content's end. For whoever reads the body.
    package var rest: [UInt8] = []
}

/// Reads a plain socket into a file on a disk thread: the bytes pass through one buffer, and no loop is woken for every
/// piece. Where the content ends before the body does, a scanner finds its end. Turns are taken one at a time.
final class SocketIntake: @unchecked Sendable {
    /// How much one turn takes before other uploads have theirs.
    static let turnBytes: Int64 = 4 << 20

    private let socket: OwnedDescriptor
    private let file: ContentFile
    private let buffers: IntakeBuffers
    private let lane: DigestLane?
    private let scanner: (any ContentScanner)?
    /// What the scanner has not decided yet. Touched by the turn that is taken.
    private var undecided: [UInt8]

    /// `socket` is a duplicate: the connection may close its own while a turn is taken. `undecided` came before what
    /// the socket brings.
    init(
        _ socket: consuming OwnedDescriptor, file: ContentFile, buffers: IntakeBuffers, lane: DigestLane?,
        scanner: (any ContentScanner)? = nil, undecided: [UInt8] = []
    ) {
        self.socket = socket
        self.file = file
        self.buffers = buffers
        self.lane = lane
        self.scanner = scanner
        self.undecided = undecided
    }

    /// Takes what the socket has for the file from `offset` on. `bytesMax` is all that is left of the body.
    func turn(at offset: Int64, bytesMax: Int64) -> IntakeOutcome {
        var outcome = IntakeOutcome()
        let wanted = min(bytesMax, Self.turnBytes)
        while outcome.readBytes < wanted {
            guard let buffer = buffers.take() else {
                outcome.end = .noBuffer
                return outcome
            }
            buffer.offset = offset + outcome.contentBytes
            buffer.append(undecided)
            let end = fill(
                buffer,
                upTo: Int(min(Int64(undecided.count) + wanted - outcome.readBytes, Int64(IntakeBuffer.byteCount))))
            let readCount = buffer.count - undecided.count
            guard readCount > 0 else {
                buffers.give(buffer)
                outcome.end = end ?? .more
                return outcome
            }
            outcome.readBytes += Int64(readCount)
            let contentEnd = cut(buffer, isLast: outcome.readBytes == bytesMax, &outcome.rest)
            let contentCount = buffer.count
            do throws(SystemError) {
                try keep(buffer)
            } catch {
                outcome.end = .failed(error)
                return outcome
            }
            outcome.contentBytes += Int64(contentCount)
            if let end = contentEnd ?? end {
                outcome.end = end
                return outcome
            }
        }
        return outcome
    }

    /// Leaves the content in the buffer and puts aside what is none, or not yet. `isLast`: the body ends here, and
    /// nothing more can decide.
    private func cut(_ buffer: IntakeBuffer, isLast: Bool, _ rest: inout [UInt8]) -> IntakeEnd? {
        guard let scanner else { return nil }
        let extent = scanner.contentExtent(of: Span(_unsafeElements: buffer.bytes.bindMemory(to: UInt8.self)))
        undecided = Array(buffer.bytes[extent.byteCount...])
        buffer.count = extent.byteCount
        guard extent.isEnd || isLast else {
            precondition(undecided.count <= scanner.undecidedBytesMax, "a scanner decides all but a few bytes")
            return nil
        }
        swap(&rest, &undecided)
        return .contentEnded
    }

    private func keep(_ buffer: IntakeBuffer) throws(SystemError) {
        guard buffer.count > 0 else { return buffers.give(buffer) }
        do throws(SystemError) {
            try file.write(buffer.bytes, at: buffer.offset)
        } catch {
            buffers.give(buffer)
            throw error
        }
        if let lane { lane.put(buffer) } else { buffers.give(buffer) }
    }

    /// Reads until there is enough; nil when there is.
    private func fill(_ buffer: IntakeBuffer, upTo wanted: Int) -> IntakeEnd? {
        while buffer.count < wanted {
            let room = UnsafeMutableRawBufferPointer(rebasing: buffer.memory[buffer.count..<wanted])
            do throws(SystemError) {
                switch try Socket.receive(socket.raw, into: room) {
                case .bytes(let count): buffer.count += count
                case .wouldBlock: return .wouldBlock
                case .end: return .ended
                }
            } catch {
                // ECONNRESET and its kin: the client is gone.
                return .ended
            }
        }
        return nil
    }
}
