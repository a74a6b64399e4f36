import Testing

@testable import Core

@Suite("Timestamps")
struct TimestampTests {
    static let known: [(milliseconds: Int64, text: String)] = [
        (0, "1970-01-01T00:00:00.000Z"),
        (784_111_777_000, "1994-11-06T08:49:37.000Z"),
        (951_782_399_999, "2000-02-28T23:59:59.999Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (1_709_164_800_001, "2024-02-29T00:00:00.001Z"),
        (1_735_689_599_000, "2024-12-31T23:59:59.000Z"),
        (1_795_464_845_123, "2026-11-23T20:14:05.123Z"),
        // 2100 is no leap year.
        (4_107_456_000_000, "2100-02-28T00:00:00.000Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    ]

    @Test("known times are written and read", arguments: known)
    func readAndWritten(milliseconds: Int64, text: String) {
        #expect(Timestamp.text(unixMilliseconds: milliseconds) == text)
        #expect(Timestamp.unixMilliseconds(parsing: text) == milliseconds)
    }

    @Test("every day from 1970 to 2100 follows the one before it")
    func days() {
        var random = SeededRandom(seed: 11)
        let lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        var (year, month, day) = (1970, 1, 1)
        for number in Int64(0)..<47_482 {
            let inDay = Int64.random(in: 0..<86_400_000, using: &random)
            let text = Timestamp.text(unixMilliseconds: number * 86_400_000 + inDay)
            guard text.hasPrefix("\(year)-\(month < 10 ? "0" : "")\(month)-\(day < 10 ? "0" : "")\(day)T"),
                Timestamp.unixMilliseconds(parsing: text) == number * 86_400_000 + inDay
            else {
                Issue.record("day \(number) is \(year)-\(month)-\(day), and was written as \(text)")
                return
            }
            let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            day += 1
            guard day > lengths[month - 1] + (isLeap && month == 2 ? 1 : 0) else { continue }
            (month, day) = (month + 1, 1)
            if month == 13 { (year, month) = (year + 1, 1) }
        }
        #expect((year, month, day) == (2100, 1, 1))
    }

    @Test("a time before 1970 is written as its beginning")
    func before() {
        #expect(Timestamp.text(unixMilliseconds: -1) == "1970-01-01T00:00:00.000Z")
    }

    @Test(
        "what `text` would not write is not read",
        arguments: [
            "", "2026-11-23", "2026-11-23T20:14:05Z", "2026-11-23T20:14:05.123", "2026-11-23 20:14:05.123Z",
            "2026-11-23T20:14:05.123z", "2026-13-23T20:14:05.123Z", "2026-00-23T20:14:05.123Z",
            "2026-11-00T20:14:05.123Z", "2026-11-32T20:14:05.123Z", "2026-1é-3T20:14:05.123Z",
            "2026-11-23T20:14:05.1234Z", "+026-11-23T20:14:05.123Z", "2026-11-23T20:14:05.123+",
        ])
    func foreign(text: String) {
        #expect(Timestamp.unixMilliseconds(parsing: text) == nil)
    }
}
