/// Finds CRLF-ended lines in a stream of octets, whatever pieces it arrives in.
///
/// Every octet is looked at once. A line that lies whole in the input is reported as a range of it; only a line that
/// spans inputs is copied, and never more than `bytesMax` of it. A lone line feed is refused, not taken for a line end:
/// peers that disagree about line ends are how requests are smuggled (RFC 9112 §2.2 allows both readings).
struct LineCollector {
    enum Step {
        /// All input consumed, the line is not complete.
        case partial
        /// The line, without its CRLF, is this range of the input.
        case inInput(Range<Int>)
        /// The line spans inputs: take it with `takeHeld()`.
        case held
        case bareLineFeed
        /// The line with its CRLF is longer than `bytesMax`.
        case overrun
    }

    private var held: [UInt8] = []

    /// Nothing is held of a line, except perhaps the carriage return of an empty one.
    var isEmpty: Bool { held.isEmpty || held == [ASCII.carriageReturn] }

    /// Nothing at all is held, so that the next octet begins a line.
    var isAtLineStart: Bool { held.isEmpty }

    /// Goes on to the end of the line, at most to `bytesMax` octets of it. The answer depends on the octets alone,
    /// not on how they were cut into inputs.
    mutating func next(_ input: Span<UInt8>, at position: inout Int, bytesMax: Int) -> Step {
        let start = position
        let room = max(bytesMax - held.count, 0)
        let end = input.count - start > room ? start + room : input.count
        var index = start
        while index < end && input[index] != ASCII.lineFeed { index += 1 }

        guard index < end else {
            position = end
            if end - start == room { return .overrun }
            for index in start..<end { held.append(input[index]) }  // copied: outlives the read buffer
            return .partial
        }
        position = index + 1
        let beforeLineFeed = index > start ? input[index - 1] : held.last
        guard beforeLineFeed == ASCII.carriageReturn else { return .bareLineFeed }
        if held.isEmpty { return .inInput(start..<index - 1) }
        for index in start..<index { held.append(input[index]) }
        held.removeLast()
        return .held
    }

    /// The line that `.held` announced, without its CRLF.
    mutating func takeHeld() -> [UInt8] {
        defer { held = [] }
        return held
    }
}
