/// `&eacute;`, `&#233;`, `&#xE9;` and what people leave of them (HTML Standard §13.2.5.72 to .80).
enum CharacterReference {
    /// More than the longest name has, and than a number with a few zeros in front.
    static let bytesMax = 40

    static func mayHold(_ byte: UInt8, after held: [UInt8]) -> Bool {
        let isDigit = byte &- UInt8(ascii: "0") < 10
        let isLetter = (byte | 0x20) &- UInt8(ascii: "a") < 26
        switch held.count {
        case 1: return isLetter || byte == UInt8(ascii: "#")
        case 2 where held[1] == UInt8(ascii: "#"): return isDigit || byte | 0x20 == UInt8(ascii: "x")
        default:
            if held[1] != UInt8(ascii: "#") { return isDigit || isLetter }
            let isHexadecimal = held[2] | 0x20 == UInt8(ascii: "x")
            return isDigit || isHexadecimal && (byte | 0x20) &- UInt8(ascii: "a") < 6
        }
    }

    /// The text that `held`, which begins with `&`, stands for, and how many of its bytes that is. The rest is text.
    static func resolve(_ held: [UInt8]) -> (text: [UInt8], used: Int) {
        if held.count > 1, held[1] == UInt8(ascii: "#") { return number(held) }
        let name = held.dropFirst()
        if held.last == UInt8(ascii: ";"), let text = table[String(decoding: name.dropLast(), as: UTF8.self)]?.text {
            return (text, held.count)
        }
        // A few old names stand without a semicolon, and begin what follows them.
        for count in stride(from: min(name.count, bareNameBytesMax), through: 1, by: -1) {
            if let entry = table[String(decoding: name.prefix(count), as: UTF8.self)], entry.isBare {
                return (entry.text, count + 1)
            }
        }
        return ([UInt8(ascii: "&")], 1)
    }

    private static func number(_ held: [UInt8]) -> (text: [UInt8], used: Int) {
        let isHexadecimal = held.count > 2 && held[2] | 0x20 == UInt8(ascii: "x")
        let digits = held.dropFirst(isHexadecimal ? 3 : 2).filter { $0 != UInt8(ascii: ";") }
        guard !digits.isEmpty else { return ([UInt8(ascii: "&")], 1) }
        // Too many digits for a number are as a number that is too large.
        let value = UInt32(String(decoding: digits, as: UTF8.self), radix: isHexadecimal ? 16 : 10) ?? .max
        return (Array(UTF8.encode(scalar(value))!), held.count)
    }

    /// §13.2.5.80: the numbers 80 to 9F mean what they mean in windows-1252, where people took them from.
    private static func scalar(_ value: UInt32) -> Unicode.Scalar {
        if value >= 0x80, value < 0xa0, let table = SingleByteTables.byName["windows-1252"] {
            return Unicode.Scalar(table[Int(value) - 0x80]) ?? "\u{fffd}"
        }
        return value == 0 ? "\u{fffd}" : Unicode.Scalar(value) ?? "\u{fffd}"
    }

    private struct Entry {
        var text: [UInt8]
        var isBare: Bool
    }

    private static let bareNameBytesMax = 6

    private static let table: [String: Entry] = {
        var table: [String: Entry] = [:]
        for word in NamedCharacterReferences.list.split(whereSeparator: { $0 == " " || $0 == "\n" }) {
            let parts = word.split(separator: "=")
            guard parts.count == 2 else { continue }
            let isBare = parts[0].hasSuffix("!")
            let scalars = parts[1].split(separator: "+").compactMap {
                UInt32($0, radix: 16).flatMap(Unicode.Scalar.init)
            }
            table[String(isBare ? parts[0].dropLast() : parts[0])] = Entry(
                text: Array(String(String.UnicodeScalarView(scalars)).utf8), isBare: isBare)
        }
        return table
    }()
}
