import CCurl
import Glibc

/// What to ask of the server.
package struct Request {
    package enum Body {
        case none
        case bytes([UInt8])
        case source(UploadSource)
    }

    package var method: String
    package var url: String
    package var headers: [(name: String, value: String)] = []
    package var body = Body.none
    /// For all of it; nil for uploads and streams, which take the time they take.
    package var timeoutMilliseconds: Int64? = Request.timeoutMillisecondsDefault

    /// What is sent has to move at least so often.
    package var stallSeconds = Request.stallSecondsMax
    /// Off for streams: what a compressor holds back would come late.
    package var acceptsCompression = true

    package static let timeoutMillisecondsDefault: Int64 = 60_000
    package static let connectTimeoutMilliseconds: Int64 = 10_000
    /// An upload that has not moved for so long is given up.
    package static let stallSecondsMax = 120

    package init(_ method: String, _ url: String) {
        self.method = method
        self.url = url
    }
}

/// The first part of a reply; header names in lower case.
package struct ReplyHead {
    package var status = 0
    package var headers: [String: String] = [:]

    package var isSuccess: Bool { (200...299).contains(status) }
}

/// One exchange on a libcurl easy handle. Made and driven by `Transfers`, which also says when it may be let go of.
package final class Transfer {
    package enum Event {
        case head(ReplyHead)
        case body([UInt8])
        /// Nil: the reply came whole. Then nothing comes any more.
        case ended(ClientError?)
    }

    let easy: UnsafeMutableRawPointer
    let observe: (Event) -> Void
    let source: UploadSource?
    package private(set) var head = ReplyHead()
    package private(set) var sentBytes: Int64 = 0
    /// Waits for its source to have bytes.
    private(set) var isPaused = false
    private(set) var failure: ClientError?
    private var headerList: UnsafeMutablePointer<curl_slist>?
    private let body: [UInt8]
    private var isHeadWhole = false
    private var isHeadTold = false
    private var received: [UInt8] = []
    private let server: String

    init(_ request: Request, server: String, observe: @escaping (Event) -> Void) {
        guard let easy = hw_curl_easy_init() else { fatalError("curl_easy_init: out of memory") }
        self.easy = easy
        self.observe = observe
        self.server = server
        if case .source(let source) = request.body { self.source = source } else { source = nil }
        if case .bytes(let bytes) = request.body { body = bytes } else { body = [] }
        configure(request)
    }

    deinit {
        hw_curl_easy_cleanup(easy)
        hw_curl_slist_free_all(headerList)
    }

    private func configure(_ request: Request) {
        let context = Unmanaged.passUnretained(self).toOpaque()
        hw_curl_set_string(easy, CURLOPT_URL, request.url)
        hw_curl_set_string(easy, CURLOPT_PROTOCOLS_STR, "http,https")
        hw_curl_set_string(easy, CURLOPT_USERAGENT, "headway")
        // The empty string stands for all that libcurl can undo.
        hw_curl_set_string(easy, CURLOPT_ACCEPT_ENCODING, request.acceptsCompression ? "" : nil)
        // A proxy from the environment is for other machines: our server mostly runs on this one.
        let local = "localhost,127.0.0.1,::1"
        let direct = Terminal.environment("no_proxy") ?? Terminal.environment("NO_PROXY")
        hw_curl_set_string(easy, CURLOPT_NOPROXY, direct.map { $0 + "," + local } ?? local)
        hw_curl_set_long(easy, CURLOPT_NOSIGNAL, 1)
        hw_curl_set_long(easy, CURLOPT_CONNECTTIMEOUT_MS, Int(Request.connectTimeoutMilliseconds))
        if let timeout = request.timeoutMilliseconds { hw_curl_set_long(easy, CURLOPT_TIMEOUT_MS, Int(timeout)) }
        // A watched stream may be silent for long; probes find a peer that has gone without a word.
        hw_curl_set_long(easy, CURLOPT_TCP_KEEPALIVE, 1)
        hw_curl_set_long(easy, CURLOPT_TCP_KEEPIDLE, 15)
        hw_curl_set_long(easy, CURLOPT_TCP_KEEPINTVL, 5)
        hw_curl_set_pointer(easy, CURLOPT_WRITEDATA, context)
        hw_curl_set_data_callback(easy, CURLOPT_WRITEFUNCTION) { data, size, count, context in
            Transfer.from(context).receive(UnsafeRawBufferPointer(start: data, count: size * count))
        }
        hw_curl_set_pointer(easy, CURLOPT_HEADERDATA, context)
        hw_curl_set_data_callback(easy, CURLOPT_HEADERFUNCTION) { data, size, count, context in
            Transfer.from(context).receiveHeader(UnsafeRawBufferPointer(start: data, count: size * count))
        }
        configureBody(request, context)
        for header in request.headers {
            headerList = hw_curl_slist_append(headerList, "\(header.name): \(header.value)")
        }
        hw_curl_set_list(easy, CURLOPT_HTTPHEADER, headerList)
    }

    private func configureBody(_ request: Request, _ context: UnsafeMutableRawPointer) {
        switch request.body {
        case .none:
            if request.method == "POST" {
                hw_curl_set_long(easy, CURLOPT_POST, 1)
                hw_curl_set_offset(easy, CURLOPT_POSTFIELDSIZE_LARGE, 0)
                hw_curl_set_string(easy, CURLOPT_COPYPOSTFIELDS, "")
            } else if request.method == "HEAD" {
                hw_curl_set_long(easy, CURLOPT_NOBODY, 1)
            }
        case .bytes:
            hw_curl_set_long(easy, CURLOPT_POST, 1)
            hw_curl_set_offset(easy, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.count))
            body.withUnsafeBytes { bytes in
                _ = hw_curl_set_pointer(
                    easy, CURLOPT_COPYPOSTFIELDS, UnsafeMutableRawPointer(mutating: bytes.baseAddress))
            }
        case .source(let source):
            hw_curl_set_long(easy, CURLOPT_UPLOAD, 1)
            hw_curl_set_offset(easy, CURLOPT_INFILESIZE_LARGE, curl_off_t(source.leftBytes ?? -1))
            hw_curl_set_long(easy, CURLOPT_UPLOAD_BUFFERSIZE, 1 << 20)
            hw_curl_set_pointer(easy, CURLOPT_READDATA, context)
            hw_curl_set_data_callback(easy, CURLOPT_READFUNCTION) { data, size, count, context in
                Transfer.from(context).send(UnsafeMutableRawBufferPointer(start: data, count: size * count))
            }
            hw_curl_set_pointer(easy, CURLOPT_SEEKDATA, context)
            hw_curl_set_seek_callback(easy) { context, offset, origin in
                guard offset == 0, origin == SEEK_SET, let source = Transfer.from(context).source else { return 2 }
                return source.rewind() ? 0 : 2  // CURL_SEEKFUNC_CANTSEEK
            }
            if source.sizeBytes != nil {
                hw_curl_set_long(easy, CURLOPT_LOW_SPEED_LIMIT, 1)
                hw_curl_set_long(easy, CURLOPT_LOW_SPEED_TIME, request.stallSeconds)
            }
        }
        hw_curl_set_string(easy, CURLOPT_CUSTOMREQUEST, request.method)
    }

    private static func from(_ context: UnsafeMutableRawPointer?) -> Transfer {
        // The pointer is ours (`configure`), and `Transfers` holds the object as long as libcurl has the handle.
        Unmanaged<Transfer>.fromOpaque(context!).takeUnretainedValue()
    }

    // MARK: What libcurl calls

    private func receiveHeader(_ bytes: UnsafeRawBufferPointer) -> Int {
        let line = String(decoding: bytes, as: UTF8.self)
        if line.hasPrefix("HTTP/") {  // Another head: the one before was 100 Continue.
            let status = line.split(separator: " ").dropFirst().first.flatMap { Int($0.prefix { $0.isNumber }) }
            head = ReplyHead(status: status ?? 0)
            isHeadWhole = false
        } else if let colon = line.firstIndex(of: ":") {
            var value = line[line.index(after: colon)...]
            while let last = value.last, last.isWhitespace { value.removeLast() }
            while let first = value.first, first.isWhitespace { value.removeFirst() }
            if head.headers.count < Self.headersMax { head.headers[line[..<colon].lowercased()] = String(value) }
        } else {
            isHeadWhole = head.status >= 200
        }
        return bytes.count
    }

    private static let headersMax = 200

    private func receive(_ bytes: UnsafeRawBufferPointer) -> Int {
        received.append(contentsOf: bytes)
        return bytes.count
    }

    private func send(_ buffer: UnsafeMutableRawBufferPointer) -> Int {
        guard let source else { return 0 }
        switch source.read(into: buffer) {
        case .bytes(let count):
            sentBytes = source.readBytes
            return count
        case .end:
            return 0
        case .later:
            isPaused = true
            return Int(CURL_READFUNC_PAUSE)
        case .failed(let error):
            failure = error
            return Int(CURL_READFUNC_ABORT)
        }
    }

    // MARK: What Transfers calls

    func resume() {
        isPaused = false
        hw_curl_easy_pause(easy, CURLPAUSE_CONT)
    }

    /// Tells the observer what came during libcurl's turn; it may do as it likes with this and other transfers.
    func tell() {
        if isHeadWhole && !isHeadTold {
            isHeadTold = true
            observe(.head(head))
        }
        if !received.isEmpty {
            let bytes = received
            received = []
            observe(.body(bytes))
        }
    }

    func tellEnd(_ code: CURLcode) {
        tell()
        observe(.ended(error(of: code)))
    }

    /// A refusal that came before all was sent counts as the answer, however the connection ended after it.
    private func error(of code: CURLcode) -> ClientError? {
        if let failure { return failure }
        if code == CURLE_OK || isHeadTold && !head.isSuccess { return nil }
        let said = String(cString: hw_curl_easy_strerror(code))
        switch code {
        case CURLE_COULDNT_CONNECT:
            return .unreachable(server: server, reason: "")
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY:
            return .unreachable(server: server, reason: "no such host")
        case CURLE_OPERATION_TIMEDOUT:
            var connectSeconds: Int = 0
            hw_curl_get_offset(easy, CURLINFO_CONNECT_TIME_T, &connectSeconds)
            return connectSeconds > 0
                ? .connectionLost(server: server, reason: "no answer in time")
                : .unreachable(server: server, reason: "no answer in time")
        case CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_PARTIAL_FILE:
            return .connectionLost(server: server, reason: "")
        case CURLE_WEIRD_SERVER_REPLY, CURLE_UNSUPPORTED_PROTOCOL, CURLE_URL_MALFORMAT, CURLE_BAD_CONTENT_ENCODING:
            return .unreadableReply(server: server, reason: said)
        default:
            return .unreachable(server: server, reason: said)
        }
    }
}
