import Testing

@testable import Client

@Suite struct WordingTests {
    @Test(
        "counts have their thousands parted",
        arguments: [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567"), (-1000, "-1,000")]
            as [(Int64, String)])
    func count(value: Int64, text: String) {
        #expect(Wording.count(value) == text)
    }

    @Test(
        "bytes have three digits that count",
        arguments: [
            (0, "0 B"), (999, "999 B"), (1000, "1.00 kB"), (12_400, "12.4 kB"), (999_499, "999 kB"),
            (999_500, "1.00 MB"), (104_857_600, "105 MB"), (1_073_741_824, "1.07 GB"), (.max, "9,223 PB"), (-5, "0 B"),
        ] as [(Int64, String)])
    func bytes(value: Int64, text: String) {
        #expect(Wording.bytes(value) == text)
    }

    @Test("a part of bytes names the unit once where it is the same")
    func bytesOf() {
        #expect(Wording.bytes(12_400_000, of: 105_000_000) == "12.4 of 105 MB")
        #expect(Wording.bytes(12_400, of: 105_000_000) == "12.4 kB of 105 MB")
        #expect(Wording.bytes(0, of: 30_000_000) == "0 of 30.0 MB")
    }

    @Test(
        "durations",
        arguments: [
            (0, "0.0 s"), (400, "0.4 s"), (20_449, "20.4 s"), (59_949, "59.9 s"), (59_950, "1 min 59 s"),
            (60_000, "1 min 0 s"), (185_000, "3 min 5 s"), (3_600_000, "1 h 0 min"), (4_320_000, "1 h 12 min"),
        ] as [(Int64, String)])
    func duration(milliseconds: Int64, text: String) {
        #expect(Wording.duration(milliseconds: milliseconds) == text)
    }

    @Test(
        "what remains is a range, coarser the farther away",
        arguments: [
            (9.8, 17.0, "10–17 s"), (0.2, 0.3, "1 s"), (0.2, 3, "1–3 s"), (0, 110, "1 s–2 min"), (12.1, 12.2, "12 s"),
            (31, 52, "30–50 s"),
            (50, 118, "50 s–2 min"), (110, 180, "2–3 min"), (57.6, 58, "1 min"), (1500, 1800, "25–30 min"),
            (3400, 7300, "55 min–2 h"), (4000, 7300, "1–2 h"), (100, 1e9, "over a day"), (17, 9.8, "10–17 s"),
            (-5, 4, "1–4 s"), (-5, -4, "1 s"),
        ])
    func remaining(low: Double, high: Double, text: String) {
        #expect(Wording.remaining(lowSeconds: low, highSeconds: high) == text)
    }

    @Test("rates and ages")
    func ratesAndAges() {
        #expect(Wording.rate(6.24) == "6.2")
        #expect(Wording.rate(51.3) == "51")
        #expect(Wording.rate(1234) == "1,234")
        #expect(Wording.ago(milliseconds: 59_999) == "just now")
        #expect(Wording.ago(milliseconds: -5) == "just now")
        #expect(Wording.ago(milliseconds: 300_000) == "5 min ago")
        #expect(Wording.ago(milliseconds: 3 * 3_600_000) == "3 h ago")
        #expect(Wording.ago(milliseconds: 49 * 3_600_000) == "2 days ago")
        #expect(Wording.plural(1, "page") == "1 page")
        #expect(Wording.plural(1000, "page") == "1,000 pages")
    }
}
