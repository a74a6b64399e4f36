/// One document on the screen: what is known of it, folded so that nothing shown ever goes back.
package struct ProgressRow: Equatable, Sendable {
    package enum Phase: Equatable, Sendable {
        /// Its turn has not come.
        case waiting
        /// Asked for; nothing has been heard of it.
        case connecting
        /// Bytes on their way, and nobody who says what the server makes of them.
        case sending(sentBytes: Int64, totalBytes: Int64?)
        case watching(DocumentState)
        case ended(Ending)
    }

    package struct Ending: Equatable, Sendable {
        package var status: Outcome
        /// What it came to: `1,000 pages`, `105 MB sent`, or what went wrong.
        package var words: String
        package var milliseconds: Int64
        /// Whether the server said so of the document, and not the sender of its sending.
        package var isOfDocument: Bool

        /// Whether the words say what went wrong.
        var isTrouble: Bool {
            switch status {
            case .complete, .cancelled, .interrupted: false
            default: true
            }
        }
    }

    /// Why no bytes are on their way, though not all have arrived.
    package enum Interruption: Equatable, Sendable {
        case paused
        /// Zero seconds: it is being tried now.
        case connectionLost(secondsLeft: Int64)
        case serverBusy(secondsLeft: Int64)

        package var words: String {
            switch self {
            case .paused: "paused; p goes on"
            case .connectionLost(0): "connection lost, trying again"
            case .connectionLost(let seconds): "connection lost, trying again in \(seconds) s"
            case .serverBusy(0): "the server is busy, trying again"
            case .serverBusy(let seconds): "the server is busy, trying again in \(seconds) s"
            }
        }
    }

    package struct Segment: Equatable, Sendable {
        package var name: String
        package var bar: StageBar.Segment
    }

    package private(set) var name: String
    package private(set) var phase = Phase.waiting
    package private(set) var segments: [Segment] = []
    /// The percentage in whole points: the highest seen, 100 only when complete.
    package private(set) var percent: Int?
    package var isOffline = false
    package private(set) var interruption: Interruption?
    private var rate = RateMeter()
    private var rateUnit = ""
    private var startedAtMilliseconds: Int64?

    /// `name` is shown until the server says another.
    package init(name: String) {
        self.name = TerminalText.clean(name)
    }

    package var isEnded: Bool {
        if case .ended = phase { return true }
        return false
    }

    /// Whether its figures move: it does not wait in line.
    package var isWorkedOn: Bool {
        if case .watching(let state) = phase { return state.status != .queued }
        return false
    }

    package var ratePerSecond: Double? { rate.perSecond }

    /// The row of an upload begins: how long it took counts from here.
    package mutating func startSending(totalBytes: Int64?, nowMilliseconds: Int64) {
        startedAtMilliseconds = nowMilliseconds
        phase = .sending(sentBytes: 0, totalBytes: totalBytes)
    }

    /// The sending stops; nil: it goes on. What was measured before says nothing of the rate after.
    package mutating func interrupt(_ interruption: Interruption?) {
        if self.interruption != nil && interruption == nil { rate.reset() }
        self.interruption = interruption
    }

    /// The row of a watch begins: how long it took is the server's to say.
    package mutating func startWatching() {
        if phase == .waiting { phase = .connecting }
    }

    /// The position of the sender. Left out once the server's own figures are there, which count what it has.
    package mutating func send(sentBytes: Int64, totalBytes: Int64?, nowMilliseconds: Int64) {
        guard case .sending(let before, _) = phase else { return }
        let sent = max(before, sentBytes)
        phase = .sending(sentBytes: sent, totalBytes: totalBytes)
        measure(sent, unit: "bytes", nowMilliseconds)
        guard let totalBytes, totalBytes > 0 else { return }
        let fraction = Double(sent) / Double(totalBytes)
        fold([(name: "uploading", weight: 1, fraction: fraction)])
        percent = max(percent ?? 0, min(99, Int(fraction * 100)))
    }

    package mutating func receive(_ state: DocumentState, nowMilliseconds: Int64) {
        isOffline = false
        if let known = state.name, !known.isEmpty { name = TerminalText.clean(known) }
        if case .sending = phase {  // The sender's own percentage and segment were another scale.
            percent = nil
            segments = []
        }
        percent = state.status == .complete ? 100 : max(percent ?? 0, min(99, Int(state.progress)))
        fold(StageWeights.segments(of: state))
        if state.status == .uploading {
            measure(state.bytesReceived ?? 0, unit: "bytes", nowMilliseconds)
        } else if let pages = StageWords.current(of: state)?.done {
            measure(pages, unit: state.stage ?? "", nowMilliseconds)
        }
        if state.status != .uploading { interruption = nil }
        phase = .watching(state)
        if state.status.isTerminal {
            let own = startedAtMilliseconds.map { nowMilliseconds - $0 }
            let ending = Ending(
                status: Outcome(state.status), words: StageWords.ending(of: state),
                milliseconds: own ?? state.ageMilliseconds ?? 0, isOfDocument: true)
            phase = .ended(ending)
        }
    }

    /// The end that did not come from the server: accepted, refused, unreachable.
    package mutating func end(_ status: Outcome, words: String, nowMilliseconds: Int64) {
        let milliseconds = startedAtMilliseconds.map { nowMilliseconds - $0 } ?? 0
        let words = TerminalText.clean(words)
        interruption = nil
        phase = .ended(Ending(status: status, words: words, milliseconds: milliseconds, isOfDocument: false))
    }

    private mutating func measure(_ count: Int64, unit: String, _ nowMilliseconds: Int64) {
        if unit != rateUnit { rate.reset() }
        rateUnit = unit
        rate.record(count, nowMilliseconds: nowMilliseconds)
    }

    private mutating func fold(_ newer: [(name: String, weight: Int, fraction: Double)]) {
        let before = segments
        segments = newer.map { part in
            let highest = before.first { $0.name == part.name }?.bar.fraction ?? 0
            return Segment(
                name: part.name, bar: .init(weight: part.weight, fraction: min(1, max(highest, part.fraction))))
        }
    }
}

/// How wide a stage's segment is. The server weighs stages itself and may learn better weights; the widths here are
/// its first ones and only a picture: the percentage is the server's.
enum StageWeights {
    static let uploadWeight = 20

    static func segments(of state: DocumentState) -> [(name: String, weight: Int, fraction: Double)] {
        let hasArrived = state.status != .uploading
        var uploadFraction = hasArrived ? 1.0 : 0.0
        if !hasArrived, let received = state.bytesReceived, let total = state.bytesTotal, total > 0 {
            uploadFraction = min(0.999, Double(received) / Double(total))
        }
        let known = ["extracting": 50, "recognizing": 50, "chunking": 5, "embedding": 25]
        var stages = state.stages.filter { $0.name != "uploading" && $0.name != "queued" }
        if stages.isEmpty {
            // Before the pipeline has said its stages, those of most documents keep the picture steady.
            stages = ["extracting", "chunking", "embedding"].map { .init(name: $0, done: 0, total: nil) }
        }
        let others = 80 / stages.count
        return [(name: "uploading", weight: uploadWeight, fraction: uploadFraction)]
            + stages.map { stage in
                let fraction: Double
                if state.status == .complete {
                    fraction = 1
                } else if let total = stage.total, total > 0 {
                    fraction = Double(stage.done) / Double(total)
                } else {
                    fraction = 0
                }
                return (name: stage.name, weight: known[stage.name] ?? others, fraction: fraction)
            }
    }
}
