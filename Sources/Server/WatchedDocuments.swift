import Core
import Documents
import Hub
import Loop
import Wire

// Theory of operation
//
// One connection watches many documents. Each has a seat of its own in its document's audience, and `*` has one with
// every owner. An order to subscribe is answered as a whole: until every owner has answered, what comes for the new
// seats is held, so that the reader gets the acknowledgement, then each document's state, then what follows.

/// Who reads what is watched. Called on the loop.
protocol WatchedDocumentsReader: AnyObject {
    /// The part of an order that was carried out, in its order, and the documents that are not there.
    func subscribed(_ names: [String], refused: [(name: String, problem: Problem)])
    func take(_ start: WatchStart<EncodedEvent>)
    func take(_ run: EventRun)
}

/// The documents that one connection watches.
final class WatchedDocuments: @unchecked Sendable {
    /// Documents a connection may watch by name.
    static let documentsMax = 1000
    /// Unfinished documents told at the beginning of `*`: the newest. Older ones are heard of when something happens.
    static let everythingStartMax = 500

    private let server: LoopServer
    private unowned let reader: any WatchedDocumentsReader
    private var members: [DocumentID: Member] = [:]
    private var everything: [EveryMember] = []
    private var isOver = false

    init(_ server: LoopServer, reader: any WatchedDocumentsReader) {
        self.server = server
        self.reader = reader
    }

    var isEmpty: Bool { members.isEmpty && everything.isEmpty }

    // MARK: Orders

    /// Carries an order out and tells the reader.
    func subscribe(_ targets: [SubscribeRequest.Target]) {
        guard !targets.isEmpty else { return reader.subscribed([], refused: []) }
        let order = Order(remaining: targets.count)
        for target in targets {
            switch target {
            case .everything: subscribeToEverything(order)
            case .document(let name, let after): subscribe(name, after: after, order)
            }
        }
    }

    private func subscribe(_ name: String, after: String?, _ order: Order) {
        let index = order.add(name)
        guard let id = DocumentID(name) else { return finish(order, index, .failure(.notFound)) }
        guard members.count < Self.documentsMax || members[id] != nil else {
            return finish(order, index, .failure(.tooManyWatched))
        }
        // Asked for again: the old seat is given back, and the watch begins anew.
        drop(id)
        let member = Member(id, self)
        members[id] = member
        Seat.take(id, after: WatchRoutes.resumePoint(after), on: server) { [self] result in
            switch result {
            case .failure(let refusal):
                if members[id] === member { members[id] = nil }
                finish(order, index, .failure(Problem(refusal)))
            case .success((var seat, let start)):
                // Unsubscribed, or gone, before the answer came.
                guard !isOver, members[id] === member else {
                    seat.leave(nil, on: server)
                    return finish(order, index, .success([]))
                }
                member.take(seat)
                if !seat.isTaken { members[id] = nil }
                finish(order, index, .success([start]), member)
            }
        }
    }

    private func subscribeToEverything(_ order: Order) {
        let index = order.add("*")
        dropEverything()
        let owners = server.shared.documents.loops.count
        let gathering = EveryGathering(remaining: owners)
        let loopIndex = server.loop.index
        for owner in 0..<owners {
            let member = EveryMember(owner, self)
            everything.append(member)
            server.shared.documents.perform(ownerIndex: owner) { [self] documentOwner in
                let states = documentOwner.joinEvery(loopIndex: loopIndex)
                server.loop.perform { [self] in
                    if !isOver && everything.contains(where: { $0 === member }) {
                        member.attach()
                    } else {
                        server.shared.documents.perform(ownerIndex: owner) { $0.leaveEvery(loopIndex: loopIndex) }
                    }
                    gathering.states += states
                    gathering.remaining -= 1
                    guard gathering.remaining == 0 else { return }
                    let newest = gathering.states.sorted { $0.document > $1.document }.prefix(Self.everythingStartMax)
                    let starts = newest.reversed().map { WatchStart(events: [$0], recovered: nil) }
                    finish(order, index, .success(starts), everything)
                }
            }
        }
    }

    func unsubscribe(_ targets: [SubscribeRequest.Target]) {
        for target in targets {
            switch target {
            case .everything: dropEverything()
            case .document(let name, _): if let id = DocumentID(name) { drop(id) }
            }
        }
    }

    /// Gives every seat back; nothing is told any more.
    func leave() {
        isOver = true
        for id in Array(members.keys) { drop(id) }
        dropEverything()
    }

    private func drop(_ id: DocumentID) {
        members.removeValue(forKey: id)?.leave()
    }

    private func dropEverything() {
        let dropped = everything
        everything = []
        for member in dropped { member.leave() }
    }

    private func finish(
        _ order: Order, _ index: Int, _ result: Result<[WatchStart<EncodedEvent>], Problem>,
        _ seats: any HeldMember...
    ) {
        finish(order, index, result, seats)
    }

    private func finish(
        _ order: Order, _ index: Int, _ result: Result<[WatchStart<EncodedEvent>], Problem>,
        _ seats: [any HeldMember]
    ) {
        order.seats += seats
        guard order.finish(index, result), !isOver else { return }
        var (names, refused): ([String], [(name: String, problem: Problem)]) = ([], [])
        for entry in order.entries {
            switch entry.result {
            case .success?: names.append(entry.name)
            case .failure(let problem)?: refused.append((entry.name, problem))
            case nil: break
            }
        }
        reader.subscribed(names, refused: refused)
        for entry in order.entries {
            guard case .success(let starts)? = entry.result else { continue }
            for start in starts where !isOver { reader.take(start) }
        }
        for seat in order.seats { seat.release() }
    }

    // MARK: Events

    fileprivate func take(_ run: EventRun, of member: Member) {
        guard !isOver else { return }
        if run.newest.isTerminal { drop(member.id) }
        reader.take(run)
    }

    /// What is watched by name is told by that seat alone.
    fileprivate func takeOfEverything(_ run: EventRun) {
        guard !isOver else { return }
        if members.isEmpty { return reader.take(run) }
        let rest = run.events.filter { members[$0.document] == nil }
        if rest.count == run.events.count { return reader.take(run) }
        if !rest.isEmpty { reader.take(EventRun(rest[...], server.topics.compressors)) }
    }

    // MARK: Parts

    /// A member that holds what comes until its order is answered.
    fileprivate protocol HeldMember: AnyObject {
        func release()
    }

    fileprivate final class Member: TopicMember, HeldMember, @unchecked Sendable {
        let id: DocumentID
        var membership = Membership()
        private unowned let watched: WatchedDocuments
        private var seat: Seat?
        private var held: [EncodedEvent]? = []

        init(_ id: DocumentID, _ watched: WatchedDocuments) {
            self.id = id
            self.watched = watched
        }

        func take(_ seat: Seat) {
            self.seat = seat
            seat.attach(self, on: watched.server)
        }

        func deliver(_ run: EventRun) {
            if held != nil { held?.append(contentsOf: run.events) } else { watched.take(run, of: self) }
        }

        func release() {
            let events = held ?? []
            held = nil
            if !events.isEmpty { watched.take(EventRun(events[...], watched.server.topics.compressors), of: self) }
        }

        func leave() {
            seat?.leave(self, on: watched.server)
            seat = nil
        }
    }

    fileprivate final class EveryMember: TopicMember, HeldMember, @unchecked Sendable {
        var membership = Membership()
        private let owner: Int
        private unowned let watched: WatchedDocuments
        private var held: [EncodedEvent]? = []

        init(_ owner: Int, _ watched: WatchedDocuments) {
            self.owner = owner
            self.watched = watched
        }

        func attach() {
            watched.server.topics.attach(self, to: .everyDocument(owner: owner))
            watched.server.shared.counters.watchers.add(1)
        }

        func deliver(_ run: EventRun) {
            if held != nil { held?.append(contentsOf: run.events) } else { watched.takeOfEverything(run) }
        }

        func release() {
            let events = held ?? []
            held = nil
            if !events.isEmpty { watched.takeOfEverything(EventRun(events[...], watched.server.topics.compressors)) }
        }

        func leave() {
            // One that is not attached yet gives its seat back when the owner's answer comes.
            guard membership.isAttached else { return }
            let server = watched.server
            server.topics.detach(self, from: .everyDocument(owner: owner))
            server.shared.counters.watchers.add(-1)
            let loopIndex = server.loop.index
            server.shared.documents.perform(ownerIndex: owner) { $0.leaveEvery(loopIndex: loopIndex) }
        }
    }

    private final class EveryGathering: @unchecked Sendable {
        var remaining: Int
        var states: [EncodedEvent] = []
        init(remaining: Int) { self.remaining = remaining }
    }

    /// One order on its way: its entries and what became of each.
    private final class Order: @unchecked Sendable {
        var entries: [(name: String, result: Result<[WatchStart<EncodedEvent>], Problem>?)] = []
        var seats: [any HeldMember] = []
        private var remaining: Int

        init(remaining: Int) { self.remaining = remaining }

        func add(_ name: String) -> Int {
            entries.append((name, nil))
            return entries.count - 1
        }

        /// Whether that was the last one.
        func finish(_ index: Int, _ result: Result<[WatchStart<EncodedEvent>], Problem>) -> Bool {
            entries[index].result = result
            remaining -= 1
            return remaining == 0
        }
    }
}
