/// Finds `CRLF "--" boundary` in a stream, touching few of its octets (Horspool's algorithm): where the octet under the
/// delimiter's end is not one of the delimiter's, the search leaps by its whole length.
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

    private let delimiter: [UInt8]
    /// How far to leap when this octet is under the delimiter's end.
    private let leaps: [UInt8]
    /// The stream's last octets are so many of the delimiter's first ones.
    private var matched = 2
    /// So many of these were never in the stream. RFC 2046 §5.1.1: a delimiter's CRLF may be the line end before it,
    /// so the beginning of the body and of a part's data count as if a line had ended.
    private var imagined = 2

    init(boundary: String) {
        delimiter = Array("\r\n--\(boundary)".utf8)
        precondition(delimiter.count <= Int(UInt8.max), "A boundary has at most 70 characters.")
        var leaps = [UInt8](repeating: UInt8(delimiter.count), count: 256)
        for (index, octet) in delimiter.dropLast().enumerated() {
            leaps[Int(octet)] = UInt8(delimiter.count - 1 - index)
        }
        self.leaps = leaps
    }

    /// To be called where a part's data begins.
    mutating func beginPartData() { (matched, imagined) = (2, 2) }

    /// What `.delimiter` reported was data: its octets. The search goes on behind them.
    mutating func resumeAfterFalseDelimiter() -> [UInt8] {
        defer { (matched, imagined) = (0, 0) }
        return Array(delimiter[imagined...])
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
        let end = scan(input, from: start)
        // A match, whole or cut by the input's end, is taken up by the next call.
        position = min(end + delimiter.count, input.count)
        matched = position - end
        if end > start { return .data(start..<end) }
        return matched == delimiter.count ? next(input, at: &position) : .needMore
    }

    /// Where the first delimiter begins, or what could become one at the input's end; else the input's end.
    private func scan(_ input: Span<UInt8>, from start: Int) -> Int {
        let count = delimiter.count
        var index = start
        while index + count <= input.count {
            let octet = input[index + count - 1]
            if octet == delimiter[count - 1] && isMatch(input, at: index) { return index }
            index += Int(leaps[Int(octet)])
        }
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
