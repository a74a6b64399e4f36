import JSON

/// One line of a document's result, as `GET /v1/documents/{id}/result` gives it.
package enum ResultLine {
    /// Decimals of an embedding's numbers: well under what similarity can tell, and half of what would be shortest.
    package static let decimals = 6

    /// Appends `{"index","page_start","page_end","text","embedding":[…]}` and a line feed.
    ///
    /// Numbers are fixed-point, rounded to `decimals`, with trailing zeros cut. What is not finite becomes null.
    package static func encode(_ chunk: TextChunk, embedding: [Float], into line: inout [UInt8]) {
        append(#"{"index":"#, to: &line)
        appendDigits(UInt64(chunk.index), to: &line)
        append(#","page_start":"#, to: &line)
        appendDigits(UInt64(chunk.pageStart), to: &line)
        append(#","page_end":"#, to: &line)
        appendDigits(UInt64(chunk.pageEnd), to: &line)
        append(#","text":"#, to: &line)
        JSONWriter.appendString(utf8: chunk.text.utf8.span, to: &line)
        append(#","embedding":["#, to: &line)
        if embedding.allSatisfy({ $0.magnitude <= 1 }) {
            appendUnitVector(embedding, to: &line)
        } else {
            var isFirst = true
            for value in embedding {
                if !isFirst { line.append(UInt8(ascii: ",")) }
                isFirst = false
                appendFixedPoint(value, to: &line)
            }
        }
        append("]}\n", to: &line)
    }

    /// The decimals of 0 to 999, three bytes each.
    private static let thousandths: [UInt8] = {
        var table: [UInt8] = []
        for number in 0..<1000 {
            for digit in [number / 100, number / 10 % 10, number % 10] {
                table.append(UInt8(ascii: "0") + UInt8(digit))
            }
        }
        return table
    }()
    /// `-0.123456,`
    private static let unitNumberBytesMax = 10

    /// As `appendFixedPoint` for each, for numbers from -1 to 1, which all of a normalised vector are: room for all is
    /// made once, and digits come three at a time.
    private static func appendUnitVector(_ vector: [Float], to line: inout [UInt8]) {
        let digits = thousandths.span
        let numbers = vector.span
        line.append(addingCapacity: numbers.count * unitNumberBytesMax) { (text: inout OutputSpan<UInt8>) in
            for index in numbers.indices {
                if index > 0 { text.append(UInt8(ascii: ",")) }
                let value = numbers[index]
                // Exact in a `Double`, as below.
                var units = Int(Double(value.magnitude) * 1_000_000 + 0.5)
                if value < 0, units > 0 { text.append(UInt8(ascii: "-")) }
                if units >= 1_000_000 {
                    text.append(UInt8(ascii: "1"))
                    units -= 1_000_000
                } else {
                    text.append(UInt8(ascii: "0"))
                }
                if units == 0 { continue }
                text.append(UInt8(ascii: "."))
                let (high, low) = (units / 1000 * 3, units % 1000 * 3)
                // Trailing zeros are cut.
                let count = low > 0 ? 3 + significant(digits, low) : significant(digits, high)
                for place in 0..<min(count, 3) { text.append(digits[high + place]) }
                for place in 3..<max(count, 3) { text.append(digits[low + place - 3]) }
            }
        }
    }

    /// How many of three digits, not all zero, there are without trailing zeros.
    @inline(__always)
    private static func significant(_ digits: Span<UInt8>, _ start: Int) -> Int {
        let zero = UInt8(ascii: "0")
        return digits[start + 2] != zero ? 3 : digits[start + 1] != zero ? 2 : 1
    }

    private static func appendFixedPoint(_ value: Float, to line: inout [UInt8]) {
        // A million is ten to the power of `decimals`. The product of a `Float` and it is exact in a `Double`, so that
        // adding a half rounds it right.
        let units = Double(value.magnitude) * 1_000_000 + 0.5
        guard units < 1e18 else {
            // A number that no normalised embedding has; Swift's spelling of it is JSON's.
            if value.isFinite { line += value.description.utf8 } else { append("null", to: &line) }
            return
        }
        let rest = UInt64(units)
        if value < 0, rest > 0 { line.append(UInt8(ascii: "-")) }
        if rest < 1_000_000 { line.append(UInt8(ascii: "0")) } else { appendDigits(rest / 1_000_000, to: &line) }
        var fraction = UInt32(rest % 1_000_000)
        if fraction == 0 { return }
        line.append(addingCapacity: 1 + decimals) { (text: inout OutputSpan<UInt8>) in
            text.append(UInt8(ascii: "."))
            while fraction > 0 {
                fraction *= 10
                text.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: fraction / 1_000_000))
                fraction %= 1_000_000
            }
        }
    }

    private static func appendDigits(_ value: UInt64, to line: inout [UInt8]) {
        if value >= 10 { appendDigits(value / 10, to: &line) }
        line.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value % 10))
    }

    private static func append(_ text: StaticString, to line: inout [UInt8]) {
        text.withUTF8Buffer { text in unsafe line.append(contentsOf: text) }
    }
}
