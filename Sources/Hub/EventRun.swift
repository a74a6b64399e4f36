import Core
import Loop

/// What one topic has for a watcher since it was last served: usually one event, several when they came faster than the
/// watchers could be served. The bytes of several are joined once and shared by all who are at the same place.
package final class EventRun {
    package let events: [EncodedEvent]
    package let newest: EncodedEvent
    private let compressors: LoopCompressors
    private var lastForm: EventForm?
    private var lastBytes: SharedBytes?
    private var otherForms: [EventForm: SharedBytes] = [:]

    /// What must be told of `events`: a tick is left out when a later event of its document is here too.
    package convenience init(_ events: ArraySlice<EncodedEvent>, _ compressors: LoopCompressors) {
        self.init(every: events.count == 1 ? Array(events) : Self.withoutSuperseded(events), compressors)
    }

    /// All of `events`, as a watch that is resumed is told them.
    package init(every events: [EncodedEvent], _ compressors: LoopCompressors) {
        precondition(!events.isEmpty, "a run has something to tell")
        self.events = events
        newest = events[events.count - 1]
        self.compressors = compressors
    }

    private static func withoutSuperseded(_ events: ArraySlice<EncodedEvent>) -> [EncodedEvent] {
        var seen: Set<DocumentID> = []
        var kept: [EncodedEvent] = []
        for event in events.reversed() {
            if !seen.insert(event.document).inserted && event.weight == .tick { continue }
            kept.append(event)
        }
        return kept.reversed()
    }

    /// All events in one piece.
    package func bytes(_ form: EventForm) -> SharedBytes {
        if form == lastForm, let lastBytes { return lastBytes }
        let found: SharedBytes
        if events.count == 1 {
            found = events[0].bytes(form, compressors)
        } else if let known = otherForms[form] {
            found = known
        } else {
            found = SharedBytes(joining: events.map { $0.bytes(form, compressors) })
            otherForms[form] = found
        }
        (lastForm, lastBytes) = (form, found)
        return found
    }

    /// The newest event alone.
    package func newestBytes(_ form: EventForm) -> SharedBytes { newest.bytes(form, compressors) }
}
