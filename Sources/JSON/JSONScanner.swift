// Theory of operation
//
// The scanner takes a JSON text in pieces, cut anywhere, and calls its reader once for each token, so that a text of a
// hundred megabytes is read with what its reader keeps and nothing else. It is as strict as `JSONValue.parse`: what one
// takes the other takes, and what is no JSON fails at the byte that shows it. A scanner that failed stays failed.

/// A strict JSON reader for texts that are too large to be held.
package struct JSONScanner {
    package enum Token: Sendable, Equatable {
        case beginObject, endObject, beginArray, endArray
        /// A member's name; its value follows.
        case key(String)
        /// Cut at `stringBytesMax`.
        case string(String)
        case number(Double)
        case bool(Bool)
        case null
    }

    /// What is kept of a string: names, and words for people.
    package static let stringBytesMax = 1024
    /// More digits than this say nothing of a number.
    package static let numberBytesMax = 256

    private enum Expectation {
        case value, valueOrEnd, key, keyOrEnd, colon, commaOrEnd, nothing
    }

    private enum Lexeme {
        case none
        case string(isKey: Bool, isEscaped: Bool)
        case number
        case literal
    }

    private let depthMax: Int
    /// The open brackets; true: an object.
    private var open: [Bool] = []
    private var expectation = Expectation.value
    private var lexeme = Lexeme.none
    private var kept: [UInt8] = []
    private var hasEscapes = false
    private var offset = 0
    private var failure: JSONError?

    package init(depthMax: Int = JSONValue.depthMaxDefault) { self.depthMax = depthMax }

    /// Whether the text is one whole value so far. A number at the outermost level ends only with `finish`.
    package var isComplete: Bool { failure == nil && isAtEnd }
    private var isAtEnd: Bool { if case .nothing = expectation, case .none = lexeme { true } else { false } }

    /// Reads on. The reader may throw to end it; then the scanner is failed as well.
    package mutating func receive(
        _ bytes: Span<UInt8>, _ take: (Token) throws(JSONError) -> Void
    ) throws(JSONError) {
        if let failure { throw failure }
        do throws(JSONError) {
            var index = 0
            while index < bytes.count { try step(bytes, &index, take) }
            offset += bytes.count
        } catch {
            failure = error
            throw error
        }
    }

    /// The text has ended.
    package mutating func finish(_ take: (Token) throws(JSONError) -> Void) throws(JSONError) {
        if let failure { throw failure }
        do throws(JSONError) {
            if case .number = lexeme, open.isEmpty { try endNumber(take) }
            if case .literal = lexeme, open.isEmpty { try endLiteral(take) }
            guard isAtEnd else { throw JSONError(offset: offset, reason: "the text ends before its value does") }
        } catch {
            failure = error
            throw error
        }
    }

    private mutating func step(
        _ bytes: Span<UInt8>, _ index: inout Int, _ take: (Token) throws(JSONError) -> Void
    ) throws(JSONError) {
        switch lexeme {
        case .string: try string(bytes, &index, take)
        case .number:
            while index < bytes.count, Self.isNumberByte(bytes[index]) {
                try keep(bytes[index], max: Self.numberBytesMax, "a number too long", at: index)
                index += 1
            }
            if index < bytes.count { try endNumber(take) }
        case .literal:
            while index < bytes.count, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(bytes[index]) {
                try keep(bytes[index], max: 5, "no value begins with this byte", at: index)
                index += 1
            }
            if index < bytes.count { try endLiteral(take) }
        case .none:
            let byte = bytes[index]
            switch byte {
            case UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "\t"): break
            default: try begin(byte, at: index, take)
            }
            // A lexeme's first byte belongs to it.
            index += 1
        }
    }

    private mutating func begin(
        _ byte: UInt8, at index: Int, _ take: (Token) throws(JSONError) -> Void
    ) throws(JSONError) {
        switch (expectation, byte) {
        case (.keyOrEnd, UInt8(ascii: "}")),
            (.commaOrEnd, UInt8(ascii: "}")) where open.last == true:
            try close(.endObject, take)
        case (.valueOrEnd, UInt8(ascii: "]")),
            (.commaOrEnd, UInt8(ascii: "]")) where open.last == false:
            try close(.endArray, take)
        case (.commaOrEnd, UInt8(ascii: ",")):
            expectation = open.last == true ? .key : .value
        case (.colon, UInt8(ascii: ":")):
            expectation = .value
        case (.key, UInt8(ascii: "\"")), (.keyOrEnd, UInt8(ascii: "\"")):
            beginLexeme(.string(isKey: true, isEscaped: false))
        case (.value, _), (.valueOrEnd, _): try beginValue(byte, at: index, take)
        case (.nothing, _): throw fault(index, "text after the value")
        case (.key, _), (.keyOrEnd, _): throw fault(index, "expected a member's name in quotes")
        case (.colon, _): throw fault(index, "expected : after a member's name")
        case (.commaOrEnd, _): throw fault(index, "expected , or the end of the array or object")
        }
    }

    private mutating func beginValue(
        _ byte: UInt8, at index: Int, _ take: (Token) throws(JSONError) -> Void
    ) throws(JSONError) {
        switch byte {
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            guard open.count < depthMax else { throw fault(index, "nested too deep") }
            let isObject = byte == UInt8(ascii: "{")
            open.append(isObject)
            expectation = isObject ? .keyOrEnd : .valueOrEnd
            try take(isObject ? .beginObject : .beginArray)
        case UInt8(ascii: "\""): beginLexeme(.string(isKey: false, isEscaped: false))
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            beginLexeme(.number)
            kept.append(byte)
        case UInt8(ascii: "t"), UInt8(ascii: "f"), UInt8(ascii: "n"):
            beginLexeme(.literal)
            kept.append(byte)
        case UInt8(ascii: "N"), UInt8(ascii: "I"): throw fault(index, Self.notFinite)
        default: throw fault(index, "no value begins with this byte")
        }
    }

    /// What Python's encoder writes for them by default.
    package static let notFinite = "NaN and Infinity are no JSON"

    private mutating func beginLexeme(_ lexeme: Lexeme) {
        self.lexeme = lexeme
        kept.removeAll(keepingCapacity: true)
        hasEscapes = false
    }

    private mutating func close(_ token: Token, _ take: (Token) throws(JSONError) -> Void) throws(JSONError) {
        open.removeLast()
        endValue()
        try take(token)
    }

    private mutating func endValue() { expectation = open.isEmpty ? .nothing : .commaOrEnd }

    private mutating func keep(_ byte: UInt8, max: Int, _ reason: String, at index: Int) throws(JSONError) {
        guard kept.count < max else { throw fault(index, reason) }
        kept.append(byte)
    }

    // MARK: Strings

    private mutating func string(
        _ bytes: Span<UInt8>, _ index: inout Int, _ take: (Token) throws(JSONError) -> Void
    ) throws(JSONError) {
        guard case .string(let isKey, var isEscaped) = lexeme else { return }
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            if byte < 0x20 { throw fault(index - 1, "a control character in a string must be escaped") }
            if !isEscaped, byte == UInt8(ascii: "\"") {
                let text = try keptText()
                lexeme = .none
                if isKey { expectation = .colon } else { endValue() }
                return try take(isKey ? .key(text) : .string(text))
            }
            isEscaped = !isEscaped && byte == UInt8(ascii: "\\")
            if isEscaped { hasEscapes = true }
            if kept.count < Self.stringBytesMax { kept.append(byte) }
        }
        lexeme = .string(isKey: isKey, isEscaped: isEscaped)
    }

    private func keptText() throws(JSONError) -> String {
        // What was cut may be cut within a character or an escape, so it is only read as far as it goes.
        if kept.count == Self.stringBytesMax { return String(decoding: kept, as: UTF8.self) }
        guard hasEscapes else {
            guard let text = String(validating: kept, as: UTF8.self) else {
                throw JSONError(offset: offset, reason: "not UTF-8")
            }
            return text
        }
        let quoted = [UInt8(ascii: "\"")] + kept + [UInt8(ascii: "\"")]
        return try JSONValue.parse(quoted).stringValue ?? ""
    }

    // MARK: Numbers and words

    private static func isNumberByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "+"),
            UInt8(ascii: "e"), UInt8(ascii: "E"):
            true
        default: false
        }
    }

    private mutating func endNumber(_ take: (Token) throws(JSONError) -> Void) throws(JSONError) {
        lexeme = .none
        endValue()
        if let value = DecimalNumber.value(of: kept.span) { return try take(.number(value)) }
        do throws(JSONError) {
            guard let value = try JSONValue.parse(kept).numberValue else { return }
            try take(.number(value))
        } catch {
            // "-Infinity" begins as a number does.
            throw JSONError(offset: offset, reason: kept == [UInt8(ascii: "-")] ? Self.notFinite : error.reason)
        }
    }

    private mutating func endLiteral(_ take: (Token) throws(JSONError) -> Void) throws(JSONError) {
        lexeme = .none
        endValue()
        switch String(decoding: kept, as: UTF8.self) {
        case "true": try take(.bool(true))
        case "false": try take(.bool(false))
        case "null": try take(.null)
        default: throw JSONError(offset: offset, reason: "no value begins with this byte")
        }
    }

    private func fault(_ index: Int, _ reason: String) -> JSONError {
        JSONError(offset: offset + index, reason: reason)
    }
}

/// The number of a JSON text, where that can be told by one exact operation; nine of ten numbers in vectors are such.
enum DecimalNumber {
    private static let powersOfTen: [23 of Double] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20, 1e21, 1e22,
    ]

    /// W. D. Clinger, "How to Read Floating Point Numbers Accurately" (PLDI 1990): where digits and power of ten are
    /// both exact as `Double`, their product or quotient is rounded once, and so is right. Nil: read it another way, or
    /// it is no number at all.
    static func value(of bytes: Span<UInt8>) -> Double? {
        var position = 0
        let isNegative = bytes.count > 0 && bytes[0] == UInt8(ascii: "-")
        if isNegative { position = 1 }
        var digits: UInt64 = 0
        let first = position
        while let digit = digit(bytes, position) {
            if digits >= 1 << 53 { return nil }
            digits = digits * 10 + UInt64(digit)
            position += 1
        }
        guard position > first, position == first + 1 || bytes[first] != UInt8(ascii: "0") else { return nil }
        var power = 0
        if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
            position += 1
            let start = position
            while let digit = digit(bytes, position) {
                if digits >= 1 << 53 { return nil }
                digits = digits * 10 + UInt64(digit)
                position += 1
            }
            guard position > start else { return nil }
            power = start - position
        }
        if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
            guard let exponent = exponent(bytes, &position) else { return nil }
            power += exponent
        }
        guard position == bytes.count, digits < 1 << 53, abs(power) < powersOfTen.count else { return nil }
        let magnitude = power < 0 ? Double(digits) / powersOfTen[-power] : Double(digits) * powersOfTen[power]
        return isNegative ? -magnitude : magnitude
    }

    private static func exponent(_ bytes: Span<UInt8>, _ position: inout Int) -> Int? {
        position += 1
        let sign: Int = position < bytes.count && bytes[position] == UInt8(ascii: "-") ? -1 : 1
        if position < bytes.count, bytes[position] == UInt8(ascii: "-") || bytes[position] == UInt8(ascii: "+") {
            position += 1
        }
        let start = position
        var exponent = 0
        while let digit = digit(bytes, position) {
            if exponent > 400 { return nil }
            exponent = exponent * 10 + Int(digit)
            position += 1
        }
        return position > start ? sign * exponent : nil
    }

    private static func digit(_ bytes: Span<UInt8>, _ position: Int) -> UInt8? {
        guard position < bytes.count else { return nil }
        let value = bytes[position] &- UInt8(ascii: "0")
        return value < 10 ? value : nil
    }
}
