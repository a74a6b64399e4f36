import Testing
import Wire

@Suite("What a request to an upload is for, and how it is refused")
struct EffectiveMethodTests {
    private func head(_ method: String, _ path: String, override: String? = nil) -> RequestHead {
        var fields: HTTPFields = ["Host": "h"]
        if let override { fields.add("X-HTTP-Method-Override", override) }
        return RequestHead(method: method, target: path, path: path, fields: fields)
    }

    @Test("POST may stand for another method where there is an upload, and nowhere else")
    func override() {
        #expect(head("POST", "/v1/uploads/a", override: "patch").effectiveMethod == "PATCH")
        #expect(head("POST", "/v1/uploads/a", override: "HEAD").effectiveMethod == "HEAD")
        #expect(head("POST", "/v1/uploads/a").effectiveMethod == "POST")
        #expect(head("GET", "/v1/uploads/a", override: "DELETE").effectiveMethod == "GET")
        #expect(head("POST", "/v1/documents/a", override: "DELETE").effectiveMethod == "POST")
        #expect(head("POST", "/v1/uploads", override: "DELETE").effectiveMethod == "POST")
    }

    @Test("what would make a client give its upload up becomes 423")
    func statuses() {
        for (status, answered) in [(200, 200), (404, 404), (410, 410), (429, 423), (500, 423), (503, 423), (507, 423)] {
            #expect(head("HEAD", "/v1/uploads/a").statusForUploads(status) == answered)
            #expect(head("POST", "/v1/uploads/a", override: "HEAD").statusForUploads(status) == answered)
            #expect(head("HEAD", "/v1/documents/a").statusForUploads(status) == status)
            #expect(head("GET", "/v1/uploads/a").statusForUploads(status) == status)
        }
        for (status, answered) in [(408, 423), (409, 409), (413, 413), (503, 503)] {
            #expect(head("PATCH", "/v1/uploads/a").statusForUploads(status) == answered)
            #expect(head("POST", "/v1/uploads").statusForUploads(status) == status, "there is no upload to go on with")
        }
    }
}
