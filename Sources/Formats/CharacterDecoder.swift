/// Turns bytes of one encoding into UTF-8, in any pieces. What means nothing becomes U+FFFD, one for each lead byte
/// without its like; a byte of ASCII after such a lead is itself, so that no delimiter is ever swallowed (Encoding
/// Standard §10 to §12). UTF-8 itself passes as it is: whoever reads it mends it.
struct CharacterDecoder {
    private let encoding: CharacterEncoding
    private let table: [UInt16]
    /// Bytes of a character that is not whole yet.
    private var held: [UInt8] = []
    private var leadSurrogate: UInt16?

    init(_ encoding: CharacterEncoding) {
        self.encoding = encoding
        table = if case .singleByte(let name) = encoding { SingleByteTables.byName[name] ?? [] } else { [] }
    }

    mutating func decode(_ bytes: ArraySlice<UInt8>, into output: inout [UInt8]) {
        switch encoding {
        case .utf8: output += bytes
        case .singleByte:
            for byte in bytes {
                if byte < 0x80 { output.append(byte) } else { append(UInt32(table[Int(byte) - 0x80]), to: &output) }
            }
        case .utf16, .utf32, .shiftJIS, .eucJP, .gb18030, .big5, .eucKR:
            for byte in bytes { receive(byte, &output) }
        }
    }

    mutating func finish(into output: inout [UInt8]) {
        if !held.isEmpty || leadSurrogate != nil { append(nil, to: &output) }
        held = []
        leadSurrogate = nil
    }

    private func append(_ value: UInt32?, to output: inout [UInt8]) {
        let scalar = value.flatMap(Unicode.Scalar.init) ?? "\u{fffd}"
        output += UTF8.encode(scalar)!
    }

    private mutating func receive(_ byte: UInt8, _ output: inout [UInt8]) {
        switch encoding {
        case .utf16(let isBigEndian):
            held.append(byte)
            if held.count == 2 { takeUnit(isBigEndian, &output) }
        case .utf32(let isBigEndian):
            held.append(byte)
            guard held.count == 4 else { return }
            append((isBigEndian ? held : held.reversed()).reduce(0) { $0 << 8 | UInt32($1) }, to: &output)
            held = []
        default:
            held.append(byte)
            takeCharacter(&output)
        }
    }

    private mutating func takeUnit(_ isBigEndian: Bool, _ output: inout [UInt8]) {
        let unit = isBigEndian ? UInt16(held[0]) << 8 | UInt16(held[1]) : UInt16(held[1]) << 8 | UInt16(held[0])
        held = []
        let before = leadSurrogate
        leadSurrogate = nil
        if let before, UTF16.isTrailSurrogate(unit) {
            return append(0x1_0000 + (UInt32(before) & 0x3ff) << 10 + UInt32(unit) & 0x3ff, to: &output)
        }
        if before != nil { append(nil, to: &output) }
        if UTF16.isLeadSurrogate(unit) { leadSurrogate = unit } else { append(UInt32(unit), to: &output) }
    }

    // MARK: - Several bytes a character

    private mutating func takeCharacter(_ output: inout [UInt8]) {
        switch MultiByteCharacter.read(held, encoding) {
        case .incomplete: return
        case .scalar(let scalar):
            output += UTF8.encode(scalar)!
            held.removeAll(keepingCapacity: true)
        case .unmapped:
            append(nil, to: &output)
            held.removeAll(keepingCapacity: true)
        case .lost:
            append(nil, to: &output)
            // What follows the lost lead is looked at again: it may begin a character of its own.
            let rest = held.dropFirst()
            held = []
            for byte in rest { receive(byte, &output) }
        }
    }
}

/// One character of the encodings of East Asia.
enum MultiByteCharacter {
    enum Reading {
        case incomplete
        case scalar(Unicode.Scalar)
        /// Well formed, and no character's.
        case unmapped
        /// The lead leads nothing; what follows it is not used up.
        case lost
    }

    static func read(_ bytes: [UInt8], _ encoding: CharacterEncoding) -> Reading {
        let lead = bytes[0]
        if lead < 0x80 { return .scalar(Unicode.Scalar(lead)) }
        switch encoding {
        case .shiftJIS: return shiftJIS(bytes)
        case .eucJP: return eucJP(bytes)
        case .gb18030: return gb18030(bytes)
        case .big5:
            return pair(bytes, leads: 0xa1...0xf9) { trail in
                let column = trail < 0x7f ? Int(trail) - 0x40 : trail < 0xa1 ? -1 : Int(trail) - 0xa1 + 63
                return CharacterTable.big5.scalar(row: Int(lead) - 0xa1, column: column)
            }
        case .eucKR:
            return pair(bytes, leads: 0x81...0xfd) { trail in
                let column =
                    switch trail {
                    case 0x41...0x5a: Int(trail) - 0x41
                    case 0x61...0x7a: Int(trail) - 0x61 + 26
                    case 0x81...0xfe: Int(trail) - 0x81 + 52
                    default: -1
                    }
                return CharacterTable.korean.scalar(row: Int(lead) - 0x81, column: column)
            }
        case .utf8, .utf16, .utf32, .singleByte: return .lost
        }
    }

    private static func pair(
        _ bytes: [UInt8], leads: ClosedRange<UInt8>, _ scalar: (UInt8) -> Unicode.Scalar?
    ) -> Reading {
        guard leads.contains(bytes[0]) else { return .lost }
        guard bytes.count > 1 else { return .incomplete }
        return scalar(bytes[1]).map(Reading.scalar) ?? (bytes[1] < 0x80 ? .lost : .unmapped)
    }

    private static func shiftJIS(_ bytes: [UInt8]) -> Reading {
        let lead = bytes[0]
        // Katakana of half width.
        if case 0xa1...0xdf = lead { return .scalar(Unicode.Scalar(0xff61 + UInt32(lead) - 0xa1)!) }
        if lead == 0x80 || lead == 0xa0 { return .lost }
        return pair(bytes, leads: 0x81...0xfc) { trail in
            guard trail >= 0x40, trail != 0x7f, trail <= 0xfc else { return nil }
            let cell = (Int(lead) - (lead < 0xa0 ? 0x81 : 0xc1)) * 188 + Int(trail) - (trail < 0x7f ? 0x40 : 0x41)
            return CharacterTable.jis.scalar(row: cell / 94, column: cell % 94)
        }
    }

    private static func eucJP(_ bytes: [UInt8]) -> Reading {
        if bytes[0] == 0x8e {
            return pair(bytes, leads: 0x8e...0x8e) { trail in
                trail >= 0xa1 && trail <= 0xdf ? Unicode.Scalar(0xff61 + UInt32(trail) - 0xa1) : nil
            }
        }
        // JIS X 0212 is not read: its characters are one U+FFFD each.
        if bytes[0] == 0x8f {
            if bytes.last! < 0x80 { return .lost }
            return bytes.count < 3 ? .incomplete : .unmapped
        }
        return pair(bytes, leads: 0xa1...0xfe) { trail in
            trail < 0xa1 ? nil : CharacterTable.jis.scalar(row: Int(bytes[0]) - 0xa1, column: Int(trail) - 0xa1)
        }
    }

    private static func gb18030(_ bytes: [UInt8]) -> Reading {
        if bytes[0] == 0x80 { return .scalar("€") }
        if bytes.count > 1, case 0x30...0x39 = bytes[1] {
            if bytes.count > 2, !(0x81...0xfe).contains(bytes[2]) { return .lost }
            guard bytes.count == 4 else { return .incomplete }
            guard (0x30...0x39).contains(bytes[3]) else { return .lost }
            let number =
                ((Int(bytes[0]) - 0x81) * 10 + Int(bytes[1]) - 0x30) * 1260 + (Int(bytes[2]) - 0x81) * 10
                + Int(bytes[3]) - 0x30
            return CharacterTable.scalar(gb18030: number).map(Reading.scalar) ?? .unmapped
        }
        return pair(bytes, leads: 0x81...0xfe) { trail in
            guard trail >= 0x40, trail != 0x7f, trail <= 0xfe else { return nil }
            return CharacterTable.chinese.scalar(
                row: Int(bytes[0]) - 0x81, column: Int(trail) - (trail < 0x7f ? 0x40 : 0x41))
        }
    }
}
