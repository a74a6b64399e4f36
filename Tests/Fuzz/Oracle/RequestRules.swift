import Wire

/// What must hold for any stream that a server reads as requests.
enum RequestRules {
    /// Bounds so near that inputs of a few hundred octets reach each of them.
    private static let tight = HTTPLimits(
        headBytesMax: 160, fieldsMax: 4, leadingEmptyLinesMax: 1, chunkLineBytesMax: 16, chunkExtensionBytesMax: 24,
        trailerBytesMax: 32)

    /// Reads the stream under the server's own bounds and under tight ones, and gives each answer to `examine`.
    static func check(_ stream: [UInt8], examine: (HTTPTranscript, HTTPLimits) -> Void) {
        for limits in [.default, tight] as [HTTPLimits] {
            let answer = Oracle.answer(to: stream) { HTTPTranscript($0, limits: limits) }
            if let error = answer.failure { checkFailure(error, answer, stream, limits) }
            for head in answer.heads { checkPromises(of: head) }
            examine(answer, limits)
        }
    }

    /// An error has its answer for the peer, and nothing behind it is read: a smuggled request least of all.
    private static func checkFailure(
        _ error: HTTPRequestError, _ answer: HTTPTranscript, _ stream: [UInt8], _ limits: HTTPLimits
    ) {
        Oracle.demand(
            (400...505).contains(error.status) && !error.code.isEmpty && error.detail.hasSuffix("."),
            "an error has a status, a code and a sentence", error)
        let smuggled = HTTPTranscript([stream + "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n".octets], limits: limits)
        Oracle.demand(smuggled == answer, "a failed decoder stays failed", "\(answer)\nthen\n\(smuggled)")
    }

    /// What `RequestHead` says of itself, and the server builds on.
    private static func checkPromises(of head: RequestHead) {
        Oracle.demand(isName(head.method), "a method is a token", head)
        Oracle.demand(!head.target.unicodeScalars.contains { isControl($0) || $0 == " " }, "a target is one word", head)
        Oracle.demand(!head.path.utf8.contains { $0 == 0x3F || $0 == 0x5C }, "a path has no query or backslash", head)
        Oracle.demand(
            head.path.utf8.first == 0x2F || head.path == "*" && head.method == "OPTIONS"
                || head.path.isEmpty && head.method == "CONNECT",
            "a path begins with a slash, but for OPTIONS and CONNECT", head)

        let hosts = head.fields.values("Host").count
        Oracle.demand(hosts == 1 || hosts == 0 && head.minorVersion == 0, "Host is there and single", head)
        for field in head.fields.pairs {
            Oracle.demand(isName(field.name), "a field's name is a token", field)
            Oracle.demand(
                !field.value.unicodeScalars.contains { isControl($0) && $0 != "\t" }, "a value has no control", field)
        }

        let (lengths, codings) = (head.fields.values("Content-Length"), head.fields.values("Transfer-Encoding"))
        let isPlain =
            switch head.framing {
            case .none: lengths.isEmpty && codings.isEmpty
            case .length(let length): length >= 0 && lengths.count == 1 && codings.isEmpty
            case .chunked: lengths.isEmpty && codings.count == 1 && head.minorVersion > 0
            }
        Oracle.demand(isPlain, "one field at most says where the content ends", head)
    }

    private static func isName(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"\"(),/:;<=>?@[\\]{}".utf8.contains($0) }
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool { scalar.value < 0x20 || scalar.value == 0x7F }
}
