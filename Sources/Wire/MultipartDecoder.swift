package struct MultipartLimits: Sendable {
    package var partsMax: Int
    /// The fields of one part, line ends included.
    package var partHeadBytesMax: Int
    /// What may come before the first delimiter; browsers and curl send nothing.
    package var preambleBytesMax: Int
    /// What may come behind the closing delimiter: a line end, rarely more.
    package var epilogueBytesMax: Int

    package init(
        partsMax: Int = 64, partHeadBytesMax: Int = 8 * 1024, preambleBytesMax: Int = 4 * 1024,
        epilogueBytesMax: Int = 4 * 1024
    ) {
        self.partsMax = partsMax
        self.partHeadBytesMax = partHeadBytesMax
        self.preambleBytesMax = preambleBytesMax
        self.epilogueBytesMax = epilogueBytesMax
    }

    package static let `default` = MultipartLimits()
}

/// What a part's fields say of it (RFC 7578 §4.2, §4.4).
package struct MultipartPart: Sendable, Equatable {
    package var name: String
    /// Nil for a plain form field; empty for a file input with no file chosen. Never with a path.
    package var filename: String?
    package var contentType: String?
    package var fields: HTTPFields
}

/// The parts of a multipart/form-data body (RFC 7578, RFC 2046 §5.1) out of its octets, in pieces of any size.
///
/// ```
/// preamble ── delimiter ──▶ after delimiter ── CRLF ──▶ part head ── empty line ──▶ part data ──┐
///                                  │  ▲                                                          │
///                                  │  └──────────────────────── delimiter ◀──────────────────────┘
///                                  └── "--" ──▶ epilogue
/// ```
///
/// Data is reported as ranges of the input and never copied; memory is one part's head. What could be the beginning
/// of a delimiter at the end of an input is held back, and reported as `.heldData` when it turns out to be data. A
/// delimiter followed by anything but blanks and CRLF, or `--`, is data as well. A failed decoder stays failed.
package struct MultipartDecoder {
    package enum Event: Equatable {
        /// All input is consumed.
        case needMore
        case partBegan(MultipartPart)
        /// Data of the part, a range of `input`.
        case data(Range<Int>)
        /// Data of the part that came before `input`: it looked like a delimiter and was none.
        case heldData([UInt8])
        case partEnded
        /// The closing delimiter has come. What follows is dropped: go on until `.needMore`.
        case finished
    }

    private enum State {
        case searching
        case afterDelimiter
        case partHead
        case closing
        case epilogue
        case failed(MultipartError)
    }

    private let limits: MultipartLimits
    private var state = State.searching
    private var search: DelimiterSearch
    private var isInPart = false
    private var partCount = 0
    private var preambleBytes = 0
    private var epilogueBytes = 0

    /// What has come behind a delimiter and decides nothing yet: blanks, a hyphen, a carriage return.
    private var tailBytes: [UInt8] = []
    private var tail = DelimiterTail()
    private var lines = LineCollector()
    private var headBytes = 0
    private var fields = HTTPFields()

    /// `boundary` is the parameter of Content-Type, without the leading hyphens. If it cannot be one, `next` says so.
    package init(boundary: String, limits: MultipartLimits = .default) {
        self.limits = limits
        // Printable ASCII: wider than RFC 2046's bchars, still without CR, on which the search rests.
        let isValid = (1...70).contains(boundary.utf8.count) && boundary.utf8.allSatisfy { (0x20..<0x7F).contains($0) }
        search = DelimiterSearch(boundary: isValid ? boundary : "invalid")
        if !isValid { state = .failed(.boundaryInvalid) }
    }

    /// Consumes `input` from `position` on up to the next event; call it until it says `.needMore`.
    package mutating func next(_ input: Span<UInt8>, at position: inout Int) throws(MultipartError) -> Event {
        do throws(MultipartError) {
            return try step(input, at: &position)
        } catch {
            state = .failed(error)
            throw error
        }
    }

    /// To be called at the end of the body: throws `.truncated` when the closing delimiter never came.
    package func finish() throws(MultipartError) {
        switch state {
        case .closing, .epilogue: return
        case .failed(let error): throw error
        case .searching, .afterDelimiter, .partHead: throw .truncated
        }
    }

    /// Whether somebody else may read what follows, up to the end of the part's data: it is data as it stands.
    package var isDataReadable: Bool {
        guard isInPart, search.holdsStreamOnly else { return false }
        switch state {
        case .searching, .afterDelimiter: return true
        case .partHead, .closing, .epilogue, .failed: return false
        }
    }

    /// Lets somebody else read the part's data: the scanner that finds its end, and what is held back here, which
    /// comes before all that follows. The decoder goes on where the scanner left off, from the first undecided octet
    /// or the delimiter. Only where `isDataReadable`.
    package mutating func lendData() -> (scanner: PartDataScanner, undecided: [UInt8]) {
        precondition(isDataReadable, "only a part's data can be read beside the decoder")
        var undecided: [UInt8]
        if case .afterDelimiter = state {
            undecided = search.resumeAfterFalseDelimiter() + tailBytes
            endTail(.searching)
        } else {
            undecided = search.takeHeld()
        }
        return (PartDataScanner(search.pattern), undecided)
    }

    private mutating func step(_ input: Span<UInt8>, at position: inout Int) throws(MultipartError) -> Event {
        while true {
            switch state {
            case .failed(let error):
                throw error

            case .searching:
                switch search.next(input, at: &position) {
                case .needMore: return .needMore
                case .data(let range):
                    if isInPart { return .data(range) }
                    try countPreamble(range.count)
                case .heldData(let bytes):
                    if isInPart { return .heldData(bytes) }
                    try countPreamble(bytes.count)
                case .delimiter:
                    state = .afterDelimiter
                }

            case .afterDelimiter:
                guard position < input.count else { return .needMore }
                if let event = try takeTail(input[position], at: &position) { return event }

            case .partHead:
                guard position < input.count else { return .needMore }
                switch lines.next(input, at: &position, bytesMax: limits.partHeadBytesMax - headBytes) {
                case .partial: return .needMore
                case .inInput(let range):
                    if let part = try takeHeadLine(input.extracting(range)) { return .partBegan(part) }
                case .held:
                    if let part = try takeHeadLine(lines.takeHeld().span) { return .partBegan(part) }
                case .bareLineFeed: throw .partHeadMalformed
                case .overrun: throw .partHeadTooLarge(bytesMax: limits.partHeadBytesMax)
                }

            case .closing:
                state = .epilogue
                return .finished

            case .epilogue:
                epilogueBytes += input.count - position
                position = input.count
                guard epilogueBytes <= limits.epilogueBytesMax else {
                    throw .epilogueTooLong(bytesMax: limits.epilogueBytesMax)
                }
                return .needMore
            }
        }
    }

    private mutating func countPreamble(_ count: Int) throws(MultipartError) {
        preambleBytes += count
        guard preambleBytes <= limits.preambleBytesMax else {
            throw .preambleTooLong(bytesMax: limits.preambleBytesMax)
        }
    }

    /// One octet behind a delimiter. An event when the delimiter is confirmed or turns out to be data.
    private mutating func takeTail(_ octet: UInt8, at position: inout Int) throws(MultipartError) -> Event? {
        switch tail.take(octet) {
        case .undecided:
            tailBytes.append(octet)
            position += 1
            return nil
        case .closing:
            position += 1
            endTail(.closing)
        case .part:
            position += 1
            guard partCount < limits.partsMax else { throw .tooManyParts(max: limits.partsMax) }
            partCount += 1
            endTail(.partHead)
        case .data:
            // This octet may begin a delimiter: it is looked at again.
            let held = search.resumeAfterFalseDelimiter() + tailBytes
            endTail(.searching)
            if isInPart { return .heldData(held) }
            try countPreamble(held.count)
            return nil
        }
        return closePart() ? .partEnded : nil
    }

    private mutating func endTail(_ next: State) { (tailBytes, tail, state) = ([], DelimiterTail(), next) }

    private mutating func closePart() -> Bool {
        defer { isInPart = false }
        return isInPart
    }

    /// The part, once the empty line has come.
    private mutating func takeHeadLine(_ line: Span<UInt8>) throws(MultipartError) -> MultipartPart? {
        guard line.isEmpty else {
            headBytes += line.count + 2
            do throws(HTTPRequestError) {
                let field = try FieldLine(parsing: line)
                fields.add(field.name, field.value)
            } catch {
                throw .partHeadMalformed
            }
            return nil
        }
        let part = try Self.part(fields)
        (fields, headBytes) = (HTTPFields(), 0)
        isInPart = true
        state = .searching
        search.beginPartData()
        return part
    }

    private static func part(_ fields: HTTPFields) throws(MultipartError) -> MultipartPart {
        guard let disposition = fields["Content-Disposition"].flatMap(ContentDisposition.parse),
            disposition.kind == "form-data", let name = disposition.name
        else { throw .partNameMissing }
        // RFC 7578 §4.7: deprecated, and taken for data it would corrupt the file.
        if let encoding = fields["Content-Transfer-Encoding"] {
            let plain = ["binary", "8bit", "7bit"].contains { encoding.equalsIgnoringASCIICase($0) }
            guard plain else { throw .transferEncodingUnsupported }
        }
        return MultipartPart(
            name: name, filename: disposition.filename, contentType: fields["Content-Type"], fields: fields)
    }
}
