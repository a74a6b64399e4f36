/// What a watch of all documents knows of each: which states are news, and whom to ask after a gap.
///
/// A stream of all documents begins with the state of every one that has not ended, and then tells every event. What
/// ended while no connection stood is in neither. So pass each new connection to `connected`, and give it a moment to
/// tell what it begins with. Then look through the newest documents for those that `cameInGap`, and ask for those that
/// `unheard` names: their states go through `receive` too, and `remove` is for those that are no longer there.
package struct OpenDocuments {
    private struct Known {
        var epoch: String?
        var offset: Int64?
        var isHeard = true
    }

    private var open: [String: Known] = [:]
    private var order: [String] = []
    /// The latest that ended, so that an end that is told twice is one end.
    private var ended: [String: Known] = [:]
    private var endedOrder: [String] = []

    /// The server's time as far as was told, and as it was when the present connection began.
    private var latestMilliseconds: Int64?
    private var gapBeganMilliseconds: Int64?

    package static let endedMax = 1000

    package init() {}

    /// In the order they came.
    package var ids: [String] { order }

    /// Whether the state tells something new. A terminal one takes its document out.
    package mutating func receive(_ state: DocumentState) -> Bool {
        if let updated = state.updatedAt?.milliseconds {
            latestMilliseconds = max(latestMilliseconds ?? updated, updated)
        }
        let new = Known(epoch: state.epoch, offset: state.offset)
        let known = open[state.id] ?? ended[state.id]
        if open[state.id] != nil { open[state.id]?.isHeard = true }
        if let known, !Self.isNewer(new, than: known) { return false }
        if state.status.isTerminal {
            remove(state.id)
            rememberEnd(of: state.id, new)
        } else {
            ended[state.id] = nil
            if open.updateValue(new, forKey: state.id) == nil { order.append(state.id) }
        }
        return true
    }

    package mutating func remove(_ id: String) {
        if open.removeValue(forKey: id) != nil { order.removeAll { $0 == id } }
    }

    /// Another connection stands, and has told nothing yet.
    package mutating func connected() {
        for id in order { open[id]?.isHeard = false }
        gapBeganMilliseconds = latestMilliseconds
    }

    /// Whether there was something before the present connection, so that there can be a gap before it.
    package var hasGap: Bool { gapBeganMilliseconds != nil }

    /// Whether this document came to be, so far as the server's clock says, while no connection stood or later.
    package func cameInGap(_ state: DocumentState) -> Bool {
        guard let began = gapBeganMilliseconds, let created = state.createdAt?.milliseconds else { return false }
        return created > began
    }

    /// Open as far as was told, and not mentioned since the last `connected`.
    package var unheard: [String] { order.filter { open[$0]?.isHeard == false } }

    /// Offsets count within an epoch; without them every state is news.
    private static func isNewer(_ new: Known, than known: Known) -> Bool {
        guard new.epoch == known.epoch, let newOffset = new.offset, let offset = known.offset else { return true }
        return newOffset > offset
    }

    private mutating func rememberEnd(of id: String, _ known: Known) {
        if ended.updateValue(known, forKey: id) == nil { endedOrder.append(id) }
        while endedOrder.count > Self.endedMax { ended[endedOrder.removeFirst()] = nil }
    }
}
