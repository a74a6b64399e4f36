/// HTTP/1.1 requests out of a stream of octets (RFC 9112), one after another.
///
/// A value: octets in, events out; no socket, clock or callback. Feed it whatever was read, in pieces of any size: the
/// events do not depend on where the pieces were cut, save that a body comes in as many ranges as it had pieces.
///
/// ```
/// requestLine ── line ──▶ fields ── empty line ──▶ head ──▶ none or length 0 ─────────────▶ end
///      ▲                                            ├──▶ body(range)… until the length is met ──▶ end
///      │                                            └──▶ body(range)… chunk by chunk, trailers ──▶ end
///      └──────────────────────────────────────── the next request ◀─────────────────────────────┘
/// ```
///
/// Lines are parsed as they end, so a bad first line is refused before the second one arrives, and what is kept of a
/// partial head is its parsed fields and at most one cut line. A failed decoder stays failed: every later call throws
/// the same error, because past an error nobody knows where a request begins.
package struct HTTPRequestDecoder {
    package enum Event {
        /// All input is consumed: come back with more.
        case needMore
        /// A request begins. The position is behind its head.
        case head(RequestHead)
        /// A part of its content, as a range of `input`.
        case body(Range<Int>)
        /// The request is complete; bytes after it are the next request's, or another protocol's after an upgrade.
        case end
    }

    private enum State {
        case requestLine
        case fields
        case body(remaining: Int64)
        case chunks
        case failed(HTTPRequestError)
    }

    private let limits: HTTPLimits
    private var state = State.requestLine
    private var lines = LineCollector()
    private var requestLine: RequestLine?
    private var fields = HTTPFields()
    private var chunks = ChunkedBodyDecoder()
    private var headBytes = 0
    private var emptyLines = 0

    package init(limits: HTTPLimits = .default) { self.limits = limits }

    /// Fields that came behind the content: `Upload-Checksum` or none. Read them at `.end`, before the next request.
    package private(set) var trailers = HTTPFields()

    /// No byte of a next request has been seen, apart from empty lines: a connection that ends here ends cleanly.
    package var isBetweenRequests: Bool {
        if case .requestLine = state { return lines.isEmpty }
        return false
    }

    /// The fields of a head that is not whole: what the answer to a malformed or cut head may go by. They are
    /// well-formed each for itself; that they belong together is not established.
    package var fieldsSoFar: HTTPFields { fields }

    /// What is still to come of a body of known length; nil anywhere else.
    package var remainingBodyBytes: Int64? {
        if case .body(let remaining) = state { return remaining }
        return nil
    }

    /// Somebody else took the body's next `byteCount` bytes from the connection. No more than `remainingBodyBytes`.
    package mutating func skipBody(_ byteCount: Int64) {
        guard case .body(let remaining) = state, byteCount <= remaining else {
            preconditionFailure("only bytes of a body of known length can be skipped")
        }
        state = .body(remaining: remaining - byteCount)
    }

    /// Consumes `input` from `position` on up to the next event. Call it until it says `.needMore`, or stop at `.end`
    /// and go on there once the response is decided.
    package mutating func next(
        _ input: Span<UInt8>, at position: inout Int
    ) throws(HTTPRequestError) -> Event {
        do throws(HTTPRequestError) {
            return try step(input, at: &position)
        } catch {
            state = .failed(error)
            // The fields that were read stay: the refusal is answered as theirs.
            (lines, requestLine) = (LineCollector(), nil)
            throw error
        }
    }

    private mutating func step(_ input: Span<UInt8>, at position: inout Int) throws(HTTPRequestError) -> Event {
        while true {
            switch state {
            case .failed(let error):
                throw error

            case .requestLine:
                guard position < input.count else { return .needMore }
                // A TLS handshake or another binary protocol would else be collected until a line feed turns up.
                if lines.isAtLineStart, !input[position].isToken, input[position] != ASCII.carriageReturn {
                    throw input[position] == ASCII.lineFeed ? .bareLineFeed : .methodInvalid
                }
                switch lines.next(input, at: &position, bytesMax: limits.headBytesMax) {
                case .partial: return .needMore
                case .inInput(let range): try takeRequestLine(input.extracting(range))
                case .held: try takeRequestLine(lines.takeHeld().span)
                case .bareLineFeed: throw .bareLineFeed
                case .overrun: throw .requestLineTooLong(bytesMax: limits.headBytesMax)
                }

            case .fields:
                guard position < input.count else { return .needMore }
                switch lines.next(input, at: &position, bytesMax: limits.headBytesMax - headBytes) {
                case .partial: return .needMore
                case .inInput(let range):
                    if let head = try takeFieldLine(input.extracting(range)) { return .head(head) }
                case .held:
                    if let head = try takeFieldLine(lines.takeHeld().span) { return .head(head) }
                case .bareLineFeed: throw .bareLineFeed
                case .overrun: throw .headTooLarge(bytesMax: limits.headBytesMax)
                }

            case .body(let remaining):
                guard remaining > 0 else { return finish() }
                guard position < input.count else { return .needMore }
                let start = position
                position += Int(min(remaining, Int64(input.count - start)))
                state = .body(remaining: remaining - Int64(position - start))
                return .body(start..<position)

            case .chunks:
                switch try chunks.next(input, at: &position, limits: limits) {
                case .needMore: return .needMore
                case .data(let range): return .body(range)
                case .end:
                    trailers = chunks.trailers
                    return finish()
                }
            }
        }
    }

    private mutating func takeRequestLine(_ line: Span<UInt8>) throws(HTTPRequestError) {
        guard !line.isEmpty else {
            // RFC 9112 §2.2: old clients send an empty line after a body; ignore some.
            emptyLines += 1
            guard emptyLines <= limits.leadingEmptyLinesMax else {
                throw .tooManyEmptyLines(max: limits.leadingEmptyLinesMax)
            }
            return
        }
        headBytes = line.count + 2
        requestLine = try RequestLine(parsing: line)
        state = .fields
    }

    /// The head, once the empty line has come.
    private mutating func takeFieldLine(_ line: Span<UInt8>) throws(HTTPRequestError) -> RequestHead? {
        guard line.isEmpty else {
            headBytes += line.count + 2
            guard fields.pairs.count < limits.fieldsMax else { throw .tooManyFields(max: limits.fieldsMax) }
            let field = try FieldLine(parsing: line)
            fields.add(field.name, field.value)
            return nil
        }
        guard let requestLine else { preconditionFailure("Fields follow a request line.") }
        let head = try MessageFraming.head(requestLine, fields)
        self.requestLine = nil
        fields = HTTPFields()
        if !trailers.pairs.isEmpty { trailers = HTTPFields() }
        switch head.framing {
        case .none: state = .body(remaining: 0)
        case .length(let length): state = .body(remaining: length)
        case .chunked:
            chunks = ChunkedBodyDecoder()
            state = .chunks
        }
        return head
    }

    private mutating func finish() -> Event {
        state = .requestLine
        headBytes = 0
        emptyLines = 0
        return .end
    }
}
