import Compression
import Wire

/// How an event looks on one transport. Every watcher of a form is sent the same bytes.
package enum EventForm: Hashable, Sendable {
    case webSocket
    /// Compressed without context (RFC 7692), for readers with a window of so many bits.
    case deflatedWebSocket(windowBits: UInt8)
    /// `isChunked`: as a chunk of an HTTP/1.1 body.
    case serverSentEvent(isChunked: Bool)
    case line(isChunked: Bool)
}

/// The compressors of one loop, one a window size; without context they serve every event and every watcher.
package final class LoopCompressors {
    private var byWindowBits: [UInt8: MessageDeflate] = [:]

    package init() {}

    package subscript(windowBits: UInt8) -> MessageDeflate {
        if let known = byWindowBits[windowBits] { return known }
        var parameters = DeflateParameters()
        parameters.serverNoContextTakeover = true
        parameters.clientNoContextTakeover = true
        parameters.serverWindowBits = windowBits
        let made = MessageDeflate(parameters)
        byWindowBits[windowBits] = made
        return made
    }
}
