import System
import Wire

/// A worker's side of its socket to `headway embed`: batches go in, vectors come out in whatever order.
///
/// `submit` as long as `hasRoom`, then `receive`. Both block.
final class EmbeddingClient {
    /// Batches under way, at most: what one call takes and what waits for the next.
    let batchesInFlightMax: Int
    private let socket: OwnedDescriptor
    private var decoder = EmbeddingFrameDecoder(payloadBytesMax: EmbeddingFrame.payloadBytesMax)
    private var nextBatch: UInt32 = 0
    /// How many texts each batch under way has.
    private var inFlight: [UInt32: Int] = [:]
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: readBytes, alignment: 64)

    static let readBytes = 256 * 1024

    init(_ socket: consuming OwnedDescriptor, batchesInFlightMax: Int) {
        self.socket = socket
        self.batchesInFlightMax = batchesInFlightMax
    }

    deinit { buffer.deallocate() }

    var inFlightCount: Int { inFlight.count }
    var hasRoom: Bool { inFlight.count < batchesInFlightMax }

    /// Sends a batch; its number.
    func submit(_ texts: [String]) throws(EmbeddingFailure) -> UInt32 {
        precondition(hasRoom, "at most \(batchesInFlightMax) batches are under way")
        nextBatch += 1
        do throws(SystemError) {
            try DescriptorIO.writeAll(socket.raw, EmbeddingFrame.texts(batch: nextBatch, texts).encoded)
        } catch {
            throw Self.gone
        }
        inFlight[nextBatch] = texts.count
        return nextBatch
    }

    /// The next batch that has its vectors; nil when none came within that time.
    func receive(waitingMilliseconds: Int64) throws(EmbeddingFailure) -> (batch: UInt32, vectors: EmbeddingVectors)? {
        let end = Clock.monotonicMilliseconds + waitingMilliseconds
        while true {
            let frame: EmbeddingFrame?
            do throws(EmbeddingFrameDecoder.Malformed) {
                frame = try decoder.nextFrame()
            } catch {
                throw Self.gone
            }
            switch frame {
            case .vectors(let batch, let vectors)?:
                guard inFlight.removeValue(forKey: batch) == vectors.count else { throw Self.gone }
                return (batch, vectors)
            case .failure(_, let failure)?: throw failure
            case .texts?: throw Self.gone
            case nil:
                let left = end - Clock.monotonicMilliseconds
                guard left >= 0 else { return nil }
                guard try read(waitingMilliseconds: left) else { return nil }
            }
        }
    }

    /// False when nothing came within that time.
    private func read(waitingMilliseconds: Int64) throws(EmbeddingFailure) -> Bool {
        do throws(SystemError) {
            guard try DescriptorIO.waitToRead(socket.raw, milliseconds: Int32(clamping: waitingMilliseconds)) else {
                return false
            }
            guard case .bytes(let count) = try DescriptorIO.read(socket.raw, into: buffer) else { throw Self.lost }
            decoder.receive(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            return true
        } catch {
            throw Self.gone
        }
    }

    private static let lost = SystemError("read", 0)
    private static let gone = EmbeddingFailure(
        .failed, "The process that calls the embedding service ended while it worked on this document. Try again.")
}
