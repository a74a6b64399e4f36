/// What every target demands of a decoder: it accepts any octets or names an error, it never traps, and its answer is
/// the same however the octets were cut into reads.
///
/// A trap ends the process, which libFuzzer reports with the input that caused it; a broken rule is made a trap here.
enum Oracle {
    private static let randomCutCount = 3

    /// The transcript that `read` makes of the stream, once it has made the same one of the stream's pieces.
    static func answer<Transcript: Equatable>(
        to stream: [UInt8], _ read: (_ pieces: [[UInt8]]) -> Transcript
    ) -> Transcript {
        let whole = read([stream])
        // The cuts follow from the stream, so that a file alone replays a run, and seeds stay plain streams.
        var random = SeededRandom(seed: fingerprint(of: stream))
        expectSame(whole, Pieces.pieces(of: stream, count: 1), read)
        for _ in 0..<randomCutCount { expectSame(whole, Pieces.atRandom(stream, using: &random), read) }
        return whole
    }

    /// `rule` is a sentence that says what must hold, `evidence` what was seen instead.
    static func demand(_ holds: Bool, _ rule: String, _ evidence: @autoclosure () -> Any) {
        if !holds { fatalError("Broken rule: \(rule).\n\(evidence())") }
    }

    private static func expectSame<Transcript: Equatable>(
        _ whole: Transcript, _ pieces: [[UInt8]], _ read: ([[UInt8]]) -> Transcript
    ) {
        let cut = read(pieces)
        demand(
            cut == whole, "the answer depends on the octets alone",
            "Whole:\n\(whole)\nIn pieces of \(pieces.map(\.count)):\n\(cut)")
    }

    /// FNV-1a: streams that differ in one octet are cut differently.
    private static func fingerprint(of stream: [UInt8]) -> UInt64 {
        stream.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
    }
}
