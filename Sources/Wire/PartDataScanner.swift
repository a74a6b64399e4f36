/// How many octets, from the first on, are a part's data.
package struct PartDataExtent: Sendable, Equatable {
    package var byteCount: Int
    /// A delimiter stands behind them, with the tail that makes it one. Else what stands there, if anything, could
    /// become one: it is looked at once more, together with what follows it.
    package var isEnd: Bool
}

/// Tells a part's data from the delimiter behind it for somebody who reads the data beside the decoder. It says what
/// `MultipartDecoder` would say, and keeps nothing between two looks: what a look leaves undecided, a few octets at
/// most, the reader puts before the next ones.
package struct PartDataScanner: Sendable {
    private let pattern: DelimiterPattern

    init(_ pattern: DelimiterPattern) { self.pattern = pattern }

    /// The most that a look leaves undecided.
    package var undecidedBytesMax: Int { pattern.delimiter.count + DelimiterTail.undecidedBytesMax }

    /// Looks at octets that begin where nothing is undecided, or with what was.
    package func extent(of input: Span<UInt8>) -> PartDataExtent {
        var start = 0
        while true {
            let candidate = pattern.first(in: input, from: start)
            var position = candidate + pattern.delimiter.count
            var tail = DelimiterTail()
            var verdict = DelimiterTail.Verdict.undecided
            while position < input.count, case .undecided = verdict {
                verdict = tail.take(input[position])
                position += 1
            }
            switch verdict {
            case .undecided: return PartDataExtent(byteCount: candidate, isEnd: false)
            case .part, .closing: return PartDataExtent(byteCount: candidate, isEnd: true)
            // The octet that showed it may itself begin a delimiter.
            case .data: start = position - 1
            }
        }
    }
}
