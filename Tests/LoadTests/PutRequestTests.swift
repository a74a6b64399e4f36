import Testing

@testable import headway_load

@Suite("Requests that upload")
struct PutRequestTests {
    private func lines(_ head: [UInt8]) -> [String] {
        String(decoding: head, as: UTF8.self).split(separator: "\r\n", omittingEmptySubsequences: false)
            .map(String.init)
    }

    @Test(
        "{n} is the number of the upload, where it stands",
        arguments: [("/a/{n}.bin?x=1", "/a/7.bin?x=1"), ("/a", "/a")])
    func numbers(template: String, expected: String) {
        #expect(PutRequest.target(template, number: 7) == expected)
    }

    @Test("PUT says the length of the content and nothing stands around it")
    func put() {
        let request = PutRequest.put("/drop/1", host: "127.0.0.1:80", byteCount: 5_000_000_000)
        #expect(
            lines(request.head) == [
                "PUT /drop/1 HTTP/1.1", "Host: 127.0.0.1:80", "Accept: */*", "Content-Length: 5000000000", "", "",
            ])
        #expect(request.tail.isEmpty)
    }

    @Test("a form's length counts what stands around the content")
    func multipart() throws {
        let content = Array("content".utf8)
        let request = PutRequest.multipart("/v1/documents", host: "h", byteCount: Int64(content.count))
        let head = lines(request.head)
        let end = try #require(head.firstIndex(of: ""))
        let length = try #require(
            head[..<end].first { $0.hasPrefix("Content-Length: ") }.flatMap { Int($0.dropFirst(16)) })
        let before = head[..<end].joined(separator: "\r\n").utf8.count + 4
        let body = request.head[before...] + content + request.tail
        #expect(body.count == length)

        let boundary = try #require(
            head[..<end].first { $0.contains("boundary=") }.flatMap { $0.split(separator: "=").last })
        #expect(body.starts(with: Array("--\(boundary)\r\n".utf8)))
        #expect(Array(body.suffix(request.tail.count)) == Array("\r\n--\(boundary)--\r\n".utf8))
    }

    @Test("tus creates with a length and no content, then sends all of it from the start")
    func tus() {
        let creation = lines(PutRequest.creation("/v1/uploads", host: "h", byteCount: 9).head)
        #expect(creation[0] == "POST /v1/uploads HTTP/1.1")
        #expect(creation.contains("Upload-Length: 9") && creation.contains("Content-Length: 0"))
        let patch = lines(PutRequest.patch("http://h:1/v1/uploads/x", host: "h", byteCount: 9).head)
        #expect(patch[0] == "PATCH /v1/uploads/x HTTP/1.1")
        #expect(patch.contains("Upload-Offset: 0") && patch.contains("Content-Length: 9"))
    }

    @Test(
        "a Location is a URL or a path",
        arguments: [("/a/b?c", "/a/b?c"), ("http://127.0.0.1:8080/a", "/a"), ("https://host", "/")])
    func locations(location: String, path: String) { #expect(PutRequest.path(of: location) == path) }

    @Test("the made bytes are no document that a server would work on")
    func pattern() {
        let pattern = UploadedContent.pattern
        #expect(pattern.count == UploadedContent.patternBytes && pattern[0] == 0)
        #expect(Set(pattern).count == 256)
    }
}
