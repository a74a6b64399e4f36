import Wire

// Input: the body of a chunked request and whatever follows it. The head is the same every time, so that all of the
// input's octets are chunks, extensions, trailers and pipelined requests.

private let head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n".octets

func check(_ body: [UInt8]) {
    RequestRules.check(head + body) { answer, limits in
        guard let content = content(of: answer) else { return }
        let opinion = SecondOpinion(body)
        Oracle.demand(content == opinion.content, "the content is what a naive reader sees", "\(answer)\n\(opinion)")
        Oracle.demand(
            opinion.extensionBytes <= limits.chunkExtensionBytesMax, "the bound of extensions holds", opinion)
        checkWriting(content)
    }
}

/// The first request's content, if the request is complete.
private func content(of answer: HTTPTranscript) -> [UInt8]? {
    let steps = answer.steps.dropFirst().prefix(2)
    if steps.first == .end { return [] }
    guard steps.last == .end, case .body(let content)? = steps.first else { return nil }
    return content
}

/// Chunk by chunk over octets that lie there whole, with nothing checked: another reader of the same body.
private struct SecondOpinion {
    private(set) var content: [UInt8] = []
    private(set) var extensionBytes = 0

    init(_ body: [UInt8]) {
        var rest = body[...]
        while let lineFeed = rest.firstIndex(of: 0x0A) {
            let digits = rest[..<lineFeed].prefix { Character(Unicode.Scalar($0)).isHexDigit }
            // A line ends with CRLF, of which the line feed lies outside.
            extensionBytes += rest[..<lineFeed].count - 1 - digits.count
            guard let count = Int(String(decoding: digits, as: UTF8.self), radix: 16), count > 0 else { return }
            rest = rest[(lineFeed + 1)...]
            content += rest.prefix(count)
            rest = rest.dropFirst(count).dropFirst(2)
        }
    }
}

/// What the server writes in chunks, it reads back.
private func checkWriting(_ content: [UInt8]) {
    var stream = head
    for piece in Pieces.pieces(of: content, count: 100) {
        stream += ChunkedEncoding.prefix(byteCount: piece.count) + piece + ChunkedEncoding.suffix
    }
    let answer = HTTPTranscript([stream + ChunkedEncoding.end])
    Oracle.demand(answer.body == content && answer.requestCount == 1, "chunks that were written are read", answer)
}
