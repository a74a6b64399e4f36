/// An IPv4 or IPv6 address as a value: read and written without the operating system.
package struct NetworkAddress: Sendable, Hashable, CustomStringConvertible {
    /// 4 octets or 16. An IPv4 address in IPv6's clothes (`::ffff:10.0.0.1`) is the IPv4 address: both name one host.
    package let octets: [UInt8]

    package var isVersion6: Bool { octets.count == 16 }

    init(octets: [UInt8]) {
        let isMapped = octets.count == 16 && octets[..<10].allSatisfy { $0 == 0 } && octets[10...11] == [255, 255]
        self.octets = isMapped ? Array(octets[12...]) : octets
    }

    /// Nil when it is neither dotted decimal (RFC 3986 §3.2.2) nor an IPv6 address (RFC 4291 §2.2). A zone (`%eth0`)
    /// is left out: it means something on one machine only.
    package init?(parsing text: some StringProtocol) {
        let address = text.pieces(between: ASCII.percent).first ?? ""
        if let octets = Self.version4(address) ?? Self.version6(address) {
            self.init(octets: octets)
        } else {
            return nil
        }
    }

    private static func version4(_ text: some StringProtocol) -> [UInt8]? {
        let parts = text.pieces(between: 0x2E)
        guard parts.count == 4 else { return nil }
        var octets: [UInt8] = []
        for part in parts {
            // A leading zero is octal to some readers and decimal to others, so it is refused.
            guard (1...3).contains(part.utf8.count), part.utf8.allSatisfy(\.isDigit), let octet = UInt8(part),
                part.utf8.count == 1 || part.utf8.first != 0x30
            else { return nil }
            octets.append(octet)
        }
        return octets
    }

    private static func version6(_ text: some StringProtocol) -> [UInt8]? {
        let parts = text.pieces(between: ASCII.colon)
        guard (3...9).contains(parts.count) else { return nil }
        var (left, right): ([UInt8], [UInt8]?) = ([], nil)
        for (index, part) in parts.enumerated() {
            if part.isEmpty {
                // `::` stands once for zeros; at either end of the text it leaves two empty parts.
                if index == 0 || index == parts.count - 1 {
                    guard parts[index == 0 ? 1 : index - 1].isEmpty else { return nil }
                    continue
                }
                guard right == nil else { return nil }
                right = []
                continue
            }
            guard let octets = group(part, isLast: index == parts.count - 1) else { return nil }
            if right == nil { left += octets } else { right? += octets }
        }
        guard let right else { return left.count == 16 && !parts.contains("") ? left : nil }
        guard left.count + right.count <= 14 else { return nil }
        return left + Array(repeating: 0, count: 16 - left.count - right.count) + right
    }

    private static func group(_ text: some StringProtocol, isLast: Bool) -> [UInt8]? {
        if isLast, let octets = version4(text) { return octets }
        guard (1...4).contains(text.utf8.count), text.utf8.allSatisfy({ $0.hexadecimalValue != nil }),
            let value = UInt16(text, radix: 16)
        else { return nil }
        return [UInt8(value >> 8), UInt8(value & 255)]
    }

    /// RFC 5952: lower case, no leading zeros, the longest run of zero groups as `::`.
    package var description: String {
        guard isVersion6 else { return octets.map(String.init).joined(separator: ".") }
        let groups = (0..<8).map { UInt16(octets[2 * $0]) << 8 | UInt16(octets[2 * $0 + 1]) }
        var (best, run) = (0..<0, 0..<0)
        for index in groups.indices {
            run = groups[index] != 0 ? index + 1..<index + 1 : run.lowerBound..<index + 1
            if run.count > max(best.count, 1) { best = run }
        }
        let text = { (part: ArraySlice<UInt16>) in part.map { String($0, radix: 16) }.joined(separator: ":") }
        if best.isEmpty { return text(groups[...]) }
        return text(groups[..<best.lowerBound]) + "::" + text(groups[best.upperBound...])
    }

    /// What counts as one caller: the address itself, or the network of 64 bits that one site of IPv6 has to itself.
    package var site: String {
        guard isVersion6 else { return description }
        return "\(NetworkAddress(octets: Array(octets[..<8]) + Array(repeating: 0, count: 8)))/64"
    }
}

/// Addresses with a common beginning: `10.0.0.0/8`, `2001:db8::/32`, or one address alone.
package struct NetworkRange: Sendable, Hashable {
    private let base: NetworkAddress
    private let bitCount: Int

    /// Nil when it is none, and when an address has bits beyond the range's own: that is a slip of the pen.
    package init?(parsing text: String) {
        let parts = text.pieces(between: ASCII.slash)
        guard parts.count <= 2, let address = NetworkAddress(parsing: parts[0]) else { return nil }
        base = address
        let bitsMax = address.octets.count * 8
        if parts.count == 2 {
            guard (1...3).contains(parts[1].utf8.count), parts[1].utf8.allSatisfy(\.isDigit),
                let count = Int(parts[1]), count <= bitsMax
            else { return nil }
            bitCount = count
        } else {
            bitCount = bitsMax
        }
        for index in address.octets.indices where address.octets[index] & ~mask(index) != 0 { return nil }
    }

    private func mask(_ index: Int) -> UInt8 {
        let bits = min(max(bitCount - index * 8, 0), 8)
        return bits == 0 ? 0 : 0xff << UInt8(8 - bits)
    }

    package func contains(_ address: NetworkAddress) -> Bool {
        guard address.octets.count == base.octets.count else { return false }
        return address.octets.indices.allSatisfy { address.octets[$0] & mask($0) == base.octets[$0] }
    }
}
