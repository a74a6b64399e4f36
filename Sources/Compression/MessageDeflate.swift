import CZlib
import Wire

/// DEFLATE for WebSocket messages by zlib (RFC 7692 §7.2).
///
/// Without context takeover each message stands for itself, and one instance serves every connection of a loop. With
/// it, an instance belongs to one connection: some 256 KiB once it has sent, 40 KiB once it has received.
package final class MessageDeflate: MessageCompression {
    private let parameters: DeflateParameters
    private var deflater: UnsafeMutablePointer<z_stream>?
    private var inflater: UnsafeMutablePointer<z_stream>?

    /// Below this a message saves less than its compression costs.
    package static let payingBytesMin = 128
    package var bytesMin: Int { Self.payingBytesMin }

    /// Blocks of one message that say they are the last one. Each costs a copy of the window, and none is needed.
    static let finalBlocksMax = 16

    private static let pieceBytes = 16 * 1024
    /// What RFC 7692 §7.2.1 removes from the end of every message: an empty stored block without its header bits.
    private static let tail: [UInt8] = [0x00, 0x00, 0xFF, 0xFF]

    package init(_ parameters: DeflateParameters) { self.parameters = parameters }

    deinit {
        if let deflater {
            deflateEnd(deflater)
            deflater.deallocate()
        }
        if let inflater {
            inflateEnd(inflater)
            inflater.deallocate()
        }
    }

    // MARK: Deflate

    package func deflate(_ message: Span<UInt8>, into output: inout [UInt8]) {
        let stream = readyDeflater()
        let start = output.count
        output.reserveCapacity(start + message.count / 2 + 64)
        message.withUnsafeBufferPointer { input in
            stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
            stream.pointee.avail_in = UInt32(input.count)
            // RFC 7692 §7.2.1: one flush, and its last four octets are left out. Room left over says that it is whole.
            repeat { step(stream, Z_SYNC_FLUSH, &output) } while stream.pointee.avail_out == 0
        }
        if output.count - start >= Self.tail.count && output.suffix(Self.tail.count) == Self.tail[...] {
            output.removeLast(Self.tail.count)
        }
        // RFC 7692 §7.2.3.6: what is empty is told by one octet, since a frame must hold some block.
        if output.count == start { output.append(0x00) }
        if parameters.serverNoContextTakeover { deflateReset(stream) }
    }

    private func step(_ stream: UnsafeMutablePointer<z_stream>, _ flush: Int32, _ output: inout [UInt8]) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Self.pieceBytes) { piece in
            stream.pointee.next_out = piece.baseAddress
            stream.pointee.avail_out = UInt32(Self.pieceBytes)
            let result = CZlib.deflate(stream, flush)
            precondition(result == Z_OK || result == Z_BUF_ERROR, "deflate: the stream is inconsistent")
            let made = Self.pieceBytes - Int(stream.pointee.avail_out)
            output.append(contentsOf: UnsafeBufferPointer(rebasing: piece[..<made]))
        }
    }

    private func readyDeflater() -> UnsafeMutablePointer<z_stream> {
        if let deflater { return deflater }
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        stream.initialize(to: z_stream())
        // zlib cannot look back 256 bytes only (deflateInit2 makes 9 bits of 8, whose output a peer with 8 could not
        // read); stored blocks look back nowhere.
        let looksBack = parameters.serverWindowBits > 8
        let result = hw_raw_deflate_begin(
            stream, looksBack ? 6 : 0, -Int32(max(9, parameters.serverWindowBits)))
        precondition(result == Z_OK, "deflateInit2: out of memory")
        deflater = stream
        return stream
    }

    // MARK: Inflate

    package func inflate(
        _ payload: Span<UInt8>, bytesMax: Int, into output: inout [UInt8]
    ) throws(MessageInflationError) {
        let stream = readyInflater()
        defer { if parameters.clientNoContextTakeover { inflateReset(stream) } }
        let limit = output.count + bytesMax
        try take(payload, stream, limit, &output)
        try take(Self.tail.span, stream, limit, &output)
    }

    private func take(
        _ bytes: Span<UInt8>, _ stream: UnsafeMutablePointer<z_stream>, _ limit: Int, _ output: inout [UInt8]
    ) throws(MessageInflationError) {
        var finalBlocks = 0
        let failure: MessageInflationError? = bytes.withUnsafeBufferPointer { input in
            stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
            stream.pointee.avail_in = UInt32(input.count)
            return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Self.pieceBytes) { piece in
                while true {
                    stream.pointee.next_out = piece.baseAddress
                    stream.pointee.avail_out = UInt32(Self.pieceBytes)
                    let result = CZlib.inflate(stream, Z_SYNC_FLUSH)
                    let made = Self.pieceBytes - Int(stream.pointee.avail_out)
                    guard output.count + made <= limit else { return .tooLong }
                    output.append(contentsOf: UnsafeBufferPointer(rebasing: piece[..<made]))
                    switch result {
                    case Z_OK, Z_BUF_ERROR:
                        // Room left in the piece: zlib has nothing more to say for this input.
                        if stream.pointee.avail_out > 0 { return nil }
                    case Z_STREAM_END:
                        // RFC 7692 §7.2.3.5: a block may be marked as the last one; others may still follow.
                        finalBlocks += 1
                        guard finalBlocks <= Self.finalBlocksMax else { return .invalid }
                        goOn(stream)
                        if stream.pointee.avail_in == 0 { return nil }
                    default: return .invalid
                    }
                }
            }
        }
        guard let failure else { return }
        // What follows a mistake cannot be understood, and the connection ends; a shared instance begins anew.
        inflateReset(stream)
        throw failure
    }

    /// Begins a new stream that can look back into the last one.
    private func goOn(_ stream: UnsafeMutablePointer<z_stream>) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 1 << 15) { window in
            var count: UInt32 = 0
            inflateGetDictionary(stream, window.baseAddress, &count)
            inflateReset(stream)
            if count > 0 { inflateSetDictionary(stream, window.baseAddress, count) }
        }
    }

    private func readyInflater() -> UnsafeMutablePointer<z_stream> {
        if let inflater { return inflater }
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let result = hw_raw_inflate_begin(stream, -15)
        precondition(result == Z_OK, "inflateInit2: out of memory")
        inflater = stream
        return stream
    }
}
