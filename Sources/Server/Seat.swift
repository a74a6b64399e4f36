import Core
import Documents
import Hub
import Loop

/// A seat in the audience of one document: taken at its owner's, where events are made, and used on the watcher's loop.
struct Seat: Sendable {
    let document: DocumentID
    private let generation: UInt64
    /// Whether the owner keeps it: it has nothing more to tell of a terminal document.
    private(set) var isTaken: Bool

    private var topic: Topic { .document(document, generation: generation) }

    /// Asks for a seat and for what the watch begins with. In the turn of the completion it is either used (`attach`)
    /// or given back (`leave`), so that no event falls in between.
    static func take(
        _ id: DocumentID, after: WatchPosition?, on server: LoopServer,
        then completion: @escaping @Sendable (Result<(Seat, WatchStart<EncodedEvent>), DocumentRefusal>) -> Void
    ) {
        let loopIndex = server.loop.index
        server.shared.documents.ask(id, from: server.loop) { owner, answer in
            owner.join(id, after: after, loopIndex: loopIndex, then: answer)
        } then: { (result: Result<Joined, DocumentRefusal>) in
            completion(
                result.map { joined in
                    let isTaken = !joined.start.newest.isTerminal
                    return (Seat(document: id, generation: joined.generation, isTaken: isTaken), joined.start)
                })
        }
    }

    func attach(_ member: any TopicMember, on server: LoopServer) {
        guard isTaken else { return }
        server.topics.attach(member, to: topic)
        server.shared.counters.watchers.add(1)
    }

    /// Gives the seat back, used or not. A second time does nothing.
    mutating func leave(_ member: (any TopicMember)?, on server: LoopServer) {
        guard isTaken else { return }
        isTaken = false
        if let member, member.membership.isAttached {
            server.topics.detach(member, from: topic)
            server.shared.counters.watchers.add(-1)
        }
        let (id, generation, loopIndex) = (document, generation, server.loop.index)
        server.shared.documents.perform(id) { $0.leave(id, generation: generation, loopIndex: loopIndex) }
    }
}
