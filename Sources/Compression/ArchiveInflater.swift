import CZlib
import Formats

/// Unpacks one entry of an archive (RFC 1951, without any framing) piece by piece, by zlib.
package final class ArchiveInflater: Inflating {
    private let stream: UnsafeMutablePointer<z_stream>
    /// What zlib has not read yet.
    private var input: [UInt8] = []
    private var inputTaken = 0

    package init() {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let result = hw_raw_inflate_begin(stream, -15)
        precondition(result == Z_OK, "inflateInit2: out of memory")
    }

    deinit {
        inflateEnd(stream)
        stream.deinitialize(count: 1)
        stream.deallocate()
    }

    package func inflate(
        _ bytes: [UInt8], bytesMax: Int, into output: inout [UInt8]
    ) throws(FormatError) -> InflatingStep {
        if !bytes.isEmpty {
            precondition(inputTaken == input.count, "what was given before is used up first")
            (input, inputTaken) = (bytes, 0)
        }
        var result = Z_OK
        var left = 0
        let piece = [UInt8](unsafeUninitializedCapacity: bytesMax) { room, made in
            input.withUnsafeBufferPointer { input in
                stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress.map { $0 + inputTaken })
                stream.pointee.avail_in = UInt32(input.count - inputTaken)
                stream.pointee.next_out = room.baseAddress
                stream.pointee.avail_out = UInt32(bytesMax)
                result = CZlib.inflate(stream, Z_NO_FLUSH)
                made = bytesMax - Int(stream.pointee.avail_out)
                left = Int(stream.pointee.avail_in)
            }
        }
        output += piece
        inputTaken = input.count - left
        switch result {
        case Z_STREAM_END: return .ended
        // Z_BUF_ERROR: nothing could be done without more input or more room, which is no mistake.
        case Z_OK, Z_BUF_ERROR: return piece.count == bytesMax ? .hasMore : .needsInput
        case Z_MEM_ERROR: throw .sourceFailed(reason: "zlib has no memory left")
        default: throw .damaged(reason: "a part cannot be unpacked")
        }
    }

    package func checksum(_ sum: UInt32, _ bytes: [UInt8]) -> UInt32 {
        bytes.withUnsafeBufferPointer { UInt32(truncatingIfNeeded: crc32_z(UInt(sum), $0.baseAddress, $0.count)) }
    }
}
