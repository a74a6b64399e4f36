import CCurl

/// What to ask of a service.
package struct HTTPRequest {
    package var url: String
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]
    /// For all of it, the connection included.
    package var timeoutMilliseconds: Int64

    package init(
        postTo url: String, headers: [(name: String, value: String)], body: [UInt8], timeoutMilliseconds: Int64
    ) {
        self.url = url
        self.headers = headers
        self.body = body
        self.timeoutMilliseconds = timeoutMilliseconds
    }

    package static let connectTimeoutMilliseconds: Int64 = 10_000
}

/// The first part of an answer; names of fields in lower case.
package struct HTTPReplyHead: Sendable, Equatable {
    package var status = 0
    package var fields: [String: String] = [:]
    package var isSuccess: Bool { (200...299).contains(status) }
    /// What is kept of an answer's fields.
    package static let fieldsMax = 200

    package init(status: Int = 0) { self.status = status }
}

/// Why there is no whole answer.
package enum HTTPFailure: Error, Equatable {
    case timedOut
    /// No connection came about; the reason in libcurl's words.
    case unreachable(String)
    /// The certificate is not one that this machine trusts for that name, or TLS failed.
    case untrusted(String)
    /// The connection broke midway.
    case lost(String)
    /// Whoever takes the body wants no more of it.
    case unwanted
}

/// Takes what comes; called from `HTTPCalls.turn`.
package protocol HTTPReceiver: AnyObject {
    /// A piece of the body of a successful answer (`head` is whole by then), or of another one. False: no more of it.
    func received(_ bytes: UnsafeRawBufferPointer, head: HTTPReplyHead) -> Bool
    /// Nothing comes any more.
    func ended(_ result: Result<HTTPReplyHead, HTTPFailure>)
}

/// One exchange on a libcurl easy handle, made and driven by `HTTPCalls`.
///
/// The certificate is checked against what this machine trusts; redirections are answers like others; a proxy is not
/// used, whatever the environment says; HTTP/2 is spoken where TLS agrees on it.
package final class HTTPCall {
    let easy: UnsafeMutableRawPointer
    let receiver: any HTTPReceiver
    private(set) var head = HTTPReplyHead()
    private var fieldList: UnsafeMutablePointer<curl_slist>?
    private var isUnwanted = false

    init(_ request: HTTPRequest, receiver: any HTTPReceiver) {
        guard let easy = hw_curl_easy_init() else { preconditionFailure("curl_easy_init: out of memory") }
        self.easy = easy
        self.receiver = receiver
        configure(request)
    }

    deinit {
        hw_curl_easy_cleanup(easy)
        hw_curl_slist_free_all(fieldList)
    }

    private func configure(_ request: HTTPRequest) {
        let context = Unmanaged.passUnretained(self).toOpaque()
        hw_curl_set_string(easy, CURLOPT_URL, request.url)
        hw_curl_set_string(easy, CURLOPT_PROTOCOLS_STR, "http,https")
        hw_curl_set_string(easy, CURLOPT_USERAGENT, "headway")
        hw_curl_set_string(easy, CURLOPT_PROXY, "")
        hw_curl_set_string(easy, CURLOPT_ACCEPT_ENCODING, "")
        hw_curl_set_long(easy, CURLOPT_FOLLOWLOCATION, 0)
        hw_curl_set_long(easy, CURLOPT_SSL_VERIFYPEER, 1)
        hw_curl_set_long(easy, CURLOPT_SSL_VERIFYHOST, 2)
        hw_curl_set_long(easy, CURLOPT_NOSIGNAL, 1)
        hw_curl_set_long(easy, CURLOPT_TCP_KEEPALIVE, 1)
        // Where TLS agrees on HTTP/2, calls share a connection. Without TLS nobody agrees on anything before the first
        // answer, for which a second call would then wait.
        hw_curl_set_long(easy, CURLOPT_PIPEWAIT, request.url.hasPrefix("https:") ? 1 : 0)
        hw_curl_set_long(
            easy, CURLOPT_CONNECTTIMEOUT_MS,
            Int(min(HTTPRequest.connectTimeoutMilliseconds, request.timeoutMilliseconds)))
        hw_curl_set_long(easy, CURLOPT_TIMEOUT_MS, Int(request.timeoutMilliseconds))
        hw_curl_set_pointer(easy, CURLOPT_WRITEDATA, context)
        hw_curl_set_data_callback(easy, CURLOPT_WRITEFUNCTION) { data, size, count, context in
            HTTPCall.from(context).receive(UnsafeRawBufferPointer(start: data, count: size * count))
        }
        hw_curl_set_pointer(easy, CURLOPT_HEADERDATA, context)
        hw_curl_set_data_callback(easy, CURLOPT_HEADERFUNCTION) { data, size, count, context in
            HTTPCall.from(context).receiveField(UnsafeRawBufferPointer(start: data, count: size * count))
        }
        hw_curl_set_long(easy, CURLOPT_POST, 1)
        hw_curl_set_offset(easy, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(request.body.count))
        request.body.withUnsafeBytes { bytes in
            _ = hw_curl_set_pointer(easy, CURLOPT_COPYPOSTFIELDS, UnsafeMutableRawPointer(mutating: bytes.baseAddress))
        }
        // Waiting for "100 Continue" costs a second with services that do not know it.
        for field in request.headers + [("Expect", "")] {
            let line = field.value.isEmpty ? "\(field.name):" : "\(field.name): \(field.value)"
            fieldList = hw_curl_slist_append(fieldList, line)
        }
        hw_curl_set_list(easy, CURLOPT_HTTPHEADER, fieldList)
    }

    private static func from(_ context: UnsafeMutableRawPointer?) -> HTTPCall {
        // The pointer is ours (`configure`), and `HTTPCalls` holds the object as long as libcurl has the handle.
        Unmanaged<HTTPCall>.fromOpaque(context!).takeUnretainedValue()
    }

    // MARK: What libcurl calls

    private func receiveField(_ bytes: UnsafeRawBufferPointer) -> Int {
        let line = String(decoding: bytes, as: UTF8.self)
        if line.hasPrefix("HTTP/") {  // Another head: the one before was of 100 to 199.
            let status = line.split(separator: " ").dropFirst().first.flatMap { Int($0.prefix { $0.isNumber }) }
            head = HTTPReplyHead(status: status ?? 0)
        } else if let colon = line.firstIndex(of: ":"), head.fields.count < HTTPReplyHead.fieldsMax {
            var value = line[line.index(after: colon)...]
            while let last = value.last, last.isWhitespace { value.removeLast() }
            head.fields[line[..<colon].lowercased()] = String(value.drop(while: \.isWhitespace))
        }
        return bytes.count
    }

    private func receive(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard receiver.received(bytes, head: head) else {
            isUnwanted = true
            return 0
        }
        return bytes.count
    }

    /// What `code`, with which libcurl ended the exchange, means.
    func result(of code: CURLcode) -> Result<HTTPReplyHead, HTTPFailure> {
        if code == CURLE_OK { return .success(head) }
        if isUnwanted { return .failure(.unwanted) }
        let words = String(cString: hw_curl_easy_strerror(code))
        switch code {
        case CURLE_OPERATION_TIMEDOUT: return .failure(.timedOut)
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT, CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL:
            return .failure(.unreachable(words))
        case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CONNECT_ERROR, CURLE_SSL_CACERT_BADFILE,
            CURLE_SSL_ISSUER_ERROR:
            return .failure(.untrusted(words))
        default: return .failure(.lost(words))
        }
    }
}
