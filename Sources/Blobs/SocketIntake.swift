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
    case failed(SystemError)
}

/// Reads a plain socket into a file on a disk thread: the bytes pass through one buffer, and no loop is woken for every
/// piece. Turns are taken one at a time.
final class SocketIntake: Sendable {
    /// How much one turn takes before other uploads have theirs.
    static let turnBytes: Int64 = 4 << 20

    private let socket: OwnedDescriptor
    private let file: ContentFile
    private let buffers: IntakeBuffers
    private let lane: DigestLane?

    /// `socket` is a duplicate: the connection may close its own while a turn is taken.
    init(_ socket: consuming OwnedDescriptor, file: ContentFile, buffers: IntakeBuffers, lane: DigestLane?) {
        self.socket = socket
        self.file = file
        self.buffers = buffers
        self.lane = lane
    }

    /// Takes up to `bytesMax` bytes that belong at `offset`; answers how many, and why no more.
    func turn(at offset: Int64, bytesMax: Int64) -> (byteCount: Int64, end: IntakeEnd) {
        var taken: Int64 = 0
        let wanted = min(bytesMax, Self.turnBytes)
        while taken < wanted {
            guard let buffer = buffers.take() else { return (taken, .noBuffer) }
            buffer.offset = offset + taken
            let end = fill(buffer, upTo: Int(min(wanted - taken, Int64(IntakeBuffer.byteCount))))
            let count = buffer.count
            guard count > 0 else {
                buffers.give(buffer)
                return (taken, end ?? .more)
            }
            do throws(SystemError) {
                try file.write(buffer.bytes, at: buffer.offset)
            } catch {
                buffers.give(buffer)
                return (taken, .failed(error))
            }
            if let lane { lane.put(buffer) } else { buffers.give(buffer) }
            taken += Int64(count)
            if let end { return (taken, end) }
        }
        return (taken, .more)
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
