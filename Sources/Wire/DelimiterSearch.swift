/// Finds `CRLF "--" boundary` in a stream, touching few of its octets (Horspool's algorithm, over pairs of octets):
/// where the pair under the delimiter's end is not one of the delimiter's, the search leaps by nearly its whole length.
/// Pairs, because in a text most single octets are a delimiter's too, and hardly any pair is.
///
/// It rests on one fact: a carriage return stands at the delimiter's beginning and nowhere else in it. So no delimiter
/// can begin inside a partial match, a match cut by the end of an input is described by its length alone, and hostile
/// data cannot make the search more than linear.
struct DelimiterSearch {
    enum Event {
        case needMore
        /// A range of the input without a delimiter.
        case data(Range<Int>)
        /// Held back at the end of an earlier input, and no delimiter after all.
        case heldData([UInt8])
        case delimiter
    }

    let pattern: DelimiterPattern
    private var delimiter: [UInt8] { pattern.delimiter }
    /// The stream's last octets are so many of the delimiter's first ones.
    private var matched = 2
    /// So many of these were never in the stream. RFC 2046 §5.1.1: a delimiter's CRLF may be the line end before it,
    /// so the beginning of the body and of a part's data count as if a line had ended.
    private var imagined = 2

    init(boundary: String) { pattern = DelimiterPattern(boundary: boundary) }

    /// To be called where a part's data begins.
    mutating func beginPartData() { (matched, imagined) = (2, 2) }

    /// What `.delimiter` reported was data: its octets. The search goes on behind them.
    mutating func resumeAfterFalseDelimiter() -> [UInt8] {
        defer { (matched, imagined) = (0, 0) }
        return Array(delimiter[imagined...])
    }

    /// Nothing of what is held back is imagined: all of it was in the stream.
    var holdsStreamOnly: Bool { imagined == 0 }

    /// Forgets what is held back: its octets, which will come once more.
    mutating func takeHeld() -> [UInt8] {
        defer { matched = 0 }
        return Array(delimiter[..<matched])
    }

    /// Consumes input up to the next event. After `.delimiter`, say which of the two methods above applies.
    mutating func next(_ input: Span<UInt8>, at position: inout Int) -> Event {
        if matched > 0 {
            while matched < delimiter.count {
                guard position < input.count else { return .needMore }
                guard input[position] == delimiter[matched] else { break }
                matched += 1
                position += 1
            }
            if matched == delimiter.count {
                matched = 0
                return .delimiter
            }
            let held = Array(delimiter[imagined..<matched])
            (matched, imagined) = (0, 0)
            if !held.isEmpty { return .heldData(held) }
        }
        let start = position
        let end = pattern.first(in: input, from: start)
        // A match, whole or cut by the input's end, is taken up by the next call.
        position = min(end + delimiter.count, input.count)
        matched = position - end
        if end > start { return .data(start..<end) }
        return matched == delimiter.count ? next(input, at: &position) : .needMore
    }
}

/// The delimiter's octets, and how far a search for them may leap.
struct DelimiterPattern {
    let delimiter: [UInt8]
    /// How far to leap when a pair of octets with this hash is under the delimiter's end; 0 for its own last pair.
    private let leaps: [UInt8]
    /// The leap where the last pair fits and the rest does not.
    private let leapAfterMismatch: Int

    private static let hashesCount = 4096

    private static func hash(_ first: UInt8, _ second: UInt8) -> Int {
        (Int(first) << 4 ^ Int(second)) & (hashesCount - 1)
    }

    init(boundary: String) {
        delimiter = Array("\r\n--\(boundary)".utf8)
        let last = delimiter.count - 1
        precondition(last <= Int(UInt8.max), "A boundary has at most 70 characters.")
        var leaps = [UInt8](repeating: UInt8(last), count: Self.hashesCount)
        var leapAfterMismatch = last
        for index in 1...last {
            let hash = Self.hash(delimiter[index - 1], delimiter[index])
            if index == last { leapAfterMismatch = Int(leaps[hash]) }
            leaps[hash] = UInt8(last - index)
        }
        self.leaps = leaps
        self.leapAfterMismatch = leapAfterMismatch
    }

    /// Where the first delimiter begins, or what could become one at the input's end; else the input's end.
    func first(in input: Span<UInt8>, from start: Int) -> Int {
        let last = delimiter.count - 1
        let leaps = leaps.span
        // Where the delimiter's last octet would be.
        var end = start + last
        while end < input.count {
            let leap = Int(leaps[Self.hash(input[end - 1], input[end])])
            // The usual leap is a constant, so the processor need not wait for the table before it reads on.
            if leap == last {
                end += last
            } else if leap > 0 {
                end += leap
            } else if isMatch(input, at: end - last) {
                return end - last
            } else {
                end += leapAfterMismatch
            }
        }
        var index = end - last
        while index < input.count && !isMatch(input, at: index) { index += 1 }
        return index
    }

    /// Whether the delimiter lies here, or as much of it as there is input for.
    private func isMatch(_ input: Span<UInt8>, at start: Int) -> Bool {
        for offset in 0..<min(delimiter.count, input.count - start)
        where input[start + offset] != delimiter[offset] {
            return false
        }
        return true
    }
}
