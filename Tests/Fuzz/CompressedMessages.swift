import Compression
import Wire

// Input: what a client sends after its handshake, with permessage-deflate agreed on; and, the first octet left out, a
// compressed message by itself.

private let limits = WebSocketLimits(messageBytesMax: 4096, pongBacklogBytesMax: 1 << 20)

private func codec(_ keepsContext: Bool) -> MessageDeflate {
    var parameters = DeflateParameters()
    parameters.clientNoContextTakeover = !keepsContext
    parameters.serverNoContextTakeover = !keepsContext
    return MessageDeflate(parameters)
}

func check(_ stream: [UInt8]) {
    for keepsContext in [false, true] {
        let answer = Oracle.answer(to: stream) {
            WebSocketTranscript($0, limits: limits, compression: codec(keepsContext))
        }
        for event in answer.events {
            guard case .message(let kind, let payload) = event else { continue }
            Oracle.demand(payload.count <= limits.messageBytesMax, "the bound of messages holds", payload.count)
            Oracle.demand(
                kind == .binary || String(validating: payload, as: UTF8.self) != nil, "text is UTF-8", payload)
            checkRoundTrip(payload, keepsContext)
        }
    }
    checkInflation(Array(stream.dropFirst()))
}

/// What one side compresses the other reads, again and again.
private func checkRoundTrip(_ message: [UInt8], _ keepsContext: Bool) {
    let (sender, receiver) = (codec(keepsContext), codec(keepsContext))
    for _ in 0..<2 {
        var (compressed, inflated): ([UInt8], [UInt8]) = ([], [])
        sender.deflate(message.span, into: &compressed)
        let result = Result { () throws(MessageInflationError) in
            try receiver.inflate(compressed.span, bytesMax: message.count, into: &inflated)
        }
        Oracle.demand(
            (try? result.get()) != nil && inflated == message, "what was compressed is read again", compressed)
    }
}

/// No more is made than the bound, and an instance that failed is as good as a new one where no context is kept.
private func checkInflation(_ payload: [UInt8]) {
    let used = codec(false)
    for bytesMax in [0, 1, 100, 4096] {
        var (first, second): ([UInt8], [UInt8]) = ([], [])
        let answer = Result { () throws(MessageInflationError) in
            try codec(false).inflate(payload.span, bytesMax: bytesMax, into: &first)
        }
        let again = Result { () throws(MessageInflationError) in
            try used.inflate(payload.span, bytesMax: bytesMax, into: &second)
        }
        Oracle.demand(first.count <= bytesMax, "no more is inflated than the bound", first.count)
        Oracle.demand(
            "\(answer)" == "\(again)" && first == second, "one message leaves nothing behind for the next", payload)
    }
}
