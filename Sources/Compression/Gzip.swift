import CZlib

/// gzip (RFC 1952) of whole replies and of streams, by zlib.
package struct GzipEncoder: ~Copyable {
    private let stream: UnsafeMutablePointer<z_stream>

    /// Level 5: within 2 % of level 6 on JSON for two thirds of its time.
    package static let defaultLevel: Int32 = 5

    package init(level: Int32 = GzipEncoder.defaultLevel) {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let result = hw_gzip_begin(stream, level)
        precondition(result == Z_OK, "deflateInit2: out of memory")
    }

    deinit {
        deflateEnd(stream)
        stream.deinitialize(count: 1)
        stream.deallocate()
    }

    /// Appends the compressed form of `bytes` as far as zlib lets go of it; with `finishes`, all of it and the trailer.
    package mutating func encode(_ bytes: UnsafeRawBufferPointer, finishes: Bool, into output: inout [UInt8]) {
        stream.pointee.next_in = UnsafeMutablePointer(
            mutating: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
        stream.pointee.avail_in = UInt32(bytes.count)
        let piece = UnsafeMutablePointer<UInt8>.allocate(capacity: Self.pieceBytes)
        defer { piece.deallocate() }
        while true {
            stream.pointee.next_out = piece
            stream.pointee.avail_out = UInt32(Self.pieceBytes)
            let result = deflate(stream, finishes ? Z_FINISH : Z_NO_FLUSH)
            precondition(result != Z_STREAM_ERROR, "deflate: the stream is inconsistent")
            let made = Self.pieceBytes - Int(stream.pointee.avail_out)
            output.append(contentsOf: UnsafeBufferPointer(start: piece, count: made))
            // Room left in the piece means that zlib has nothing more to say for this input.
            if stream.pointee.avail_out > 0 { return }
        }
    }

    package static func encode(_ bytes: [UInt8], level: Int32 = GzipEncoder.defaultLevel) -> [UInt8] {
        var encoder = GzipEncoder(level: level)
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count / 3 + 64)
        bytes.withUnsafeBytes { encoder.encode($0, finishes: true, into: &output) }
        return output
    }

    private static let pieceBytes = 32 * 1024
}
