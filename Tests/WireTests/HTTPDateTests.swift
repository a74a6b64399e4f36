import Testing
import Wire

/// The date of fields, at the places where calendars go wrong.
@Suite struct HTTPDateTests {
    @Test(
        "known times are written",
        arguments: [
            (-1, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            // The example of RFC 9110 §5.6.7.
            (784_111_777_000, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_399_999, "Mon, 28 Feb 2000 23:59:59 GMT"),
            (951_782_400_000, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_709_164_800_001, "Thu, 29 Feb 2024 00:00:00 GMT"),
            (1_735_689_599_000, "Tue, 31 Dec 2024 23:59:59 GMT"),
            (1_795_464_845_123, "Mon, 23 Nov 2026 20:14:05 GMT"),
            // 2100 is no leap year.
            (4_107_456_000_000, "Sun, 28 Feb 2100 00:00:00 GMT"),
            (4_107_542_400_000, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (253_402_300_799_999, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] as [(Int64, String)])
    func known(milliseconds: Int64, text: String) {
        #expect(HTTPDate.text(unixMilliseconds: milliseconds) == text)
    }

    @Test(
        "what is written is read back to its second",
        arguments: [0, 784_111_777_000, 951_782_400_000, 1_795_464_845_000, 4_107_542_400_000, 253_402_300_799_000])
    func readBack(milliseconds: Int64) {
        #expect(HTTPDate.unixMilliseconds(parsing: HTTPDate.text(unixMilliseconds: milliseconds)) == milliseconds)
    }

    @Test(
        "what is no such date is none",
        arguments: [
            "", "soon", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 32 Nov 1994 08:49:37 GMT",
            "Sun, 06 Now 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, -6 Nov 1994 08:49:37 GMT",
        ])
    func none(text: String) {
        #expect(HTTPDate.unixMilliseconds(parsing: text) == nil)
    }
}
