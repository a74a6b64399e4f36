import Testing
import Wire

@Suite struct ResponseHeadTests {
    private func encoded(_ head: ResponseHead) -> String {
        var output: [UInt8] = []
        head.encode(into: &output)
        return String(decoding: output, as: UTF8.self)
    }

    @Test("a head is a status line, its fields in order, and an empty line")
    func encode() {
        let head = ResponseHead(
            status: 202, fields: ["Content-Type": "application/json", "Vary": "Origin", "vary": "é"])
        #expect(
            encoded(head)
                == "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nVary: Origin\r\nvary: é\r\n\r\n")
        #expect(encoded(ResponseHead(status: 799)) == "HTTP/1.1 799 \r\n\r\n")
    }

    @Test("line ends and other controls in a value become spaces: nothing echoed can begin a line")
    func noSplitting() {
        let head = ResponseHead(status: 200, fields: ["X-A": "a\r\nX-Injected: 1\u{0}\u{7F}\tb"])
        #expect(encoded(head) == "HTTP/1.1 200 OK\r\nX-A: a  X-Injected: 1  \tb\r\n\r\n")
    }

    @Test("encoding appends to what is there")
    func appends() {
        var output: [UInt8] = [1]
        ResponseHead(status: 100).encode(into: &output)
        #expect(output == [1] + "HTTP/1.1 100 Continue\r\n\r\n".octets)
    }

    @Test("a chunk is its size in hexadecimal, the bytes, and a line end")
    func chunks() {
        #expect(ChunkedEncoding.prefix(byteCount: 1) == "1\r\n".octets)
        #expect(ChunkedEncoding.prefix(byteCount: 65535) == "ffff\r\n".octets)
        #expect(ChunkedEncoding.suffix == "\r\n".octets && ChunkedEncoding.end == "0\r\n\r\n".octets)
    }
}
