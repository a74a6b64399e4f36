/// The frame around a piece of a response whose length is not known in advance (RFC 9112 §7.1): `prefix`, the bytes,
/// `suffix`; after the last piece, `end`.
package enum ChunkedEncoding {
    /// The chunk-size line. A chunk of no bytes would end the body: send nothing instead.
    package static func prefix(byteCount: Int) -> [UInt8] {
        precondition(byteCount > 0, "A chunk of no bytes would end the body.")
        return Array(String(byteCount, radix: 16).utf8) + [ASCII.carriageReturn, ASCII.lineFeed]
    }

    package static let suffix: [UInt8] = Array("\r\n".utf8)

    /// The last chunk and the empty trailer section.
    package static let end: [UInt8] = Array("0\r\n\r\n".utf8)
}
