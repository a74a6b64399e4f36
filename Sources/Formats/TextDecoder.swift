/// Turns a text of any common encoding into UTF-8 without a byte order mark, in any pieces.
package struct TextDecoder {
    private enum State {
        /// The first bytes are gathered.
        case opening
        /// All was ASCII up to here.
        case ascii
        /// A byte beyond ASCII came, and the window behind it is gathered.
        case judging
        case decoding(CharacterDecoder)
    }

    private let declared: CharacterEncoding?
    private let isMarkup: Bool
    private var state = State.opening
    private var held: [UInt8] = []

    /// `charset` was declared beside the text, as a parameter of its type. `isMarkup`: it may declare one itself.
    package init(charset: String? = nil, isMarkup: Bool = false) {
        declared = charset.flatMap { CharacterEncoding(label: $0) }
        self.isMarkup = isMarkup
    }

    package mutating func receive(_ bytes: ArraySlice<UInt8>, into output: inout [UInt8]) {
        if case .decoding(var decoder) = state {
            decoder.decode(bytes, into: &output)
            state = .decoding(decoder)
            return
        }
        held += bytes
        settle(isLast: false, &output)
    }

    package mutating func finish(into output: inout [UInt8]) {
        settle(isLast: true, &output)
        guard case .decoding(var decoder) = state else { return }
        decoder.finish(into: &output)
        state = .decoding(decoder)
    }

    private mutating func settle(isLast: Bool, _ output: inout [UInt8]) {
        if case .opening = state {
            guard held.count >= EncodingJudgement.openingBytes || isLast else { return }
            let opening = Array(held.prefix(EncodingJudgement.openingBytes))
            if let (encoding, markBytes) = EncodingJudgement.byteOrderMark(opening) {
                held.removeFirst(markBytes)
                return begin(encoding, &output)
            }
            // A declaration cannot make UTF-8 of what has a zero beside each letter.
            if let encoding = EncodingJudgement.zeros(opening) { return begin(encoding, &output) }
            if let encoding = declared ?? (isMarkup ? EncodingJudgement.declaration(opening) : nil) {
                return begin(encoding, &output)
            }
            state = .ascii
        }
        if case .ascii = state {
            guard let start = held.firstIndex(where: { $0 >= 0x80 }) else {
                output += held
                held.removeAll(keepingCapacity: true)
                return
            }
            output += held[..<start]
            held.removeSubrange(..<start)
            state = .judging
        }
        if case .judging = state {
            guard held.count >= EncodingJudgement.windowBytes || isLast else { return }
            let window = Array(held.prefix(EncodingJudgement.windowBytes))
            let isCut = held.count > window.count || !isLast
            begin(EncodingJudgement.frequency(window, isCut: isCut), &output)
        }
    }

    private mutating func begin(_ encoding: CharacterEncoding, _ output: inout [UInt8]) {
        var decoder = CharacterDecoder(encoding)
        decoder.decode(held[...], into: &output)
        held = []
        state = .decoding(decoder)
    }
}
