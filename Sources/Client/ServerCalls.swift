import JSON

/// The requests of the wire contract, one function each; `Transfers` carries them out.
package struct ServerCalls {
    package let address: ServerAddress
    private let token: AccessToken?

    package init(address: ServerAddress, token: AccessToken? = nil) {
        self.address = address
        self.token = token
    }

    /// A request that says who asks. A link may lead to another server, which must not learn the token.
    private func request(_ method: String, _ url: String) -> Request {
        var request = Request(method, url)
        if let token, address.isOwn(url) { request.headers = [token.field] }
        return request
    }

    /// Makes a document that waits for its bytes, so that it can be watched from the first one. Answers 201.
    /// With an `id` of our own it is safe to ask twice: the second time gets 409.
    package func create(
        _ source: UploadSource, id: String? = nil, wishes: DocumentWishes = DocumentWishes()
    ) -> Request {
        var json = JSONObject()
        if let id { json["document_id"] = .string(id) }
        if let pipeline = wishes.pipeline { json["pipeline"] = .string(pipeline) }
        if let priority = wishes.priority { json["priority"] = .string(priority) }
        if let password = wishes.password { json["password"] = .string(password) }
        json["name"] = .string(source.name)
        if let size = source.sizeBytes { json["size"] = .integer(size) }
        if source.mediaType != MediaType.unknown { json["content_type"] = .string(source.mediaType) }
        var request = request("POST", address.url(["v1", "documents"]))
        request.headers += [("Content-Type", "application/json"), Self.acceptJSON]
        request.body = .bytes(JSONValue.object(json).compactBytes)
        return request
    }

    /// Sends the bytes of a document that was created. Answers 202; 409 when it has them all already.
    package func putContent(of created: Created, _ source: UploadSource) -> Request {
        sending(source, "PUT", created.contentURL ?? address.url(["v1", "documents", created.id, "content"]))
    }

    /// Makes a document of its bytes, in one request. Answers 202.
    package func upload(_ source: UploadSource, wishes: DocumentWishes = DocumentWishes()) -> Request {
        var query: [(name: String, value: String)] = []
        if let pipeline = wishes.pipeline { query.append(("pipeline", pipeline)) }
        if let priority = wishes.priority { query.append(("priority", priority)) }
        var request =
            source.sizeBytes == nil
            ? sending(source, "PUT", address.url(["drop", source.name], query: query))
            : sending(source, "POST", address.url(["v1", "documents"], query: [("name", source.name)] + query))
        if let password = wishes.password { request.headers.append(("Document-Password", password)) }
        return request
    }

    private func sending(
        _ source: UploadSource, _ method: String, _ url: String, contentType: String? = nil
    ) -> Request {
        var request = request(method, url)
        request.headers += [("Content-Type", contentType ?? source.mediaType), Self.acceptJSON]
        request.body = .source(source)
        request.timeoutMilliseconds = nil
        return request
    }

    // MARK: An upload over many requests (tus 1.0.0)

    /// How many bytes the server has. Answers 200 with `Upload-Offset`; 404 or 410 when the upload is no longer there.
    package func uploadStanding(id: String) -> Request {
        var request = request("HEAD", address.url(["v1", "uploads", id]))
        request.headers += [Self.tusVersion]
        request.acceptsCompression = false
        return request
    }

    /// Sends what is behind `offset`, where the source has to stand. Answers 204 with the new `Upload-Offset`; 409 when
    /// the upload is elsewhere.
    package func uploadRest(id: String, _ source: UploadSource, offset: Int64) -> Request {
        var request = sending(
            source, "PATCH", address.url(["v1", "uploads", id]), contentType: "application/offset+octet-stream")
        request.headers += [("Upload-Offset", String(offset)), Self.tusVersion]
        request.stallSeconds = Self.resumableStallSeconds
        return request
    }

    private static let tusVersion = (name: "Tus-Resumable", value: "1.0.0")
    /// Shorter than where a stall costs all that was sent.
    static let resumableStallSeconds = 45

    /// The stream of a document's states, one JSON object a line, until the terminal one.
    package func events(id: String, after: String?) -> Request {
        let query = after.map { [(name: "after", value: $0)] } ?? []
        var request = request("GET", address.url(["v1", "documents", id, "events"], query: query))
        request.headers += [("Accept", "application/x-ndjson")]
        request.timeoutMilliseconds = nil
        request.acceptsCompression = false
        return request
    }

    /// The stream of all documents' states, one JSON object a line: first those that have not ended, then every event.
    package func eventsOfAll() -> Request {
        var request = request("GET", address.url(["v1", "events"], query: [("document", "*")]))
        request.headers += [("Accept", "application/x-ndjson")]
        request.timeoutMilliseconds = nil
        request.acceptsCompression = false
        return request
    }

    /// One document's state.
    package func state(id: String) -> Request {
        var request = request("GET", address.url(["v1", "documents", id]))
        request.headers += [Self.acceptJSON]
        return request
    }

    /// A page of the list; `documentsPerPageMax` at most.
    package func list(status: String?, limit: Int, cursor: String?) -> Request {
        var query: [(name: String, value: String)] = []
        if let status { query.append(("status", status)) }
        if let cursor { query.append(("cursor", cursor)) }
        query.append(("limit", String(limit)))
        var request = request("GET", address.url(["v1", "documents"], query: query))
        request.headers += [Self.acceptJSON]
        return request
    }

    package static let documentsPerPageMax = 500

    // MARK: The queue

    package func queue() -> Request { asking("GET", ["v1", "admin", "queue"]) }

    package func pauseQueue(_ pauses: Bool) -> Request {
        var request = asking("POST", ["v1", "admin", "queue"])
        request.headers.append(("Content-Type", "application/json"))
        request.body = .bytes(Array("{\"paused\":\(pauses)}".utf8))
        return request
    }

    /// A page of the documents that failed at work.
    package func deadLetters(cursor: String?) -> Request {
        asking("GET", ["v1", "admin", "queue", "dead"], query: cursor.map { [("cursor", $0)] } ?? [])
    }

    package func deadLetter(id: String) -> Request { asking("GET", ["v1", "admin", "queue", "dead", id]) }

    /// Puts them all back, a page at a time: the answer says whether there are `more`.
    package func requeueDeadLetters(after cursor: String?) -> Request {
        asking("POST", ["v1", "admin", "queue", "dead", "requeue"], query: cursor.map { [("cursor", $0)] } ?? [])
    }

    package func retry(id: String) -> Request { asking("POST", ["v1", "documents", id, "retry"]) }

    private func asking(_ method: String, _ path: [String], query: [(name: String, value: String)] = []) -> Request {
        var request = request(method, address.url(path, query: query))
        request.headers += [Self.acceptJSON]
        return request
    }

    package func cancel(id: String) -> Request {
        var request = request("POST", address.url(["v1", "documents", id, "cancel"]))
        request.headers += [Self.acceptJSON]
        return request
    }

    /// The result's chunks, one JSON object a line; 409 while the document is not complete.
    package func result(id: String) -> Request {
        streaming(address.url(["v1", "documents", id, "result"]))
    }

    /// The text, pages parted by form feeds.
    package func text(id: String) -> Request {
        streaming(address.url(["v1", "documents", id, "text"]))
    }

    private func streaming(_ url: String) -> Request {
        var request = request("GET", url)
        request.timeoutMilliseconds = nil
        return request
    }

    private static let acceptJSON = (name: "Accept", value: "application/json")

    /// What a creating call answered with.
    package struct Created {
        package var id: String
        package var state: DocumentState
        package var json: JSONValue
        package var contentURL: String?
    }

    /// Reads the reply of a creating call; throws `unreadableReply` for what is no document.
    package func created(_ body: [UInt8]) throws(ClientError) -> Created {
        let json = try Self.parse(body, server: address.shown)
        guard let state = DocumentState(json) else {
            throw .unreadableReply(server: address.shown, reason: "its reply names no document")
        }
        let link = json["links"]?["content"]?.stringValue
        return Created(id: state.id, state: state, json: json, contentURL: link.flatMap(address.resolve))
    }

    package static func parse(_ body: [UInt8], server: String) throws(ClientError) -> JSONValue {
        do {
            return try JSONValue.parse(body)
        } catch {
            throw .unreadableReply(server: server, reason: "its reply is not JSON")
        }
    }
}
