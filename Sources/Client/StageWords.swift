/// What is happening to a document, in words a person uses, in three lengths.
package struct StageWords: Equatable, Sendable {
    /// reading page 61 of 1,000
    package var long: String
    /// page 61 of 1,000
    package var short: String
    /// 61/1,000
    package var count: String
    /// What the rate counts, with its leading space: ` pages/s`; nil where a rate says nothing.
    package var rateUnit: String?

    package init(_ state: DocumentState) {
        let again = state.attempt > 1 ? ", attempt \(state.attempt)" : ""
        switch state.status {
        case .uploading:
            self = Self(sentBytes: state.bytesReceived ?? 0, totalBytes: state.bytesTotal)
        case .queued where state.attempt > 1:
            self = Self(long: "waiting to try again\(again)", short: "waiting\(again)", count: "waiting", rateUnit: nil)
        case .queued:
            let place = state.queuePosition.flatMap { $0 > 0 ? ", number \(Wording.count($0)) in line" : nil }
            self = Self(
                long: "waiting for a worker\(place ?? "")", short: "waiting\(place ?? "")", count: "waiting",
                rateUnit: nil)
        case .processing, .other:
            self = Self(working: state, again: again)
        case .complete, .failed, .cancelled:
            let words = Self.ending(of: state)
            self = Self(long: words, short: words, count: words, rateUnit: nil)
        }
    }

    package init(sentBytes: Int64, totalBytes: Int64?) {
        guard let totalBytes else {
            let sent = Wording.bytes(sentBytes)
            self = Self(long: "uploading \(sent)", short: sent, count: sent, rateUnit: "/s")
            return
        }
        let both = Wording.bytes(sentBytes, of: totalBytes)
        self = Self(long: "uploading \(both)", short: both, count: Wording.bytes(sentBytes), rateUnit: "/s")
    }

    private init(long: String, short: String, count: String, rateUnit: String?) {
        self.long = long
        self.short = short
        self.count = count
        self.rateUnit = rateUnit
    }

    private init(working state: DocumentState, again: String) {
        guard let current = Self.current(of: state), current.done > 0 else {
            // A worker's own remark says more than the stage's name, where there is no page to tell.
            let remark = state.message.map(TerminalText.clean).flatMap { $0.isEmpty ? nil : $0 }
            let isOpening = state.stage == "extracting" && !Self.hasBegun(state)
            let words = remark ?? (isOpening ? "opening the document" : Self.verb(of: state.stage))
            self = Self(long: words + again, short: words + again, count: words, rateUnit: nil)
            return
        }
        let done = Wording.count(current.done)
        guard let total = current.total, total >= current.done else {
            self = Self(
                long: "\(Self.verb(of: state.stage)) page \(done)\(again)", short: "page \(done)", count: done,
                rateUnit: " pages/s")
            return
        }
        let all = Wording.count(total)
        self = Self(
            long: "\(Self.verb(of: state.stage)) page \(done) of \(all)\(again)", short: "page \(done) of \(all)",
            count: "\(done)/\(all)", rateUnit: " pages/s")
    }

    /// Pages of the stage that is the document's present one; nil where the document has no pages: stages then count in
    /// units of their own, which say nothing to a person.
    static func current(of state: DocumentState) -> (done: Int64, total: Int64?)? {
        guard state.pagesDone != nil || state.pagesTotal != nil else { return nil }
        if let stage = state.stages.first(where: { $0.name == state.stage }) { return (stage.done, stage.total) }
        return state.pagesDone.map { ($0, state.pagesTotal) }
    }

    /// Whether the present stage has done anything, also where it counts in what says nothing to a person.
    private static func hasBegun(_ state: DocumentState) -> Bool {
        state.stages.contains { $0.name == state.stage && $0.done > 0 }
    }

    private static func verb(of stage: String?) -> String {
        switch stage {
        case nil: "working"
        case "extracting": "reading"
        case .some(let name): TerminalText.clean(name)
        }
    }

    /// What a terminal state comes to: `1,000 pages`, or what went wrong.
    package static func ending(of state: DocumentState) -> String {
        switch state.status {
        case .failed:
            guard let failure = state.failure else { return "failed" }
            let code = TerminalText.clean(failure.code)
            guard let detail = failure.detail.map(TerminalText.clean), !detail.isEmpty else { return "failed: \(code)" }
            return "failed: \(detail) (\(code))"
        case .cancelled:
            return "cancelled"
        default:
            if let pages = state.pagesTotal ?? state.pagesDone, pages > 0 { return Wording.plural(pages, "page") }
            return state.bytesTotal.map(Wording.bytes) ?? "complete"
        }
    }
}
