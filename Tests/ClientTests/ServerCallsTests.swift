import JSON
import Testing

@testable import Client

@Suite struct ServerCallsTests {
    private let calls = ServerCalls(address: ServerAddress("http://h:1")!)

    private func file() throws -> UploadSource {
        try UploadSource(path: #filePath, standardInputName: "stdin")
    }

    @Test("a file becomes a document by one POST, named in the query and typed by its ending")
    func upload() throws {
        let source = try file()
        let request = calls.upload(source)
        #expect(request.method == "POST")
        #expect(request.url == "http://h:1/v1/documents?name=ServerCallsTests.swift")
        #expect(request.headers.contains { $0.name == "Content-Type" && $0.value == MediaType.unknown })
        #expect(request.timeoutMilliseconds == nil)
        #expect(source.sizeBytes ?? 0 > 0)
    }

    @Test("what has no size is dropped under its name")
    func drop() throws {
        let source = try UploadSource(path: "/dev/null", standardInputName: "stdin")
        #expect(source.sizeBytes == nil)
        #expect(calls.upload(source).method == "PUT")
        #expect(calls.upload(source).url == "http://h:1/drop/null")
    }

    @Test("a document that is to be watched is made first, with name and size; an unknown type is left to the server")
    func create() throws {
        let source = try file()
        let request = calls.create(source)
        guard case .bytes(let bytes) = request.body else {
            Issue.record("no body")
            return
        }
        let json = try JSONValue.parse(bytes)
        #expect(json["name"]?.stringValue == "ServerCallsTests.swift")
        #expect(json["size"]?.integerValue == source.sizeBytes)
        #expect(json["content_type"] == nil)
    }

    @Test("what is asked for with a document is said when it is made, the password never in a URL")
    func wishes() throws {
        let wishes = DocumentWishes(pipeline: "thumbnails", priority: "high", password: "open sesame")
        guard case .bytes(let bytes) = calls.create(try file(), wishes: wishes).body else {
            Issue.record("no body")
            return
        }
        let json = try JSONValue.parse(bytes)
        #expect(json["pipeline"]?.stringValue == "thumbnails" && json["priority"]?.stringValue == "high")
        #expect(json["password"]?.stringValue == "open sesame")
        let whole = calls.upload(try file(), wishes: wishes)
        #expect(whole.url.hasSuffix("?name=ServerCallsTests.swift&pipeline=thumbnails&priority=high"))
        #expect(whole.headers.contains { $0 == ("Document-Password", "open sesame") })
        let pipe = calls.upload(try UploadSource(path: "/dev/null", standardInputName: "stdin"), wishes: wishes)
        #expect(pipe.url == "http://h:1/drop/null?pipeline=thumbnails&priority=high")
    }

    @Test("the bytes go where the reply's link says, or to the document's own content")
    func content() throws {
        let linked = try calls.created(
            Array(#"{"document_id":"1","status":"uploading","links":{"content":"/elsewhere/1"}}"#.utf8))
        #expect(calls.putContent(of: linked, try file()).url == "http://h:1/elsewhere/1")
        let plain = try calls.created(
            Array(#"{"document_id":"1","status":"uploading","links":{"content":"file:///etc/passwd"}}"#.utf8))
        #expect(calls.putContent(of: plain, try file()).url == "http://h:1/v1/documents/1/content")
    }

    @Test(
        "a reply that names no document is no Headway's",
        arguments: ["", "<html>", "{}", "[1]", #"{"status":"queued"}"#])
    func strangeReply(body: String) {
        #expect(throws: ClientError.self) { _ = try calls.created(Array(body.utf8)) }
    }

    @Test("a watch goes on behind the last state")
    func events() {
        let request = calls.events(id: "a/b", after: "9f3c-17")
        #expect(request.url == "http://h:1/v1/documents/a%2Fb/events?after=9f3c-17")
        #expect(request.headers.contains { $0 == ("Accept", "application/x-ndjson") })
        #expect(!request.acceptsCompression)
        #expect(calls.events(id: "a", after: nil).url == "http://h:1/v1/documents/a/events")
    }

    @Test("a watch of all is one stream for every document")
    func eventsOfAll() {
        let request = calls.eventsOfAll()
        #expect(request.url == "http://h:1/v1/events?document=%2A")
        #expect(request.headers.contains { $0 == ("Accept", "application/x-ndjson") })
        #expect(!request.acceptsCompression && request.timeoutMilliseconds == nil)
        #expect(calls.state(id: "a/b").url == "http://h:1/v1/documents/a%2Fb")
    }

    @Test("lists are asked page by page")
    func list() {
        #expect(calls.list(status: nil, limit: 50, cursor: nil).url == "http://h:1/v1/documents?limit=50")
        #expect(
            calls.list(status: "failed", limit: 5, cursor: "a=&b").url
                == "http://h:1/v1/documents?status=failed&cursor=a%3D%26b&limit=5")
    }

    @Test("every request to the server carries the token; one that a link leads elsewhere does not")
    func token() throws {
        let secret = try #require(AccessToken("a-secret"))
        let address = try #require(ServerAddress("http://h:1/base"))
        let calls = ServerCalls(address: address, token: secret)
        let source = try file()
        func created(_ link: String) throws -> ServerCalls.Created {
            try calls.created(
                Array(#"{"document_id":"1","status":"uploading","links":{"content":"\#(link)"}}"#.utf8))
        }
        let own = [
            calls.create(source), calls.putContent(of: try created("/base/x"), source), calls.upload(source),
            calls.upload(try UploadSource(path: "/dev/null", standardInputName: "stdin")),
            calls.uploadStanding(id: "1"), calls.uploadRest(id: "1", source, offset: 0),
            calls.events(id: "1", after: nil), calls.eventsOfAll(), calls.state(id: "1"),
            calls.list(status: nil, limit: 1, cursor: nil), calls.cancel(id: "1"), calls.result(id: "1"),
            calls.text(id: "1"),
        ]
        for request in own {
            #expect(request.headers.count { $0 == ("Authorization", "Bearer a-secret") } == 1)
            #expect(Set(request.headers.map(\.name)).count == request.headers.count)
        }
        for link in ["http://elsewhere/1", "http://h:11/1", "https://h:1/1", "http://h:1@elsewhere/1"] {
            let request = calls.putContent(of: try created(link), source)
            #expect(request.url == link && !request.headers.contains { $0.name == "Authorization" })
        }
        #expect(!ServerCalls(address: address).state(id: "1").headers.contains { $0.name == "Authorization" })
    }

    @Test("a token is what a field can carry, and prints nothing of itself")
    func tokens() throws {
        for text in ["", " ", "two words", "line\nbreak", "tab\t", "ümlaut", "nul\0"] {
            #expect(AccessToken(text) == nil)
        }
        let token = try #require(AccessToken("0123abcDEF-._~+/=:"))
        var dumped = ""
        dump([token], to: &dumped)
        for text in ["\(token)", String(reflecting: token), "\([token])", dumped] { #expect(!text.contains("0123")) }
    }

    @Test("a file that is missing or is a directory says so before anything is sent")
    func badFiles() {
        #expect(throws: ClientError.file(name: "/no/such", reason: "No such file or directory")) {
            _ = try UploadSource(path: "/no/such", standardInputName: "stdin")
        }
        #expect(throws: ClientError.file(name: "/", reason: "is a directory")) {
            _ = try UploadSource(path: "/", standardInputName: "stdin")
        }
    }
}
