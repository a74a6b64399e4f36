/// Turns UTF-8, an extractor's output or what a document was decoded to, into clean text and page ends.
///
/// A form feed ends a page, as `pdftotext` writes it; a text without one is a single page, and a last page counts
/// when it has any byte. Bytes may come in any pieces: the text and the pages are the same. Call `receive` with each
/// piece, then `finish`, and after each call take events until there are none; what is held is then a few bytes.
///
/// What comes out is valid and plain: a byte order mark is taken off, what is not UTF-8 becomes U+FFFD as the WHATWG
/// Encoding Standard §8.1.1 has it (one for each maximal subpart), every line end is `\n`, and the other C0 controls
/// and DEL are dropped.
package struct PageDecoder {
    package enum Event: Sendable, Equatable {
        case text(String)
        case pageEnd
    }

    private static let byteOrderMark: [UInt8] = [0xef, 0xbb, 0xbf]

    /// The first bytes, while they may still be a byte order mark; nil behind them.
    private var opening: [UInt8]? = []
    private var sequence = UTF8Sequence()

    private var clean: [UInt8] = []
    private var pageHasBytes = false
    private var lastWasCarriageReturn = false
    private let skipsLineFeeds: Bool
    private var isBehindPage = false

    private var events: [Event] = []
    private var eventsTaken = 0

    /// Text that goes on behind other text begins with no byte order mark: what looks like one is a character.
    /// `skipsLineFeeds`: a line feed behind a form feed belongs to the page's end, as `mutool` writes it.
    package init(expectsByteOrderMark: Bool = true, skipsLineFeeds: Bool = false) {
        self.skipsLineFeeds = skipsLineFeeds
        if !expectsByteOrderMark { opening = nil }
    }

    /// Takes the next piece; then call `nextEvent` until it is nil.
    package mutating func receive(_ bytes: Span<UInt8>) {
        var position = 0
        while var opening, position < bytes.count {
            opening.append(bytes[position])
            position += 1
            if opening == Self.byteOrderMark {
                self.opening = nil
            } else if Self.byteOrderMark.starts(with: opening) {
                self.opening = opening
            } else {
                self.opening = nil
                decode(opening.span)
            }
        }
        decode(bytes.extracting(position..<bytes.count))
        flushText()
    }

    /// Says that nothing follows; then call `nextEvent` until it is nil.
    package mutating func finish() {
        if let opening = opening.take() { decode(opening.span) }
        if sequence.finish() { appendReplacement() }
        if pageHasBytes { endPage() }
        flushText()
    }

    package mutating func nextEvent() -> Event? {
        guard eventsTaken < events.count else {
            events.removeAll(keepingCapacity: true)
            eventsTaken = 0
            return nil
        }
        eventsTaken += 1
        return events[eventsTaken - 1]
    }

    // MARK: - UTF-8

    private mutating func decode(_ bytes: Span<UInt8>) {
        var position = 0
        while position < bytes.count {
            if isBehindPage {
                isBehindPage = false
                if bytes[position] == UInt8(ascii: "\n") {
                    position += 1
                    continue
                }
            }
            if sequence.isEmpty {
                let runStart = position
                while position < bytes.count, Self.isPlain(bytes[position]) { position += 1 }
                if position > runStart {
                    appendPlain(bytes.extracting(runStart..<position))
                    continue
                }
                if bytes[position] < 0x80 {
                    appendControl(bytes[position])
                    position += 1
                    continue
                }
            }
            pageHasBytes = true
            switch sequence.receive(bytes[position]) {
            case .incomplete: position += 1
            case .complete:
                let complete = sequence
                sequence.clear()
                appendPlain(complete.bytes.span.extracting(0..<complete.count))
                position += 1
            case .malformed:
                appendReplacement()
                position += 1
            case .malformedBefore:
                // The byte that broke the sequence is looked at again: it may begin the next one.
                appendReplacement()
            }
        }
    }

    // MARK: - Clean text

    /// ASCII that goes through as it is.
    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 ? byte < 0x7f : byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\t")
    }

    private mutating func appendPlain(_ run: Span<UInt8>) {
        pageHasBytes = true
        var run = run
        if lastWasCarriageReturn {
            lastWasCarriageReturn = false
            if run[0] == UInt8(ascii: "\n") { run = run.extracting(droppingFirst: 1) }
        }
        // The buffer is only read while the span is borrowed; `append` copies it.
        unsafe run.withUnsafeBufferPointer { run in unsafe clean.append(contentsOf: run) }
    }

    private mutating func appendControl(_ byte: UInt8) {
        switch byte {
        case 0x0c: return endPage()
        case UInt8(ascii: "\r"): clean.append(UInt8(ascii: "\n"))
        // A vertical tab, which word processors write for a line end inside a paragraph.
        case 0x0b: clean.append(UInt8(ascii: "\n"))
        default: break
        }
        lastWasCarriageReturn = byte == UInt8(ascii: "\r")
        pageHasBytes = true
    }

    private mutating func appendReplacement() { appendPlain(Self.replacement.span) }

    /// U+FFFD.
    private static let replacement: [UInt8] = [0xef, 0xbf, 0xbd]

    private mutating func endPage() {
        flushText()
        events.append(.pageEnd)
        pageHasBytes = false
        lastWasCarriageReturn = false
        isBehindPage = skipsLineFeeds
    }

    private mutating func flushText() {
        if clean.isEmpty { return }
        events.append(.text(String(decoding: clean, as: UTF8.self)))
        clean.removeAll(keepingCapacity: true)
    }
}

/// One UTF-8 sequence as it grows: the decoder of the WHATWG Encoding Standard §8.1.1.
private struct UTF8Sequence {
    enum Step {
        case incomplete, complete
        /// The byte itself begins no sequence.
        case malformed
        /// What came before the byte is no sequence; the byte is not used up.
        case malformedBefore
    }

    private(set) var bytes: [4 of UInt8] = .init(repeating: 0)
    private(set) var count = 0
    private var needed = 0
    /// Where the next byte must lie: narrower than 80…BF where overlong forms, surrogates and values beyond U+10FFFF
    /// would begin.
    private var lower: UInt8 = 0x80
    private var upper: UInt8 = 0xbf

    var isEmpty: Bool { count == 0 }

    mutating func clear() {
        count = 0
        lower = 0x80
        upper = 0xbf
    }

    mutating func receive(_ byte: UInt8) -> Step {
        if count == 0 {
            switch byte {
            case 0xc2...0xdf: needed = 2
            case 0xe0...0xef:
                needed = 3
                if byte == 0xe0 { lower = 0xa0 }
                if byte == 0xed { upper = 0x9f }
            case 0xf0...0xf4:
                needed = 4
                if byte == 0xf0 { lower = 0x90 }
                if byte == 0xf4 { upper = 0x8f }
            default: return .malformed
            }
        } else {
            guard lower <= byte, byte <= upper else {
                clear()
                return .malformedBefore
            }
            lower = 0x80
            upper = 0xbf
        }
        bytes[count] = byte
        count += 1
        return count == needed ? .complete : .incomplete
    }

    /// Whether something was left unfinished.
    mutating func finish() -> Bool {
        defer { clear() }
        return count > 0
    }
}
