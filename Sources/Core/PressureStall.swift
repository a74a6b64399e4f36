/// The kernel's pressure stall information, as `/proc/pressure/memory` and a control group's `memory.pressure` have it:
///
///     some avg10=0.12 avg60=0.05 avg300=0.01 total=123456
///     full avg10=0.00 avg60=0.00 avg300=0.00 total=2345
package enum PressureStall {
    /// The share of the last ten seconds in which some process waited, in per cent; nil for any other text.
    package static func someAverage10Percent(_ text: some StringProtocol) -> Double? {
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.first == "some", let word = words.first(where: { $0.hasPrefix("avg10=") }),
                let percent = Double(String(word.dropFirst(6))), (0...100).contains(percent)
            else { continue }
            return percent
        }
        return nil
    }
}
