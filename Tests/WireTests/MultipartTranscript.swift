import Wire

/// Everything a multipart decoder said about a body; the data of a part is one, however it was cut or held back, and
/// whether the decoder took it or a scanner beside it.
struct MultipartTranscript: Equatable {
    struct Part: Equatable {
        var head: MultipartPart
        var data: [UInt8] = []
        var isEnded = false
    }

    private(set) var parts: [Part] = []
    private(set) var isFinished = false
    private(set) var failure: MultipartError?

    /// With `isLending` every part's data is read beside the decoder as soon as that may be.
    init(_ pieces: [[UInt8]], boundary: String, limits: MultipartLimits = .default, isLending: Bool = false) {
        var decoder = MultipartDecoder(boundary: boundary, limits: limits)
        do throws(MultipartError) {
            var reader: (scanner: PartDataScanner, undecided: [UInt8])?
            for piece in pieces {
                guard let (scanner, undecided) = reader else {
                    try take(piece, &decoder)
                    if isLending && decoder.isDataReadable { reader = decoder.lendData() }
                    continue
                }
                let bytes = undecided + piece
                let extent = scanner.extent(of: bytes.span)
                append(Array(bytes[..<extent.byteCount]))
                let rest = Array(bytes[extent.byteCount...])
                if extent.isEnd {
                    reader = nil
                    try take(rest, &decoder)
                } else {
                    precondition(rest.count <= scanner.undecidedBytesMax)
                    reader = (scanner, rest)
                }
            }
            // The body ends, so nothing more can decide.
            if let reader { try take(reader.undecided, &decoder) }
            try decoder.finish()
        } catch {
            failure = error
        }
    }

    private mutating func take(_ piece: [UInt8], _ decoder: inout MultipartDecoder) throws(MultipartError) {
        var position = 0
        while true {
            let event = try decoder.next(piece.span, at: &position)
            switch event {
            case .needMore:
                precondition(position == piece.count, "needMore says that all input is consumed")
                return
            case .partBegan(let part):
                precondition(parts.last?.isEnded != false)
                parts.append(Part(head: part))
            case .data(let range):
                precondition(!range.isEmpty)
                append(Array(piece[range]))
            case .heldData(let bytes):
                precondition(!bytes.isEmpty)
                append(bytes)
            case .partEnded:
                precondition(parts.last?.isEnded == false)
                parts[parts.count - 1].isEnded = true
            case .finished:
                precondition(!isFinished && parts.last?.isEnded != false)
                isFinished = true
            }
        }
    }

    private mutating func append(_ bytes: [UInt8]) {
        precondition(parts.last?.isEnded == false, "data belongs to an open part")
        parts[parts.count - 1].data += bytes
    }
}
