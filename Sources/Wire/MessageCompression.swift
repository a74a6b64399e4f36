/// Why a compressed message cannot be taken.
package enum MessageInflationError: Error, Equatable {
    /// No DEFLATE data (RFC 1951).
    case invalid
    /// It would be longer than a message may be. No more than that much was made of it.
    case tooLong
}

/// DEFLATE for WebSocket messages (RFC 7692 §7.2), passed in: this target calls no library. One instance serves one
/// connection, or many where neither side keeps a context from one message to the next.
package protocol MessageCompression: AnyObject {
    /// Messages shorter than this are sent as they are: compressed they would hardly be shorter.
    var bytesMin: Int { get }

    /// Appends the payload of a compressed message, without the four octets that RFC 7692 §7.2.1 has removed.
    func deflate(_ message: Span<UInt8>, into output: inout [UInt8])

    /// Appends what a compressed message holds, at most `bytesMax` octets of it.
    func inflate(_ payload: Span<UInt8>, bytesMax: Int, into output: inout [UInt8]) throws(MessageInflationError)
}
