/// What stands behind a delimiter's octets, one octet at a time: only with the right tail are they a delimiter at all
/// (RFC 2046 §5.1.1).
struct DelimiterTail {
    enum Verdict {
        /// The octet belongs to the tail; more decide.
        case undecided
        /// The octet ends the tail: another part follows.
        case part
        /// The octet ends the tail: it was the last delimiter.
        case closing
        /// No delimiter after all. The octet is not of the tail: it may begin a delimiter.
        case data
    }

    /// Blanks that a mail gateway may have added to a delimiter line; nobody adds more than a few.
    static let paddingBytesMax = 64
    /// The longest tail that decides nothing yet.
    static let undecidedBytesMax = paddingBytesMax + 1

    private var last: UInt8?
    private var count = 0

    mutating func take(_ octet: UInt8) -> Verdict {
        switch (last, octet) {
        case (ASCII.hyphen?, ASCII.hyphen): return .closing
        case (nil, ASCII.hyphen), (nil, ASCII.carriageReturn): break
        case (let last, _) where octet.isBlank && last?.isBlank != false && count < Self.paddingBytesMax: break
        case (let last?, ASCII.carriageReturn) where last.isBlank: break
        case (ASCII.carriageReturn?, ASCII.lineFeed): return .part
        default: return .data
        }
        last = octet
        count += 1
        return .undecided
    }
}
