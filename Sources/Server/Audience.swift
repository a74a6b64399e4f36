import Core
import Documents
import Hub
import Loop

/// A seat in the audience of one document: taken at its owner's, where events are made, and used on the watcher's loop.
struct Seat {
    let document: DocumentID

    /// Asks for a seat and for what the watch begins with. In the turn of the completion it is either used (`attach`) or
    /// given back (`leave`), so that no event falls in between. A terminal document has no audience: see `isTaken`.
    static func take(
        _ id: DocumentID, after: WatchPosition?, on server: LoopServer,
        then completion: @escaping @Sendable (Result<WatchStart<EncodedEvent>, DocumentRefusal>) -> Void
    ) {
        let loopIndex = server.loop.index
        server.shared.documents.ask(id, from: server.loop) { owner, answer in
            owner.join(id, after: after, loopIndex: loopIndex, then: answer)
        } then: {
            completion($0)
        }
    }

    func attach(_ member: any TopicMember, on server: LoopServer) {
        server.topics.attach(member, to: .document(document))
        server.shared.counters.watchers.add(1)
    }

    /// Gives the seat back, used or not.
    func leave(_ member: (any TopicMember)?, on server: LoopServer) {
        if let member, member.membership.isAttached {
            server.topics.detach(member, from: .document(document))
            server.shared.counters.watchers.add(-1)
        }
        let (id, loopIndex) = (document, server.loop.index)
        server.shared.documents.perform(id) { $0.leave(id, loopIndex: loopIndex) }
    }
}

extension WatchStart<EncodedEvent> {
    var newest: EncodedEvent { events[events.count - 1] }
    /// Whether the owner keeps a seat: it has nothing more to tell of a terminal document.
    var isTaken: Bool { !newest.isTerminal }

    /// The first event as the watch's first message, which says whether something was missed.
    var firstJSON: [UInt8]? {
        recovered.map { events[0].json(adding: "recovered", Array(($0 ? "true" : "false").utf8)) }
    }
}
