import JSON

/// What a command says of its progress, one JSON object a line.
package struct ProgressLine: Sendable, Equatable {
    package static let messageBytesMax = 256

    /// 0–100 within the stage.
    package var stageProgress: Double?
    package var pagesDone: Int64?
    package var pagesTotal: Int64?
    package var message: String?

    package init(
        stageProgress: Double? = nil, pagesDone: Int64? = nil, pagesTotal: Int64? = nil, message: String? = nil
    ) {
        self.stageProgress = stageProgress
        self.pagesDone = pagesDone
        self.pagesTotal = pagesTotal
        self.message = message
    }

    /// Nil for what is no object, or says nothing that can be believed.
    package init?(_ line: [UInt8]) {
        guard let value = try? JSONValue.parse(line, depthMax: 8), case .object = value else { return nil }
        if let progress = value["stage_progress"]?.numberValue, progress.isFinite {
            stageProgress = min(max(progress, 0), 100)
        }
        if let done = value["pages_done"]?.integerValue, 0...StageProgress.unitsMax ~= done { pagesDone = done }
        if let total = value["pages_total"]?.integerValue, 1...StageProgress.unitsMax ~= total { pagesTotal = total }
        if let text = value["message"]?.stringValue {
            message = String(
                String.UnicodeScalarView(
                    text.unicodeScalars.filter { $0.value >= 0x20 && !(0x7f...0x9f).contains($0.value) })
            ).cut(utf8BytesMax: Self.messageBytesMax)
        }
        if stageProgress == nil && pagesDone == nil && pagesTotal == nil && message == nil { return nil }
    }
}

/// Parts what comes out of a pipe into lines of progress. Whoever reads decides how often it is asked: what one call
/// brings is one look, of which the newest lines are taken.
package struct ProgressLines: Sendable {
    package static let lineBytesMax = 4096
    /// Of one look; of more, the newest count.
    package static let linesPerLookMax = 16

    private var line: [UInt8] = []
    /// The line is too long: it is dropped up to its end.
    private var isDropping = false

    package init() {}

    package mutating func receive(_ bytes: some Sequence<UInt8>) -> [ProgressLine] {
        var lines: [[UInt8]] = []
        var next = 0
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                if !isDropping && !line.isEmpty {
                    // A ring: a flood of lines costs no more than those that are kept.
                    if lines.count < Self.linesPerLookMax {
                        lines.append(line)
                    } else {
                        lines[next] = line
                        next = (next + 1) % Self.linesPerLookMax
                    }
                }
                line.removeAll(keepingCapacity: true)
                isDropping = false
            } else if line.count < Self.lineBytesMax {
                if !isDropping { line.append(byte) }
            } else {
                line.removeAll(keepingCapacity: true)
                isDropping = true
            }
        }
        return (lines[next...] + lines[..<next]).compactMap(ProgressLine.init)
    }
}

/// How far one stage is, in the units of the first sign of it: pages or thousandths that it tells, or the bytes of its
/// input that it has read. What comes in other units later is converted, so that a figure never loses its meaning.
package struct CommandProgress: Sendable, Equatable {
    package enum Unit: Sendable, Equatable { case pages, thousandths, bytes }

    package private(set) var unit: Unit?
    package private(set) var done: Int64 = 0
    package private(set) var total: Int64?
    package private(set) var message: String?
    /// The stage tells its progress itself: what it has read is of no interest any more.
    package private(set) var isTold = false

    package init() {}

    package mutating func told(_ line: ProgressLine) {
        if let message = line.message { self.message = message }
        guard line.stageProgress != nil || line.pagesDone != nil || line.pagesTotal != nil else { return }
        isTold = true
        if unit == nil { unit = line.pagesDone != nil || line.pagesTotal != nil ? .pages : .thousandths }
        switch unit {
        case .pages? where line.pagesDone != nil || line.pagesTotal != nil:
            total = line.pagesTotal ?? total
            grow(to: line.pagesDone ?? done)
        case .thousandths?:
            total = 1000
            fallthrough
        default:
            guard let total, let share = Self.share(line) else { return }
            grow(to: Int64(saturating: Double(total) * share))
        }
    }

    /// So much of the input has been read.
    package mutating func read(bytes: Int64, of inputBytes: Int64) {
        guard !isTold, inputBytes > 0 else { return }
        unit = .bytes
        total = inputBytes
        grow(to: min(bytes, inputBytes))
    }

    /// All of it: a stage that told nothing of itself counts as one unit.
    package var finished: CommandProgress {
        var whole = self
        whole.done = total ?? max(done, 1)
        whole.total = whole.done
        return whole
    }

    private mutating func grow(to value: Int64) { done = max(done, value) }

    private static func share(_ line: ProgressLine) -> Double? {
        if let progress = line.stageProgress { return progress / 100 }
        guard let done = line.pagesDone, let total = line.pagesTotal else { return nil }
        return min(Double(done) / Double(total), 1)
    }
}

/// The end of what a command has said, for whoever is told that it failed.
package struct LastWords: Sendable, Equatable {
    package static let bytesMax = 4096

    private var bytes: [UInt8] = []

    package init() {}

    package mutating func receive(_ more: some Collection<UInt8>) {
        bytes += more.suffix(Self.bytesMax)
        if bytes.count > Self.bytesMax { bytes.removeFirst(bytes.count - Self.bytesMax) }
    }

    package var text: String { String(decoding: bytes, as: UTF8.self) }
}
