/// Progress for logs and pipes: a line for each new stage, at most one every five seconds in between, one for the end.
package struct PlainReport {
    private var lastKey = ""
    private var lastLine = ""
    private var lastMilliseconds: Int64 = 0

    package static let intervalMilliseconds: Int64 = 5000

    package init() {}

    /// The line to print now, if one is due.
    package mutating func line(for row: ProgressRow, nowMilliseconds: Int64) -> String? {
        let (key, words) = Self.describe(row)
        guard let words else { return nil }
        let line = "\(row.name): \(words)"
        if key == lastKey {
            let isDue = nowMilliseconds - lastMilliseconds >= Self.intervalMilliseconds && line != lastLine
            if !isDue || row.isEnded { return nil }
        }
        lastKey = key
        lastLine = line
        lastMilliseconds = nowMilliseconds
        return line
    }

    /// What makes a line worth its place at once, and the line.
    private static func describe(_ row: ProgressRow) -> (key: String, words: String?) {
        let percent = row.percent.map { "\($0)%, " } ?? ""
        if let interruption = row.interruption {
            return ("interrupted \(interruption.kind)", percent + interruption.words)
        }
        switch row.phase {
        case .waiting, .connecting:
            return ("waiting", nil)
        case .sending(let sent, let total):
            return ("uploading", percent + StageWords(sentBytes: sent, totalBytes: total).long)
        case .watching(let state):
            let words = percent + StageWords(state).long + remaining(of: state)
            if state.status == .uploading { return ("uploading", words) }
            return ("\(state.status.text) \(state.stage ?? "") \(state.attempt)", words)
        case .ended(let ending):
            let took = Wording.duration(milliseconds: ending.milliseconds)
            switch ending.status {
            case .complete: return ("ended", "\(ending.isOfDocument ? "complete, " : "")\(ending.words) in \(took)")
            case .cancelled, .failed: return ("ended", "\(ending.words) after \(took)")
            default: return ("ended", ending.words)
            }
        }
    }

    private static func remaining(of state: DocumentState) -> String {
        guard state.status == .processing || state.status == .uploading, let low = state.etaLowSeconds,
            let high = state.etaHighSeconds
        else { return "" }
        return ", about \(Wording.remaining(lowSeconds: low, highSeconds: high, dash: "-")) left"
    }
}

extension ProgressRow.Interruption {
    /// What makes another line of it: not the seconds.
    fileprivate var kind: String {
        switch self {
        case .paused: "paused"
        case .connectionLost: "connection"
        case .serverBusy: "server"
        }
    }
}
