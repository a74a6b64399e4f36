/// Why bytes are not JSON, and where: `offset` counts bytes from the start of what was given.
package struct JSONError: Error, Equatable {
    package var offset: Int
    package var reason: String

    package init(offset: Int, reason: String) {
        self.offset = offset
        self.reason = reason
    }
}

extension JSONValue {
    /// Arrays and objects inside one another that a parse takes by default.
    package static let depthMaxDefault = 64
    /// The most that a caller may ask for: the parser recurses, and a thread's stack is finite.
    package static let depthMaxLimit = 512

    /// Reads one value as RFC 8259 has it and nothing after it but white space.
    ///
    /// Strict: UTF-8 is checked, surrogates come in pairs, no byte order mark, no comments, no trailing commas, no
    /// number beyond `Double`. Values nest at most `depthMax`. One pass; strings without escapes are copied once.
    package static func parse(_ bytes: Span<UInt8>, depthMax: Int = depthMaxDefault) throws(JSONError) -> JSONValue {
        precondition((0...depthMaxLimit).contains(depthMax), "a JSON parse nests at most \(depthMaxLimit) deep")
        var parser = JSONParser(depthLeft: depthMax)
        return try parser.document(bytes)
    }

    package static func parse(_ bytes: [UInt8], depthMax: Int = depthMaxDefault) throws(JSONError) -> JSONValue {
        try parse(bytes.span, depthMax: depthMax)
    }

    package static func parse(_ text: String, depthMax: Int = depthMaxDefault) throws(JSONError) -> JSONValue {
        try parse(text.utf8.span, depthMax: depthMax)
    }
}

/// Recursive descent over borrowed bytes; the section numbers are those of RFC 8259.
private struct JSONParser {
    var position = 0
    var depthLeft: Int

    init(depthLeft: Int) { self.depthLeft = depthLeft }

    mutating func document(_ bytes: Span<UInt8>) throws(JSONError) -> JSONValue {
        skipWhiteSpace(bytes)
        let value = try value(bytes)
        skipWhiteSpace(bytes)
        guard position == bytes.count else { throw failure("text after the value") }
        return value
    }

    private mutating func value(_ bytes: Span<UInt8>) throws(JSONError) -> JSONValue {
        guard position < bytes.count else { throw failure("the text ends where a value should be") }
        switch bytes[position] {
        case UInt8(ascii: "{"): return try object(bytes)
        case UInt8(ascii: "["): return try array(bytes)
        case UInt8(ascii: "\""): return .string(try string(bytes))
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number(bytes)
        case UInt8(ascii: "t"): return try literal("true", .bool(true), bytes)
        case UInt8(ascii: "f"): return try literal("false", .bool(false), bytes)
        case UInt8(ascii: "n"): return try literal("null", .null, bytes)
        default: throw failure("no value begins with this byte")
        }
    }

    // §3
    private mutating func literal(
        _ name: String, _ value: JSONValue, _ bytes: Span<UInt8>
    ) throws(JSONError) -> JSONValue {
        let start = position
        for byte in name.utf8 {
            guard position < bytes.count, bytes[position] == byte else {
                throw JSONError(offset: start, reason: "expected \(name)")
            }
            position += 1
        }
        return value
    }

    // §4
    private mutating func object(_ bytes: Span<UInt8>) throws(JSONError) -> JSONValue {
        try enter()
        var object = JSONObject()
        if take(UInt8(ascii: "}"), bytes) { return leave(.object(object)) }
        while true {
            skipWhiteSpace(bytes)
            guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else {
                throw failure("expected a member's name in quotes")
            }
            let name = try string(bytes)
            guard take(UInt8(ascii: ":"), bytes) else { throw failure("expected : after a member's name") }
            skipWhiteSpace(bytes)
            object[name] = try value(bytes)
            if take(UInt8(ascii: "}"), bytes) { return leave(.object(object)) }
            guard take(UInt8(ascii: ","), bytes) else { throw failure("expected , or } after a member") }
        }
    }

    // §5
    private mutating func array(_ bytes: Span<UInt8>) throws(JSONError) -> JSONValue {
        try enter()
        var elements: [JSONValue] = []
        if take(UInt8(ascii: "]"), bytes) { return leave(.array(elements)) }
        while true {
            skipWhiteSpace(bytes)
            elements.append(try value(bytes))
            if take(UInt8(ascii: "]"), bytes) { return leave(.array(elements)) }
            guard take(UInt8(ascii: ","), bytes) else { throw failure("expected , or ] after an element") }
        }
    }

    private mutating func enter() throws(JSONError) {
        guard depthLeft > 0 else { throw failure("nested too deep") }
        depthLeft -= 1
        position += 1
    }

    private mutating func leave(_ value: JSONValue) -> JSONValue {
        depthLeft += 1
        return value
    }

    /// Takes one structural character with the white space that may stand before it.
    private mutating func take(_ byte: UInt8, _ bytes: Span<UInt8>) -> Bool {
        skipWhiteSpace(bytes)
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    // §2
    private mutating func skipWhiteSpace(_ bytes: Span<UInt8>) {
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "\t"): position += 1
            default: return
            }
        }
    }

    // §6
    private mutating func number(_ bytes: Span<UInt8>) throws(JSONError) -> JSONValue {
        let start = position
        let isNegative = bytes[position] == UInt8(ascii: "-")
        if isNegative { position += 1 }

        let leadingZero = position < bytes.count && bytes[position] == UInt8(ascii: "0")
        let firstDigit = position
        // Negative, because the range of Int64 reaches one further below zero.
        var negated: Int64? = 0
        while let digit = digit(bytes) {
            negated = negated.flatMap { adding(digit, toNegated: $0) }
            position += 1
        }
        guard position > firstDigit else { throw failure("expected a digit") }
        if leadingZero, position > firstDigit + 1 {
            throw JSONError(offset: firstDigit, reason: "a number has no leading zero")
        }

        var isInteger = true
        if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
            isInteger = false
            position += 1
            try digits(bytes)
        }
        if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            position += 1
            if position < bytes.count, bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-") {
                position += 1
            }
            try digits(bytes)
        }

        if isInteger, let negated {
            if isNegative { return .integer(negated) }
            if negated != .min { return .integer(-negated) }
        }
        let text = try text(bytes.extracting(start..<position), startingAt: start)
        guard let value = Double(text), value.isFinite else {
            throw JSONError(offset: start, reason: "a number too large")
        }
        return .number(value)
    }

    private func digit(_ bytes: Span<UInt8>) -> Int64? {
        guard position < bytes.count else { return nil }
        let value = bytes[position] &- UInt8(ascii: "0")
        return value < 10 ? Int64(value) : nil
    }

    private func adding(_ digit: Int64, toNegated value: Int64) -> Int64? {
        let (tenfold, overflowed) = value.multipliedReportingOverflow(by: 10)
        if overflowed { return nil }
        let (sum, overflowedAgain) = tenfold.subtractingReportingOverflow(digit)
        return overflowedAgain ? nil : sum
    }

    private mutating func digits(_ bytes: Span<UInt8>) throws(JSONError) {
        guard digit(bytes) != nil else { throw failure("expected a digit") }
        while digit(bytes) != nil { position += 1 }
    }

    // §7
    private mutating func string(_ bytes: Span<UInt8>) throws(JSONError) -> String {
        position += 1
        let start = position
        skipPlainBytes(bytes)
        if position < bytes.count, bytes[position] == UInt8(ascii: "\"") {
            position += 1
            return try text(bytes.extracting(start..<position - 1), startingAt: start)
        }

        var unescaped: [UInt8] = []
        var runStart = start
        while true {
            skipPlainBytes(bytes)
            // Each run is checked by itself: an escape inside a multi-byte sequence is no way to complete it.
            unescaped += try text(bytes.extracting(runStart..<position), startingAt: runStart).utf8
            guard position < bytes.count else {
                throw JSONError(offset: start - 1, reason: "a string without its closing quote")
            }
            switch bytes[position] {
            case UInt8(ascii: "\""):
                position += 1
                return String(decoding: unescaped, as: UTF8.self)
            case UInt8(ascii: "\\"):
                try escape(bytes, into: &unescaped)
                runStart = position
            default:
                throw failure("a control character in a string must be escaped")
            }
        }
    }

    /// Up to the next quote, backslash or control character.
    private mutating func skipPlainBytes(_ bytes: Span<UInt8>) {
        while position < bytes.count {
            let byte = bytes[position]
            if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return }
            position += 1
        }
    }

    private mutating func escape(_ bytes: Span<UInt8>, into unescaped: inout [UInt8]) throws(JSONError) {
        let start = position
        guard position + 1 < bytes.count else { throw failure("a string without its closing quote") }
        let letter = bytes[position + 1]
        position += 2
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): unescaped.append(letter)
        case UInt8(ascii: "b"): unescaped.append(0x08)
        case UInt8(ascii: "f"): unescaped.append(0x0c)
        case UInt8(ascii: "n"): unescaped.append(0x0a)
        case UInt8(ascii: "r"): unescaped.append(0x0d)
        case UInt8(ascii: "t"): unescaped.append(0x09)
        case UInt8(ascii: "u"): unescaped += UTF8.encode(try escapedScalar(bytes, startingAt: start))!
        default: throw JSONError(offset: start, reason: "no such escape")
        }
    }

    private mutating func escapedScalar(_ bytes: Span<UInt8>, startingAt start: Int) throws(JSONError) -> Unicode.Scalar
    {
        let first = try fourHexDigits(bytes)
        if let scalar = Unicode.Scalar(first) { return scalar }
        // RFC 8259 §8.2 leaves lone surrogates open; they have no UTF-8, so a text that has one is refused.
        guard UTF16.isLeadSurrogate(first),
            position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"), bytes[position + 1] == UInt8(ascii: "u")
        else { throw JSONError(offset: start, reason: "a lone surrogate") }
        position += 2
        let second = try fourHexDigits(bytes)
        guard UTF16.isTrailSurrogate(second) else { throw JSONError(offset: start, reason: "a lone surrogate") }
        let value = 0x1_0000 + (UInt32(first) & 0x3ff) << 10 + UInt32(second) & 0x3ff
        return Unicode.Scalar(value)!
    }

    private mutating func fourHexDigits(_ bytes: Span<UInt8>) throws(JSONError) -> UInt16 {
        var value: UInt16 = 0
        for _ in 0..<4 {
            guard position < bytes.count else { throw failure("\\u needs four hexadecimal digits") }
            let byte = bytes[position]
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
            default: throw failure("\\u needs four hexadecimal digits")
            }
            value = value << 4 | UInt16(digit)
            position += 1
        }
        return value
    }

    // §8.1
    private func text(_ bytes: Span<UInt8>, startingAt start: Int) throws(JSONError) -> String {
        do {
            return String(copying: try UTF8Span(validating: bytes))
        } catch {
            throw JSONError(offset: start + error.byteOffsets.lowerBound, reason: "not UTF-8")
        }
    }

    private func failure(_ reason: String) -> JSONError { JSONError(offset: position, reason: reason) }
}
