/// What a client would like to get, out of Accept and Accept-Encoding (RFC 9110 §12.5).
package enum AcceptField {
    /// How much `type/subtype` is wanted: 0 for not at all, 1 when there is no Accept (nil, or nothing in it).
    /// The most specific range that matches decides, whatever the others say (RFC 9110 §12.5.1); between equals the
    /// higher weight. Parameters of a range other than `q` are ignored: `application/json;charset=utf-8` means JSON.
    package static func quality(of type: String, subtype: String, in accept: String?) -> Double {
        let ranges = ListElements.split(accept ?? "", at: ASCII.comma)
        if ranges.isEmpty { return 1 }
        var best: (specificity: Int, quality: Double) = (0, 0)
        for range in ranges {
            let (name, weight) = weighted(range)
            let parts = name.pieces(between: ASCII.slash)
            guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else { continue }
            let specificity: Int
            if parts[0] == "*" {
                guard parts[1] == "*" else { continue }
                specificity = 1
            } else if parts[0].equalsIgnoringASCIICase(type) {
                if parts[1] == "*" {
                    specificity = 2
                } else if parts[1].equalsIgnoringASCIICase(subtype) {
                    specificity = 3
                } else {
                    continue
                }
            } else {
                continue
            }
            if (specificity, weight) > best { best = (specificity, weight) }
        }
        return best.quality
    }

    /// How much `type/subtype` is wanted by its own name: 0 where only a wildcard stands for it, or nothing.
    package static func namedQuality(of type: String, subtype: String, in accept: String?) -> Double {
        var best = 0.0
        for range in ListElements.split(accept ?? "", at: ASCII.comma) {
            let (name, weight) = weighted(range)
            let parts = name.pieces(between: ASCII.slash)
            guard parts.count == 2, parts[0].equalsIgnoringASCIICase(type), parts[1].equalsIgnoringASCIICase(subtype)
            else { continue }
            best = max(best, weight)
        }
        return best
    }

    /// Whether a response may be gzipped. Without Accept-Encoding it may not: such clients are scripts that take the
    /// bytes as they come. `gzip;q=0` refuses, `*` stands for gzip where gzip is not named, and a client that weighs
    /// `identity` above gzip gets identity (RFC 9110 §12.5.3).
    package static func acceptsGzip(_ acceptEncoding: String?) -> Bool {
        guard let acceptEncoding else { return false }
        var (gzip, any, identity): (Double?, Double?, Double?) = (nil, nil, nil)
        for element in ListElements.split(acceptEncoding, at: ASCII.comma) {
            let (name, weight) = weighted(element)
            switch name.asciiLowercased {
            case "gzip", "x-gzip": gzip = max(gzip ?? 0, weight)
            case "*": any = weight
            case "identity": identity = weight
            default: continue
            }
        }
        let weight = gzip ?? any ?? 0
        return weight > 0 && weight >= identity ?? 0
    }

    /// An element's name and its weight; a weight that cannot be read counts as 1, as if it were not there.
    private static func weighted(_ element: Substring) -> (name: Substring, weight: Double) {
        let parts = ListElements.split(element, at: ASCII.semicolon)
        guard let name = parts.first else { return ("", 1) }
        for parameter in parts.dropFirst() {
            let sides = parameter.pieces(between: ASCII.equals)
            guard sides.count == 2, sides[0].trimmingBlanks.equalsIgnoringASCIICase("q") else { continue }
            return (name, qvalue(sides[1].trimmingBlanks) ?? 1)
        }
        return (name, 1)
    }

    /// RFC 9110 §12.4.2: `0` to `1` with at most three decimals.
    private static func qvalue(_ text: Substring) -> Double? {
        let octets = Array(text.utf8)
        guard (1...5).contains(octets.count), octets[0] == 0x30 || octets[0] == 0x31 else { return nil }
        if octets.count == 1 { return Double(octets[0] - 0x30) }
        guard octets[1] == 0x2E, octets[2...].allSatisfy(\.isDigit) else { return nil }
        let thousandths = (2..<5).reduce(0) { $0 * 10 + ($1 < octets.count ? Int(octets[$1] - 0x30) : 0) }
        let value = Double(octets[0] - 0x30) + Double(thousandths) / 1000
        return value <= 1 ? value : nil
    }
}
