import Blobs
import Compression
import Core
import Logging
import Loop
import System
import Wire

/// Takes a request's body, piece by piece, on the connection's loop.
package protocol BodyConsumer: AnyObject {
    func receive(_ bytes: Span<UInt8>)
    /// The body is complete.
    func finish()
    /// The body will not come whole: the client is gone, or what it sends is no body.
    func abort()
    /// Where the bytes may go without being seen, when they need no decoding.
    var directSink: ContentSink? { get }
    /// From here on disk threads read the body from `socket` into the sink, up to where the content ends.
    func attachDirectly(_ socket: consuming OwnedDescriptor)
    /// Bytes went there.
    func tookDirectly()
}

extension BodyConsumer {
    package var directSink: ContentSink? { nil }
    package func attachDirectly(_ socket: consuming OwnedDescriptor) { directSink?.attach(socket) }
    package func tookDirectly() {}
}

/// A response that goes on after its head: a watch, or a file.
package protocol ResponseProducer: AnyObject {
    /// Whether a client that hangs up its side wants no more: a watcher, but not a download.
    var endsWithPeer: Bool { get }
    /// What was written is sent; more may follow.
    func drained()
    /// The client is gone.
    func abort()
    /// Called once a second.
    func sweep(now: Int64)
    /// The server stops.
    func drain()
}

/// One request and its response. A route keeps it until it has answered; it may answer at any later time on the same
/// loop.
package final class Exchange: @unchecked Sendable {
    package let head: RequestHead
    /// What is to be done, which the head's method may only stand for.
    let method: String
    let requestID: String
    private let connection: HTTPConnection
    private let startMilliseconds: Int64
    /// What is in force for this request, from its head to its end.
    package let policy: LivePolicy
    /// Who asks. Worked out when somebody first wants to know.
    package private(set) lazy var caller = CallerReading.caller(
        head, peer: stream.rawDescriptor.flatMap { try? Socket.peerAddress(of: $0).host }, policy)
    /// What links begin with: the address under which clients reach the server, where that is known. Else they are
    /// paths, which clients resolve against the address that they used.
    private(set) lazy var publicURL: String =
        server.shared.configuration.publicURL
        ?? CallerReading.origin(
            head, peer: stream.rawDescriptor.flatMap { try? Socket.peerAddress(of: $0).host }, policy)
        ?? ""
    /// What the caller's tier takes; where bytes come for a document that exists, that of whoever made it.
    package lazy var tierLimitBytes: Int64? = caller.tier.limitBytes

    // The request.
    private(set) var isRequestComplete: Bool
    private(set) var isBodyPaused = false
    private(set) var consumer: (any BodyConsumer)?
    private var droppedBytes: Int64 = 0
    private var hasSentContinue = false
    /// Fields that came behind the content, there when the body is complete: `Upload-Checksum` or none.
    private(set) var trailers = HTTPFields()

    // The response.
    /// The answer is decided and on its way to be sent; no other counts.
    private var isAnswered = false
    private(set) var isResponseBegun = false
    private(set) var isResponseComplete = false
    var closesConnection: Bool
    private var isChunked = false
    private var producer: (any ResponseProducer)?
    private var status = 0

    var server: LoopServer { connection.server }
    package var loop: EventLoop { connection.loop }
    private var stream: SocketStream { connection.stream }

    init(_ head: RequestHead, connection: HTTPConnection) {
        self.head = head
        method = head.effectiveMethod
        self.connection = connection
        startMilliseconds = connection.loop.nowMilliseconds
        policy = connection.server.shared.policy
        requestID = Self.requestID(given: head.fields["X-Request-Id"])
        closesConnection = !head.keepAlive
        // The decoder says `end` for every request, for one without a body right after its head.
        isRequestComplete = false
    }

    /// What the client gave, when it is short and printable; else a new one.
    private static func requestID(given: String?) -> String {
        if let given, !given.isEmpty, given.utf8.count <= 128, given.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) {
            return given
        }
        return String(Randomness.integer() | 1 << 63, radix: 16)
    }

    /// Whether there is still a client to answer.
    var isAlive: Bool { stream.isOpen && !isResponseComplete }
    var isTakingBody: Bool { consumer != nil }
    var endsWithPeer: Bool { producer?.endsWithPeer ?? false }
    var isHead: Bool { head.method == "HEAD" }

    // MARK: Request body

    /// Wants the body. Says `100 Continue` to a client that waits for it: the decision to take the body is made by
    /// calling this, and not before.
    package func takeBody(_ consumer: any BodyConsumer) {
        self.consumer = consumer
        if head.expectsContinue && !hasSentContinue && !isRequestComplete {
            hasSentContinue = true
            stream.write(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8))
        }
        resumeBody()
    }

    /// Holds the body back until `resumeBody`: the route has not decided yet, or the disk lags.
    package func pauseBody() {
        guard !isRequestComplete else { return }
        isBodyPaused = true
    }

    package func resumeBody() {
        guard isBodyPaused else { return }
        isBodyPaused = false
        connection.proceed()
    }

    func receiveBody(_ bytes: Span<UInt8>) {
        if let consumer { return consumer.receive(bytes) }
        // Nobody wants it: the response is on its way, or made already.
        droppedBytes += Int64(bytes.count)
    }

    func endBody(trailers: HTTPFields) {
        isRequestComplete = true
        if !trailers.pairs.isEmpty { self.trailers = trailers }
        let last = consumer
        consumer = nil
        last?.finish()
    }

    func failBody() {
        let last = consumer
        consumer = nil
        last?.abort()
    }

    // MARK: Response

    /// Sends an interim response (RFC 9110 §15.2); the answer follows.
    package func interim(_ status: Int, _ given: HTTPFields) {
        guard !isAnswered, !isResponseBegun, !isResponseComplete else { return }
        var fields = given
        fields.set("X-Request-Id", requestID)
        var bytes: [UInt8] = []
        ResponseHead(status: status, fields: fields).encode(into: &bytes)
        stream.write(bytes)
    }

    /// How long who asks after an upload, or goes on with it, waits where nothing else is said.
    private static let uploadRetrySeconds = 5

    /// Answers with a problem.
    package func respond(_ given: Problem, closing: Bool = false) {
        var problem = given
        problem.status = head.statusForUploads(given.status)
        if problem.status != given.status && problem.fields["Retry-After"] == nil {
            problem.fields["Retry-After"] = "\(Self.uploadRetrySeconds)"
        }
        var fields = HTTPFields()
        fields.set("Content-Type", "application/problem+json")
        // Whatever refuses it, a request of a resumable upload is answered in its own protocol.
        for (name, value) in UploadReplies.refusalFields(of: head).pairs { fields.set(name, value) }
        for (name, value) in problem.fields.sorted(by: { $0.key < $1.key }) { fields.set(name, value) }
        respond(problem.status, fields, problem.encoded(requestID: requestID), closing: closing)
    }

    /// Answers with JSON; a newline ends it, for the terminal's sake.
    package func respond(_ status: Int, json: [UInt8], fields: HTTPFields = HTTPFields()) {
        var fields = fields
        fields.set("Content-Type", "application/json")
        respond(status, fields, json + [UInt8(ascii: "\n")])
    }

    /// The smallest body for which gzip pays: below, its header eats what it saves.
    static let gzipBytesMin = 860

    /// A larger body is compressed by a disk thread: a megabyte takes 20 ms, in which a loop could serve hundreds.
    static let gzipOnLoopBytesMax = 64 * 1024

    /// Answers with a whole body. HEAD gets the same fields without it.
    package func respond(_ status: Int, _ fields: HTTPFields, _ body: [UInt8], closing: Bool = false) {
        guard !isAnswered, !isResponseBegun, !isResponseComplete else { return }
        var fields = fields
        var body = body
        if closing { closesConnection = true }
        if !body.isEmpty, let type = fields["Content-Type"], Self.isCompressible(type),
            fields["Content-Encoding"] == nil
        {
            if !fields.contains("Vary", token: "Accept-Encoding") { fields.add("Vary", "Accept-Encoding") }
            if body.count >= Self.gzipBytesMin && AcceptField.acceptsGzip(head.fields["Accept-Encoding"]) {
                fields.set("Content-Encoding", "gzip")
                if body.count > Self.gzipOnLoopBytesMax {
                    return encodeAside(body) { [fields] in self.send(status, fields, $0) }
                }
                body = GzipEncoder.encode(body)
            }
        }
        send(status, fields, body)
    }

    private func encodeAside(_ body: [UInt8], then send: @escaping @Sendable ([UInt8]) -> Void) {
        isAnswered = true
        server.shared.store.disk.submit(from: loop) {
            GzipEncoder.encode(body)
        } then: { coded in
            // The client may be gone by now.
            if self.isAlive { send(coded) }
        }
    }

    private func send(_ status: Int, _ given: HTTPFields, _ body: [UInt8]) {
        var fields = given
        if status != 204 && status != 304 { fields.set("Content-Length", String(body.count)) }
        writeHead(status, fields)
        if !isHead && status != 204 && status != 304 { stream.write(body) }
        complete()
    }

    static func isCompressible(_ type: String) -> Bool {
        guard let media = MediaType(parsing: type) else { return false }
        if media.type == "text" && media.subtype != "event-stream" { return true }
        return ["json", "problem+json", "x-ndjson", "javascript", "xml"].contains(media.subtype)
            || media.subtype.hasSuffix("+xml")
    }

    /// Begins a response whose body follows by `write`; `length` nil: until `end`.
    package func begin(_ status: Int, _ fields: HTTPFields, length: Int64?, producer: any ResponseProducer) {
        guard !isResponseBegun, !isResponseComplete else { return }
        self.producer = producer
        var fields = fields
        if let length {
            fields.set("Content-Length", String(length))
        } else if streamsInChunks {
            isChunked = true
            fields.set("Transfer-Encoding", "chunked")
        } else {
            // RFC 9112 §6.1: an HTTP/1.0 client knows no chunks; the end of the connection ends the body.
            closesConnection = true
        }
        writeHead(status, fields)
        if isHead { complete() }
    }

    var unsentBytes: Int { stream.pendingBytes }

    package func write(_ bytes: [UInt8]) {
        guard isResponseBegun, !isResponseComplete, !bytes.isEmpty else { return }
        if isChunked { stream.write(ChunkedEncoding.prefix(byteCount: bytes.count)) }
        stream.write(bytes)
        if isChunked { stream.write(ChunkedEncoding.suffix) }
    }

    /// Whether a body without a length goes out in chunks; else the connection's end ends it.
    var streamsInChunks: Bool { head.minorVersion >= 1 }

    /// Writes shared bytes that are framed already, as `streamsInChunks` says.
    func writeFramed(_ shared: SharedBytes) {
        guard isResponseBegun, !isResponseComplete else { return }
        stream.send(shared)
    }

    func tellWhenDrained() { stream.tellWhenDrained() }

    package func end() {
        guard isResponseBegun, !isResponseComplete else { return }
        if isChunked { stream.write(ChunkedEncoding.end) }
        complete()
    }

    /// Breaks off a response that cannot be completed: its framing tells the client that it is not whole.
    package func breakOff() {
        guard !isResponseComplete else { return }
        isResponseComplete = true
        producer = nil
        stream.close()
    }

    private func writeHead(_ status: Int, _ given: HTTPFields) {
        isResponseBegun = true
        self.status = status
        var fields = given
        policy.crossOrigin.add(to: &fields, origin: head.fields["Origin"])
        fields.set("X-Request-Id", requestID)
        fields.set("Date", server.date)
        fields.set("X-Content-Type-Options", "nosniff")
        if !isRequestComplete && !canDropRest || server.shared.isDraining { closesConnection = true }
        if closesConnection {
            fields.set("Connection", "close")
        } else if head.minorVersion == 0 {
            fields.set("Connection", "keep-alive")
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(768)
        ResponseHead(status: status, fields: fields).encode(into: &bytes)
        stream.write(bytes)
    }

    /// Whether what is left of the body is short enough to be read and dropped. A client that waits for `100 Continue`
    /// may or may not send it, so there the connection ends.
    private var canDropRest: Bool {
        if head.expectsContinue && !hasSentContinue { return false }
        switch head.framing {
        case .none: return true
        case .length(let count): return count <= server.shared.configuration.connectionLimits.droppedBodyBytesMax
        case .chunked: return false
        }
    }

    private func complete() {
        isResponseComplete = true
        producer = nil
        if consumer != nil { failBody() }
        isBodyPaused = false
        log()
        connection.finishIfDone()
        if !isRequestComplete { connection.proceed() }
    }

    private func log() {
        server.shared.logger.info(
            "request",
            metadata: [
                "request_id": "\(requestID)", "method": "\(head.method)", "path": "\(head.path)", "status": "\(status)",
                "milliseconds": "\(loop.nowMilliseconds - startMilliseconds)",
            ])
    }

    // MARK: What the connection tells

    func drained() { producer?.drained() }
    func sweep(now: Int64) { producer?.sweep(now: now) }
    func drain() { producer?.drain() }

    func abort() {
        failBody()
        let last = producer
        producer = nil
        isResponseComplete = true
        last?.abort()
    }

    // MARK: Upgrade

    /// Lets `waiter` hear of the client's end, the server's end and the time, while the answer is still to come.
    func wait(_ waiter: any ResponseProducer) {
        guard !isResponseBegun, !isResponseComplete else { return }
        producer = waiter
    }

    /// Answers 101 and gives the stream to another protocol.
    func upgrade(_ fields: HTTPFields, to make: (SocketStream) -> any StreamDelegate) {
        guard !isResponseBegun, !isResponseComplete else { return }
        isResponseBegun = true
        isResponseComplete = true
        status = 101
        var fields = fields
        policy.crossOrigin.add(to: &fields, origin: head.fields["Origin"])
        fields.set("X-Request-Id", requestID)
        fields.set("Connection", "Upgrade")
        var bytes: [UInt8] = []
        ResponseHead(status: 101, fields: fields).encode(into: &bytes)
        stream.write(bytes)
        log()
        connection.handOver(to: make(stream))
    }
}
