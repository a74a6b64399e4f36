/// A point in time as the shell read it: one clock for durations, one for what people see.
///
/// Rates and waits use the monotonic clock, so that a jump of the wall clock changes nothing but the stamps.
package struct Moment: Sendable, Equatable {
    package var monotonicMilliseconds: Int64
    package var unixMilliseconds: Int64

    package init(monotonicMilliseconds: Int64, unixMilliseconds: Int64) {
        self.monotonicMilliseconds = monotonicMilliseconds
        self.unixMilliseconds = unixMilliseconds
    }

    package func advanced(byMilliseconds milliseconds: Int64) -> Moment {
        Moment(
            monotonicMilliseconds: monotonicMilliseconds + milliseconds,
            unixMilliseconds: unixMilliseconds + milliseconds)
    }
}

/// RFC 3339 in UTC, without a calendar library.
package enum Timestamp {
    /// `2026-11-23T20:14:05.123Z`.
    package static func text(unixMilliseconds: Int64) -> String {
        let parts = Parts(unixMilliseconds: unixMilliseconds)
        return "\(pad(parts.year, 4))-\(pad(parts.month, 2))-\(pad(parts.day, 2))T\(pad(parts.hour, 2)):"
            + "\(pad(parts.minute, 2)):\(pad(parts.second, 2)).\(pad(parts.millisecond, 3))Z"
    }

    /// Reads what `text` writes; nil for any other form.
    package static func unixMilliseconds(parsing text: String) -> Int64? {
        let bytes = Array(text.utf8)
        guard bytes.count == 24, bytes[10] == UInt8(ascii: "T"), bytes[23] == UInt8(ascii: "Z") else { return nil }
        func number(_ range: Range<Int>) -> Int64? {
            var value: Int64 = 0
            for byte in bytes[range] {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
                value = value * 10 + Int64(byte - UInt8(ascii: "0"))
            }
            return value
        }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10), let hour = number(11..<13),
            let minute = number(14..<16), let second = number(17..<19), let millisecond = number(20..<23),
            (1...12).contains(month), (1...31).contains(day)
        else { return nil }
        // Days since 1970 by H. Hinnant, "chrono-Compatible Low-Level Date Algorithms" (days_from_civil).
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        let days = era * 146_097 + dayOfEra - 719_468
        return ((days * 24 + hour) * 60 + minute) * 60_000 + second * 1000 + millisecond
    }

    private struct Parts {
        var year, month, day, hour, minute, second, millisecond: Int

        init(unixMilliseconds: Int64) {
            let total = max(0, unixMilliseconds)
            let days = total / 86_400_000
            let inDay = Int(total % 86_400_000)
            hour = inDay / 3_600_000
            minute = inDay / 60_000 % 60
            second = inDay / 1000 % 60
            millisecond = inDay % 1000
            // The same source: civil_from_days.
            let shifted = days + 719_468
            let era = shifted / 146_097
            let dayOfEra = shifted - era * 146_097
            let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
            let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
            let monthFromMarch = (5 * dayOfYear + 2) / 153
            day = Int(dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
            month = Int(monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9)
            year = Int(yearOfEra + era * 400) + (month <= 2 ? 1 : 0)
        }
    }

    private static func pad(_ value: Int, _ width: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
    }
}
