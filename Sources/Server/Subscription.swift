import Core
import Documents
import Hub
import Loop

/// A watcher's place in a document's audience, from the first state to its end.
final class Subscription: @unchecked Sendable {
    let document: DocumentID
    let server: LoopServer
    private var isAttached = false
    private weak var watcher: (any Watcher)?

    private init(_ document: DocumentID, _ server: LoopServer) {
        self.document = document
        self.server = server
    }

    /// Joins the audience; the completion, on the server's loop, gets the state to begin with. It must attach a watcher
    /// in the same turn, so that no event falls in between, or leave.
    static func begin(
        _ id: DocumentID, on server: LoopServer,
        then completion: @escaping @Sendable (Result<(EncodedEvent, Subscription), DocumentRefusal>) -> Void
    ) {
        let loopIndex = server.loop.index
        server.shared.documents.ask(id, from: server.loop) { owner, answer in
            owner.join(id, loopIndex: loopIndex, then: answer)
        } then: { (result: Result<EncodedEvent, DocumentRefusal>) in
            completion(
                result.map { event in
                    let subscription = Subscription(id, server)
                    subscription.isAttached = !event.isTerminal
                    return (event, subscription)
                })
        }
    }

    func attach(_ watcher: any Watcher) {
        guard isAttached else { return }
        self.watcher = watcher
        server.shared.hub.watchers(of: server.loop).attach(watcher, to: document)
        server.shared.counters.watchers.add(1)
    }

    func leave() {
        guard isAttached else { return }
        isAttached = false
        if let watcher {
            _ = server.shared.hub.watchers(of: server.loop).detach(watcher, from: document)
            server.shared.counters.watchers.add(-1)
        }
        let (id, loopIndex) = (document, server.loop.index)
        server.shared.documents.perform(id) { $0.leave(id, loopIndex: loopIndex) }
    }
}
