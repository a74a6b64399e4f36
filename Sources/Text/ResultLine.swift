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

    /// The decimals of 0 to 999, three bytes each, the first in the lowest.
    private static let thousandths: [UInt64] = (0..<UInt64(1000)).map { number in
        let tens = number / 10 % 10
        return 0x30_3030 + (number % 10) << 16 + tens << 8 + number / 100
    }
    /// `-0.123456,`
    private static let unitNumberBytesMax = 10
    /// A number's eight bytes are written whole, however many of them count.
    private static let unitNumberBytesWritten = 8

    /// As `appendFixedPoint` for each, for numbers from -1 to 1, which all of a normalised vector are: room for all is
    /// made once, and a number is put together in a register.
    private static func appendUnitVector(_ vector: [Float], to line: inout [UInt8]) {
        let digits = thousandths.span
        let numbers = vector.span
        let capacity = numbers.count * unitNumberBytesMax + unitNumberBytesWritten
        line.append(addingCapacity: capacity) { (text: inout OutputSpan<UInt8>) in
            // Every store ends within the capacity: each number so far took `unitNumberBytesMax` at most, and the last
            // one's eight bytes have room behind that.
            unsafe text.withUnsafeMutableBufferPointer { buffer, initializedCount in
                let start = unsafe UnsafeMutableRawPointer(buffer.baseAddress!)
                var end = unsafe start
                for index in numbers.indices {
                    let value = numbers[index]
                    // Exact in a `Double`, as below.
                    let units = Int(Double(value.magnitude) * 1_000_000 + 0.5)
                    unsafe end.storeBytes(of: UInt8(ascii: "-"), as: UInt8.self)
                    // No branch: half of the signs would be guessed wrong.
                    unsafe end += Int(value.bitPattern >> 31) & (units == 0 ? 0 : 1)
                    if units == 0 || units >= 1_000_000 {
                        unsafe end.storeBytes(of: UInt8(ascii: "0") + (units > 0 ? 1 : 0), as: UInt8.self)
                        unsafe end += 1
                    } else {
                        // "0." and six decimals, of which trailing zeros are cut: they are the highest bytes.
                        let decimals = digits[units / 1000] << 16 | digits[units % 1000] << 40
                        unsafe end.storeBytes(of: (decimals | 0x2e30).littleEndian, as: UInt64.self)
                        unsafe end += 8 - (decimals ^ 0x3030_3030_3030_0000).leadingZeroBitCount / 8
                    }
                    unsafe end.storeBytes(of: UInt8(ascii: ","), as: UInt8.self)
                    unsafe end += 1
                }
                // But for the last comma.
                if !numbers.isEmpty { unsafe end -= 1 }
                initializedCount = unsafe end - start
            }
        }
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
