/// Ids for documents that this side names: UUIDs of version 7 (RFC 9562 §5.7), 48 bits of time and 74 of chance.
enum ChosenID {
    static func make(unixMilliseconds: Int64, random: (UInt64, UInt64)) -> String {
        let high = UInt64(bitPattern: unixMilliseconds) << 16 | 0x7000 | random.0 & 0x0FFF
        let low = random.1 & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
        let digits = [high, low].map { half in
            let text = String(half, radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }.joined()
        var text = ""
        for (place, digit) in digits.enumerated() {
            if [8, 12, 16, 20].contains(place) { text += "-" }
            text.append(digit)
        }
        return text
    }
}
