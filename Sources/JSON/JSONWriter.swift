/// Appends compact JSON to a byte array, without an intermediate value and without a `String` for a number.
///
/// Call it in the order of the text; commas and colons are the writer's business, the balance of braces the caller's.
/// Take `bytes` when done. One writer writes one value.
package struct JSONWriter {
    package var bytes: [UInt8]

    /// Whether something stands before the next element or member of the open array or object. One flag is enough: a
    /// closed array or object is itself an element that came before.
    private var needsComma = false

    package init(reservingBytes: Int = 256) {
        bytes = []
        bytes.reserveCapacity(reservingBytes)
    }

    package mutating func beginObject() { open(UInt8(ascii: "{")) }
    package mutating func endObject() { close(UInt8(ascii: "}")) }
    package mutating func beginArray() { open(UInt8(ascii: "[")) }
    package mutating func endArray() { close(UInt8(ascii: "]")) }

    /// Follow it with exactly one value.
    package mutating func key(_ name: StaticString) {
        beginElement()
        name.withUTF8Buffer { text in unsafe Self.appendString(utf8: text.span, to: &bytes) }
        endKey()
    }

    package mutating func key(_ name: String) {
        beginElement()
        Self.appendString(utf8: name.utf8.span, to: &bytes)
        endKey()
    }

    package mutating func null() {
        beginElement()
        append("null")
    }

    package mutating func bool(_ value: Bool) {
        beginElement()
        append(value ? "true" : "false")
    }

    package mutating func integer(_ value: Int64) {
        beginElement()
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        appendDigits(value.magnitude, countMin: 1)
    }

    package mutating func integer(_ value: Int) { integer(Int64(value)) }

    /// Decimals that `number` can write.
    package static let decimalsMax = 9

    /// Fixed-point, rounded to `decimals` (at most `decimalsMax`), trailing zeros cut but for the first: `67.0`.
    ///
    /// JSON has no word for infinities and NaN: they become null. Magnitudes beyond 18 digits are written by exponent.
    package mutating func number(_ value: Double, decimals: Int) {
        precondition((0...Self.decimalsMax).contains(decimals), "at most \(Self.decimalsMax) decimals")
        guard value.isFinite else { return null() }
        let scale = Self.powersOfTen[decimals]
        let scaled = (value.magnitude * Double(scale)).rounded()
        guard scaled < 1e18 else { return number(value) }

        beginElement()
        let units = UInt64(scaled)
        if value < 0, units > 0 { bytes.append(UInt8(ascii: "-")) }
        appendDigits(units / scale, countMin: 1)
        bytes.append(UInt8(ascii: "."))
        if decimals == 0 { return bytes.append(UInt8(ascii: "0")) }
        appendDigits(units % scale, countMin: decimals)
        var zeros = 0
        while zeros < decimals - 1, bytes[bytes.count - 1 - zeros] == UInt8(ascii: "0") { zeros += 1 }
        bytes.removeLast(zeros)
    }

    /// Escapes quotes, backslashes, controls, and U+2028 and U+2029, which end a line in JavaScript before ES2019.
    package mutating func string(_ value: String) { string(utf8: value.utf8.span) }

    /// The same for bytes that the caller knows to be UTF-8.
    package mutating func string(utf8 value: Span<UInt8>) {
        beginElement()
        Self.appendString(utf8: value, to: &bytes)
    }

    package mutating func value(_ value: JSONValue) {
        switch value {
        case .null: null()
        case .bool(let value): bool(value)
        case .integer(let value): integer(value)
        case .number(let value): number(value)
        case .string(let value): string(value)
        case .array(let elements):
            beginArray()
            for element in elements { self.value(element) }
            endArray()
        case .object(let object):
            beginObject()
            for member in object.members {
                key(member.key)
                self.value(member.value)
            }
            endObject()
        }
    }

    /// A value that is JSON already.
    package mutating func raw(_ json: [UInt8]) {
        beginElement()
        bytes += json
    }

    /// The shortest text that reads back as the same number; Swift's spelling of a finite `Double` is JSON's.
    private mutating func number(_ value: Double) {
        guard value.isFinite else { return null() }
        beginElement()
        bytes += value.description.utf8
    }

    private mutating func beginElement() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
    }

    private mutating func open(_ bracket: UInt8) {
        beginElement()
        bytes.append(bracket)
        needsComma = false
    }

    private mutating func close(_ bracket: UInt8) {
        bytes.append(bracket)
        needsComma = true
    }

    private mutating func endKey() {
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    private mutating func append(_ text: StaticString) {
        text.withUTF8Buffer { text in unsafe bytes.append(contentsOf: text) }
    }

    private static let powersOfTen: [10 of UInt64] = [
        1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000,
    ]

    private mutating func appendDigits(_ value: UInt64, countMin: Int) {
        // 2⁶⁴ has 20 digits.
        var digits: [20 of UInt8] = .init(repeating: UInt8(ascii: "0"))
        var rest = value
        var first = digits.count
        while rest > 0 {
            first -= 1
            digits[first] += UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        for index in min(first, digits.count - countMin)..<digits.count { bytes.append(digits[index]) }
    }
}

extension JSONWriter {
    /// Appends `text`, which is UTF-8, as a JSON string in quotes: whole runs at once, since escapes are rare.
    package static func appendString(utf8 text: Span<UInt8>, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        var runStart = 0
        var position = 0
        while position < text.count {
            if position + 8 <= text.count, isPlain(eightBytes(of: text, at: position)) {
                position += 8
                continue
            }
            let byte = text[position]
            // RFC 8259 §7: these must be escaped. 0xE2 opens U+2028 and U+2029 (E2 80 A8, E2 80 A9), among others.
            guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte == 0xe2 else {
                position += 1
                continue
            }
            var length = 1
            if byte == 0xe2 {
                guard position + 2 < text.count, text[position + 1] == 0x80, text[position + 2] & 0xfe == 0xa8 else {
                    position += 1
                    continue
                }
                length = 3
            }
            appendRun(text.extracting(runStart..<position), to: &bytes)
            appendEscape(text.extracting(position..<position + length), to: &bytes)
            position += length
            runStart = position
        }
        appendRun(text.extracting(runStart..<position), to: &bytes)
        bytes.append(UInt8(ascii: "\""))
    }

    @inline(__always)
    private static func eightBytes(of text: Span<UInt8>, at position: Int) -> UInt64 {
        // The caller has seen that there are so many.
        unsafe text.bytes.unsafeLoadUnaligned(fromByteOffset: position, as: UInt64.self)
    }

    /// Whether none of eight bytes has to be looked at: all at once, as most of a text is plain. A byte that differs
    /// from what is looked for in every lane leaves no lane's highest bit (Warren, "Hacker's Delight", §6-1); what is
    /// found too much, next to a true find, is looked at byte by byte.
    @inline(__always)
    private static func isPlain(_ bytes: UInt64) -> Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highBits = ones << 7
        func zeros(_ lanes: UInt64) -> UInt64 { (lanes &- ones) & ~lanes }
        let below0x20 = (bytes &- ones &* 0x20) & ~bytes
        let found =
            below0x20 | zeros(bytes ^ ones &* UInt64(UInt8(ascii: "\"")))
            | zeros(bytes ^ ones &* UInt64(UInt8(ascii: "\\")))
            | zeros(bytes ^ ones &* 0xe2)
        return found & highBits == 0
    }

    private static func appendRun(_ run: Span<UInt8>, to bytes: inout [UInt8]) {
        // The buffer is only read while the span is borrowed; `append` copies it.
        unsafe run.withUnsafeBufferPointer { run in unsafe bytes.append(contentsOf: run) }
    }

    private static func appendEscape(_ character: Span<UInt8>, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\\"))
        let byte = character[0]
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(byte)
        case 0x08: bytes.append(UInt8(ascii: "b"))
        case 0x09: bytes.append(UInt8(ascii: "t"))
        case 0x0a: bytes.append(UInt8(ascii: "n"))
        case 0x0c: bytes.append(UInt8(ascii: "f"))
        case 0x0d: bytes.append(UInt8(ascii: "r"))
        case 0xe2: bytes += character[2] == 0xa8 ? Array("u2028".utf8) : Array("u2029".utf8)
        default:
            bytes += Array("u00".utf8)
            bytes.append(UInt8(ascii: "0") + byte >> 4)
            let low = byte & 15
            bytes.append(low < 10 ? UInt8(ascii: "0") + low : UInt8(ascii: "a") + low - 10)
        }
    }
}
