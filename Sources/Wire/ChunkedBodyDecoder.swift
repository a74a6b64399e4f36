/// Takes a chunked body apart (RFC 9112 §7.1): sizes, extensions and trailers are checked and dropped, but for the one
/// trailer that is known, data is reported as ranges of the input. A value of `HTTPRequestDecoder`, which keeps its
/// failure.
struct ChunkedBodyDecoder {
    enum Event { case needMore, data(Range<Int>), end }

    private enum State {
        case sizeLine
        case data(remaining: Int64)
        case dataCarriageReturn
        case dataLineFeed
        case trailers
    }

    private var state = State.sizeLine
    private var lines = LineCollector()
    private var extensionBytes = 0
    private var trailerBytes = 0
    private var trailerCount = 0
    /// Whole once the body has ended.
    private(set) var trailers = HTTPFields()

    mutating func next(
        _ input: Span<UInt8>, at position: inout Int, limits: HTTPLimits
    ) throws(HTTPRequestError) -> Event {
        while position < input.count {
            switch state {
            case .sizeLine:
                switch lines.next(input, at: &position, bytesMax: limits.chunkLineBytesMax) {
                case .partial: return .needMore
                case .inInput(let range): try takeSizeLine(input.extracting(range), limits)
                case .held: try takeSizeLine(lines.takeHeld().span, limits)
                case .bareLineFeed: throw .bareLineFeed
                case .overrun: throw .chunkLineTooLong(bytesMax: limits.chunkLineBytesMax)
                }

            case .data(let remaining):
                let start = position
                let taken = Int(min(remaining, Int64(input.count - start)))
                position += taken
                state = Int64(taken) == remaining ? .dataCarriageReturn : .data(remaining: remaining - Int64(taken))
                return .data(start..<position)

            case .dataCarriageReturn:
                guard input[position] == ASCII.carriageReturn else { throw .chunkDataUnterminated }
                position += 1
                state = .dataLineFeed

            case .dataLineFeed:
                guard input[position] == ASCII.lineFeed else { throw .chunkDataUnterminated }
                position += 1
                state = .sizeLine

            case .trailers:
                let bytesMax = limits.trailerBytesMax - trailerBytes
                switch lines.next(input, at: &position, bytesMax: bytesMax) {
                case .partial: return .needMore
                case .inInput(let range): if try takeTrailer(input.extracting(range), limits) { return .end }
                case .held: if try takeTrailer(lines.takeHeld().span, limits) { return .end }
                case .bareLineFeed: throw .bareLineFeed
                case .overrun: throw .trailersTooLarge(bytesMax: limits.trailerBytesMax)
                }
            }
        }
        return .needMore
    }

    /// `chunk-size *( BWS ";" BWS chunk-ext )`. Sixteen digits at most, and what they say must fit in 63 bits.
    private mutating func takeSizeLine(_ line: Span<UInt8>, _ limits: HTTPLimits) throws(HTTPRequestError) {
        var size: UInt64 = 0
        var index = 0
        while index < line.count, let digit = line[index].hexadecimalValue {
            guard index < 16 else { throw .chunkSizeInvalid }
            size = size << 4 | UInt64(digit)
            index += 1
        }
        guard index > 0, let size = Int64(exactly: size) else { throw .chunkSizeInvalid }

        extensionBytes += line.count - index
        guard extensionBytes <= limits.chunkExtensionBytesMax else {
            throw .chunkExtensionsTooLong(bytesMax: limits.chunkExtensionBytesMax)
        }
        var mark = index
        while mark < line.count && line[mark].isBlank { mark += 1 }
        if index < line.count {
            guard mark < line.count, line[mark] == ASCII.semicolon else {
                throw mark > index ? .chunkExtensionInvalid : .chunkSizeInvalid
            }
            // A CR or LF in an extension ends the line for some readers (RFC 9112 §7.1.1).
            for index in mark..<line.count where !line[index].isFieldContent { throw .chunkExtensionInvalid }
        }
        state = size == 0 ? .trailers : .data(remaining: size)
    }

    /// The one field that is kept: its value is known only when the content has been sent, and it changes nothing about
    /// how the message is read (RFC 9110 §6.5.1).
    private static let keptTrailer = "Upload-Checksum"

    /// Checks a trailer field and drops it, unless it is the known one. True at the empty line, which ends the body.
    private mutating func takeTrailer(_ line: Span<UInt8>, _ limits: HTTPLimits) throws(HTTPRequestError) -> Bool {
        if line.isEmpty { return true }
        trailerBytes += line.count + 2
        trailerCount += 1
        guard trailerCount <= limits.fieldsMax else { throw .tooManyFields(max: limits.fieldsMax) }
        let field = try FieldLine(parsing: line)
        if field.name.equalsIgnoringASCIICase(Self.keptTrailer) { trailers.add(Self.keptTrailer, field.value) }
        return false
    }
}
