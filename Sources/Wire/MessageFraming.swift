/// What a head says about the message as a whole: where it ends, whether the connection goes on. One place, because
/// each rule guards against a way to make two readers disagree about where a request ends (RFC 9112 §11.2).
enum MessageFraming {
    /// The head that a request line and its fields make.
    static func head(_ line: RequestLine, _ fields: HTTPFields) throws(HTTPRequestError) -> RequestHead {
        var fields = fields
        try checkHost(fields, minorVersion: line.minorVersion)
        // RFC 9112 §3.2.2: Host is ignored, and replaced, when the target names an authority itself.
        if let authority = line.authority { fields.set("Host", authority) }
        let framing = try framing(fields, minorVersion: line.minorVersion)
        return RequestHead(
            method: line.method, target: line.target, path: line.path, query: line.query,
            minorVersion: line.minorVersion, fields: fields, framing: framing,
            keepAlive: keepAlive(fields, minorVersion: line.minorVersion),
            expectsContinue: try expectsContinue(fields, framing, minorVersion: line.minorVersion))
    }

    /// RFC 9112 §3.2: exactly one valid Host in HTTP/1.1; before that it may be missing.
    private static func checkHost(_ fields: HTTPFields, minorVersion: Int) throws(HTTPRequestError) {
        let hosts = fields.values("Host")
        guard hosts.count <= 1 else { throw .hostRepeated }
        guard let host = hosts.first else {
            if minorVersion > 0 { throw .hostMissing }
            return
        }
        guard HostName.isValid(host) else { throw .hostInvalid }
    }

    /// RFC 9112 §6.3, the strict reading: anything that two parties could take differently is refused.
    private static func framing(_ fields: HTTPFields, minorVersion: Int) throws(HTTPRequestError) -> BodyFraming {
        let lengths = fields.values("Content-Length")
        let codings = fields.values("Transfer-Encoding")
        guard codings.isEmpty else {
            if minorVersion == 0 { throw .transferCodingBeforeHTTP11 }
            if !lengths.isEmpty { throw .framingAmbiguous }
            try checkChunkedAlone(codings)
            return .chunked
        }
        guard let length = lengths.first else { return .none }
        guard lengths.count == 1 else { throw .contentLengthRepeated }
        return .length(try contentLength(length))
    }

    /// RFC 9110 §8.6: 1*DIGIT. Not a sign, not a list of equal numbers, and no wrapping at 2⁶³.
    private static func contentLength(_ text: String) throws(HTTPRequestError) -> Int64 {
        guard !text.isEmpty else { throw .contentLengthInvalid }
        for octet in text.utf8 where !octet.isDigit {
            throw octet == ASCII.comma ? .contentLengthRepeated : .contentLengthInvalid
        }
        guard let length = Int64(text) else { throw .contentLengthTooLarge }
        return length
    }

    /// RFC 9112 §6.1: `chunked`, once and last and without parameters; we know no coding to go before it.
    private static func checkChunkedAlone(_ values: [String]) throws(HTTPRequestError) {
        let codings = values.flatMap { $0.pieces(between: ASCII.comma) }.map(\.trimmingBlanks)
        for (index, coding) in codings.enumerated() {
            let name = coding.pieces(between: ASCII.semicolon)[0].trimmingBlanks
            guard name.isToken else { throw .transferCodingMalformed }
            guard name.equalsIgnoringASCIICase("chunked") else { continue }
            // Not last, twice, or with a parameter: a broken message, not an unknown coding.
            guard index == codings.count - 1, name.utf8.count == coding.utf8.count else {
                throw .transferCodingMalformed
            }
        }
        guard codings.count == 1, codings[0].equalsIgnoringASCIICase("chunked") else { throw .transferCodingUnknown }
    }

    /// RFC 9112 §9.3: HTTP/1.1 goes on unless told to close, HTTP/1.0 closes unless asked to keep alive.
    private static func keepAlive(_ fields: HTTPFields, minorVersion: Int) -> Bool {
        if fields.contains("Connection", token: "close") { return false }
        return minorVersion > 0 || fields.contains("Connection", token: "keep-alive")
    }

    /// RFC 9110 §10.1.1: 100-continue is the only expectation; HTTP/1.0 has none; without content nobody waits.
    private static func expectsContinue(
        _ fields: HTTPFields, _ framing: BodyFraming, minorVersion: Int
    ) throws(HTTPRequestError) -> Bool {
        guard minorVersion > 0 else { return false }
        let expectations = fields.values("Expect")
        guard !expectations.isEmpty else { return false }
        guard expectations.allSatisfy({ $0.equalsIgnoringASCIICase("100-continue") }) else { throw .expectationUnknown }
        return framing != .none && framing != .length(0)
    }
}
