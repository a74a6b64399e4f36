/// What a server is willing to agree to for permessage-deflate.
package enum DeflatePolicy: Sendable {
    /// No context is kept between messages on either side, whatever was offered (RFC 7692 §7.1.1 lets a server say so):
    /// a broadcast is compressed once for everybody, and an idle connection costs nothing.
    case withoutContext
    /// As the client asks.
    case asOffered
}

/// The agreement on permessage-deflate (RFC 7692 §7.1) of one connection.
package struct DeflateParameters: Sendable, Equatable {
    package var serverNoContextTakeover = false
    package var clientNoContextTakeover = false
    /// 8…15; what the server may look back, as a power of two.
    package var serverWindowBits: UInt8 = 15
    package var clientWindowBits: UInt8 = 15
    /// A limit may be named in the answer only where the offer named it.
    private var namesServerWindow = false
    private var namesClientWindow = false

    package init() {}

    /// The first offer that can be accepted; nil when there is none, and then the connection goes on without it. A
    /// malformed or unknown parameter declines its own offer only (RFC 7692 §7).
    package static func negotiate(_ fieldValues: [String], _ policy: DeflatePolicy) -> DeflateParameters? {
        for value in fieldValues {
            for offer in ListElements.split(value, at: ASCII.comma) {
                if let accepted = DeflateParameters(offer: offer, policy) { return accepted }
            }
        }
        return nil
    }

    private init?(offer: Substring, _ policy: DeflatePolicy) {
        let parts = ListElements.split(offer, at: ASCII.semicolon)
        guard let name = parts.first, String(name).asciiLowercased == "permessage-deflate" else { return nil }
        var seen: Set<String> = []
        for part in parts.dropFirst() {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(pair[0].trimmingBlanks).asciiLowercased
            var value = pair.count == 2 ? String(pair[1].trimmingBlanks) : nil
            if let quoted = value, quoted.utf8.count >= 2, quoted.hasPrefix("\""), quoted.hasSuffix("\"") {
                value = String(quoted.dropFirst().dropLast())
            }
            // RFC 7692 §7: a parameter that comes twice makes the offer invalid.
            guard seen.insert(name).inserted, take(name, value) else { return nil }
        }
        if case .withoutContext = policy { (serverNoContextTakeover, clientNoContextTakeover) = (true, true) }
    }

    private mutating func take(_ name: String, _ value: String?) -> Bool {
        switch (name, value) {
        case ("server_no_context_takeover", nil): serverNoContextTakeover = true
        case ("client_no_context_takeover", nil): clientNoContextTakeover = true
        case ("server_max_window_bits", let value?):
            guard let bits = Self.windowBits(value) else { return false }
            (serverWindowBits, namesServerWindow) = (bits, true)
        // Without a value the client only says that it would understand a limit; none is needed here.
        case ("client_max_window_bits", nil): break
        case ("client_max_window_bits", let value?):
            guard let bits = Self.windowBits(value) else { return false }
            (clientWindowBits, namesClientWindow) = (bits, true)
        default: return false
        }
        return true
    }

    /// RFC 7692 §7.1.2: a decimal integer without leading zeroes between 8 and 15.
    private static func windowBits(_ text: String) -> UInt8? {
        guard let bits = UInt8(text), (8...15).contains(bits), text.utf8.first != UInt8(ascii: "0"),
            text.utf8.first != UInt8(ascii: "+")
        else { return nil }
        return bits
    }

    /// The value of Sec-WebSocket-Extensions in the answer.
    package var fieldValue: String {
        var value = "permessage-deflate"
        if serverNoContextTakeover { value += "; server_no_context_takeover" }
        if clientNoContextTakeover { value += "; client_no_context_takeover" }
        if namesServerWindow { value += "; server_max_window_bits=\(serverWindowBits)" }
        if namesClientWindow { value += "; client_max_window_bits=\(clientWindowBits)" }
        return value
    }
}
