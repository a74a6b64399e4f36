/// Cuts a stream of bytes into lines, whatever pieces it comes in.
package struct LineSplitter {
    private var partial: [UInt8] = []
    private var isSkipping = false
    private let lineBytesMax: Int
    private let keepsEmptyLines: Bool

    /// A state object stays under 64 KiB; a chunk of a result with its embedding under a few times that.
    package static let lineBytesMaxDefault = 1 << 20

    package init(lineBytesMax: Int = Self.lineBytesMaxDefault, keepsEmptyLines: Bool = false) {
        self.lineBytesMax = lineBytesMax
        self.keepsEmptyLines = keepsEmptyLines
    }

    /// Takes the next bytes and returns the lines they end, without their line ends; empty ones only where asked for.
    /// A line over `lineBytesMax` is dropped whole: every event is a whole state, so the next one makes up for it.
    package mutating func receive(_ bytes: [UInt8]) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        var start = bytes.startIndex
        while let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) {
            append(bytes[start..<end])
            take(into: &lines)
            start = end + 1
        }
        append(bytes[start...])
        return lines
    }

    /// The last line when the stream ended without a line end.
    package mutating func end() -> [UInt8]? {
        var lines: [[UInt8]] = []
        if !partial.isEmpty { take(into: &lines) }
        return lines.first
    }

    private mutating func append(_ bytes: ArraySlice<UInt8>) {
        if isSkipping { return }
        if partial.count + bytes.count > lineBytesMax {
            partial = []
            isSkipping = true
        } else {
            partial += bytes
        }
    }

    private mutating func take(into lines: inout [[UInt8]]) {
        if partial.last == UInt8(ascii: "\r") { partial.removeLast() }
        if !isSkipping && (keepsEmptyLines || !partial.isEmpty) { lines.append(partial) }
        partial = []
        isSkipping = false
    }
}
