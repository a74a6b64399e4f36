/// Turns the bytes of a text file or of an extractor's output into clean text and page ends.
///
/// A form feed ends a page, as `pdftotext` writes it; a text without one is a single page, and a last page counts
/// when it has any byte. Bytes may come in any pieces: the text and the pages are the same. Call `receive` with each
/// piece, then `finish`, and after each call take events until there are none; what is held is then a few bytes.
///
/// What comes out is valid and plain: a byte order mark is taken off (and believed: UTF-16 is decoded), what is not
/// UTF-8 becomes U+FFFD as the WHATWG Encoding Standard §8.1.1 has it (one for each maximal subpart), every line end
/// is `\n`, and the other C0 controls and DEL are dropped.
package struct PageDecoder {
    package enum Event: Sendable, Equatable {
        case text(String)
        case pageEnd
    }

    private enum Encoding { case undecided, utf8, utf16(isBigEndian: Bool) }

    private var encoding = Encoding.undecided
    /// The first bytes, while they may still be a byte order mark.
    private var opening: [UInt8] = []
    private var sequence = UTF8Sequence()
    private var utf16 = UTF16Units()

    private var clean: [UInt8] = []
    private var pageHasBytes = false
    private var lastWasCarriageReturn = false

    private var events: [Event] = []
    private var eventsTaken = 0

    /// Text that goes on behind other text begins with no byte order mark: what looks like one is a character.
    package init(expectsByteOrderMark: Bool = true) {
        if !expectsByteOrderMark { encoding = .utf8 }
    }

    /// Takes the next piece; then call `nextEvent` until it is nil.
    package mutating func receive(_ bytes: Span<UInt8>) {
        var position = 0
        while case .undecided = encoding, position < bytes.count {
            opening.append(bytes[position])
            position += 1
            decideEncoding()
        }
        decode(bytes.extracting(position..<bytes.count))
        flushText()
    }

    /// Says that nothing follows; then call `nextEvent` until it is nil.
    package mutating func finish() {
        if case .undecided = encoding { decideEncoding(atEnd: true) }
        switch encoding {
        case .utf8: if sequence.finish() { append(UTF8Sequence.replacement) }
        default: if utf16.finish() { append(UTF8Sequence.replacement) }
        }
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

    // MARK: - Encodings

    private mutating func decideEncoding(atEnd: Bool = false) {
        let marks: [(bytes: [UInt8], encoding: Encoding)] = [
            ([0xef, 0xbb, 0xbf], .utf8), ([0xfe, 0xff], .utf16(isBigEndian: true)),
            ([0xff, 0xfe], .utf16(isBigEndian: false)),
        ]
        for mark in marks where mark.bytes.starts(with: opening) {
            if mark.bytes.count == opening.count {
                encoding = mark.encoding
                return
            }
            if !atEnd { return }
        }
        encoding = .utf8
        let opening = opening
        decode(opening.span)
    }

    private mutating func decode(_ bytes: Span<UInt8>) {
        if bytes.isEmpty { return }
        if case .utf16(let isBigEndian) = encoding {
            pageHasBytes = true
            for index in bytes.indices {
                guard let unit = utf16.unit(endingWith: bytes[index], isBigEndian: isBigEndian) else { continue }
                let (lostOne, scalar) = utf16.receive(unit)
                if lostOne { append(UTF8Sequence.replacement) }
                if let scalar { append(scalar) }
            }
        } else {
            decodeUTF8(bytes)
        }
    }

    private mutating func decodeUTF8(_ bytes: Span<UInt8>) {
        var position = 0
        while position < bytes.count {
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
                append(UTF8Sequence.replacement)
                position += 1
            case .malformedBefore:
                // The byte that broke the sequence is looked at again: it may begin the next one.
                append(UTF8Sequence.replacement)
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

    private mutating func append(_ scalar: Unicode.Scalar) {
        if scalar.isASCII, !Self.isPlain(UInt8(scalar.value)) { return appendControl(UInt8(scalar.value)) }
        let encoded = UTF8.encode(scalar)!
        var bytes: [4 of UInt8] = .init(repeating: 0)
        var count = 0
        for byte in encoded {
            bytes[count] = byte
            count += 1
        }
        appendPlain(bytes.span.extracting(0..<count))
    }

    private mutating func endPage() {
        flushText()
        events.append(.pageEnd)
        pageHasBytes = false
        lastWasCarriageReturn = false
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

    static let replacement: Unicode.Scalar = "\u{fffd}"

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

/// UTF-16 as it arrives byte by byte.
private struct UTF16Units {
    private var firstByte: UInt8?
    private var lead: UInt16?

    mutating func unit(endingWith byte: UInt8, isBigEndian: Bool) -> UInt16? {
        guard let first = firstByte else {
            firstByte = byte
            return nil
        }
        firstByte = nil
        return isBigEndian ? UInt16(first) << 8 | UInt16(byte) : UInt16(byte) << 8 | UInt16(first)
    }

    /// The scalar that is complete now, if any, and whether a surrogate before it or it itself stands alone.
    mutating func receive(_ unit: UInt16) -> (lostOne: Bool, scalar: Unicode.Scalar?) {
        let before = lead
        lead = nil
        if UTF16.isTrailSurrogate(unit), let before {
            let value = 0x1_0000 + (UInt32(before) & 0x3ff) << 10 + UInt32(unit) & 0x3ff
            return (false, Unicode.Scalar(value))
        }
        if UTF16.isLeadSurrogate(unit) {
            lead = unit
            return (before != nil, nil)
        }
        // Nil for a trail surrogate, which nothing leads here.
        return (before != nil, Unicode.Scalar(unit) ?? UTF8Sequence.replacement)
    }

    /// Whether half of something was left.
    mutating func finish() -> Bool {
        defer { (firstByte, lead) = (nil, nil) }
        return firstByte != nil || lead != nil
    }
}
