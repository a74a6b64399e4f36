import Testing

@testable import headway_load

@Suite("Responses are found where they lie")
struct ResponseScannerTests {
    struct Seen: Equatable {
        var heads: [Int] = []
        var ends: [Int] = []
        var tags: [String?] = []
    }

    static func scan(_ text: String, pieces: Int = .max) throws(ResponseFault) -> Seen {
        var scanner = ResponseScanner()
        var seen = Seen()
        let bytes = Array(text.utf8)
        var start = 0
        while start < bytes.count {
            let end = start + min(pieces, bytes.count - start)
            var fault: ResponseFault?
            bytes[start..<end].withUnsafeBytes { piece in
                do throws(ResponseFault) {
                    let used = try scanner.scan(piece) { head in
                        seen.heads.append(head.status)
                        seen.tags.append(head.field("etag"))
                    } end: {
                        seen.ends.append($0)
                    }
                    #expect(used == piece.count)
                } catch {
                    fault = error
                }
            }
            if let fault { throw fault }
            start = end
        }
        return seen
    }

    @Test("whole, byte by byte and in odd pieces, responses with and without content are the same")
    func pieces() throws {
        let text = """
            HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\n\r\n12345\
            HTTP/1.1 304 Not Modified\r\nETag: \"7\"\r\nContent-Length: 900\r\n\r\n\
            HTTP/1.1 100 Continue\r\n\r\n\
            HTTP/1.1 204 \r\n\r\n\
            HTTP/1.1 200 OK\r\ndate: today\r\neTAG:W/\"8\" \r\ncontent-length:0\r\n\r\n
            """
        let expected = Seen(
            heads: [202, 304, 100, 204, 200], ends: [202, 304, 204, 200], tags: [nil, "\"7\"", nil, nil, "W/\"8\""])
        for pieces in [Int.max, 1, 2, 3, 5, 48] {
            #expect(try Self.scan(text, pieces: pieces) == expected, "in pieces of \(pieces)")
        }
    }

    @Test("a response has come when its content has")
    func completeness() throws {
        #expect(try Self.scan("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n12").ends == [])
        #expect(try Self.scan("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n123").ends == [200])
    }

    @Test("behind an upgrade nothing is read")
    func upgrade() throws {
        var scanner = ResponseScanner(keepsUpgrade: true)
        let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
        let used = try Array((head + "\u{1}\u{2}").utf8).withUnsafeBytes { bytes in
            try scanner.scan(bytes) {
                #expect($0.status == 101)
            } end: { _ in
                Issue.record("an upgrade has no end")
            }
        }
        #expect(used == head.utf8.count)
    }

    @Test(
        "what cannot be followed is a fault",
        arguments: [
            (ResponseFault.notHTTP, "SSH-2.0-server of some kind\r\n\r\n"),
            (.notHTTP, "HTTP/1.1 2x0 OK\r\n\r\n"),
            (.noLength, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
            (.headTooLong, "HTTP/1.1 200 OK\r\nX: " + String(repeating: "x", count: ResponseScanner.headBytesMax)),
        ])
    func fault(_ fault: ResponseFault, _ text: String) {
        #expect(throws: fault) { try Self.scan(text) }
        #expect(throws: fault) { try Self.scan(text, pieces: 7) }
    }
}
