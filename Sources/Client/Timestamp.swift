/// A moment as RFC 3339 writes it, in milliseconds since 1970 (UTC).
package struct Timestamp: Equatable, Sendable {
    package var milliseconds: Int64

    package init(milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    /// Reads `2026-11-23T20:14:05Z`, with a fraction or a numeric offset too; nil for anything else.
    package init?(_ text: String) {
        var scanner = Scanner(text)
        guard let year = scanner.number(digits: 4), scanner.skip("-"),
            let month = scanner.number(digits: 2), (1...12).contains(month), scanner.skip("-"),
            let day = scanner.number(digits: 2), (1...31).contains(day),
            scanner.skip("T") || scanner.skip("t") || scanner.skip(" "),
            let hour = scanner.number(digits: 2), hour < 24, scanner.skip(":"),
            let minute = scanner.number(digits: 2), minute < 60, scanner.skip(":"),
            let second = scanner.number(digits: 2), second <= 60  // RFC 3339 §5.7 allows the leap second.
        else { return nil }
        let fraction = scanner.skip(".") ? scanner.fractionMilliseconds() : 0
        guard let fraction else { return nil }
        var offsetMinutes: Int64 = 0
        if !(scanner.skip("Z") || scanner.skip("z")) {
            let isEast = scanner.skip("+")
            guard isEast || scanner.skip("-"),
                let hours = scanner.number(digits: 2), scanner.skip(":"), let minutes = scanner.number(digits: 2)
            else { return nil }
            offsetMinutes = (isEast ? 1 : -1) * (hours * 60 + minutes)
        }
        guard scanner.isAtEnd else { return nil }
        let minutes = (Self.days(year: year, month: month, day: day) * 24 + hour) * 60 + minute - offsetMinutes
        milliseconds = (minutes * 60 + second) * 1000 + fraction
    }

    /// Days from 1970-01-01 in the Gregorian calendar, counted from 1 March so that the leap day comes last.
    private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let era = year / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    private struct Scanner {
        private var rest: Substring.UTF8View

        init(_ text: String) {
            rest = text[...].utf8
        }

        var isAtEnd: Bool { rest.isEmpty }

        mutating func skip(_ character: Unicode.Scalar) -> Bool {
            guard let first = rest.first, UInt32(first) == character.value else { return false }
            rest = rest.dropFirst()
            return true
        }

        mutating func number(digits: Int) -> Int64? {
            var value: Int64 = 0
            for _ in 0..<digits {
                guard let digit = digit() else { return nil }
                value = value * 10 + digit
            }
            return value
        }

        /// Any number of digits, of which three count.
        mutating func fractionMilliseconds() -> Int64? {
            guard var scale = digit().map({ $0 * 100 }) else { return nil }
            var unit: Int64 = 10
            while let digit = digit() {
                scale += digit * unit
                unit /= 10
            }
            return scale
        }

        private mutating func digit() -> Int64? {
            guard let first = rest.first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else { return nil }
            rest = rest.dropFirst()
            return Int64(first - UInt8(ascii: "0"))
        }
    }
}
