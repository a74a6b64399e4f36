import Core
import Documents
import Hub
import Loop
import Wire

// Theory of operation
//
// One connection watches many documents. Each has a seat of its own in its document's audience, and `*` and `mine` have
// one with every owner. An order to subscribe is answered as a whole: until every owner has answered, what comes for
// the new seats is held, so that the reader gets the acknowledgement, then each document's state, then what follows.

/// Who reads what is watched. Called on the loop.
protocol WatchedDocumentsReader: AnyObject {
    /// The part of an order that was carried out, in its order, and the documents that are not there.
    func subscribed(_ names: [String], refused: [(name: String, problem: Problem)])
    func take(_ start: WatchStart<EncodedEvent>)
    func take(_ run: EventRun)
    /// The order is carried out: what it began with has been told.
    func answered()
    /// The document is not watched any more, or anew: what waits of it is not wanted.
    func forget(_ document: DocumentID)
}

/// The documents that one connection watches.
final class WatchedDocuments: @unchecked Sendable {
    /// Documents a connection may watch by name.
    static let documentsMax = 1000
    /// Unfinished documents told at the beginning of `*` or `mine`: the newest. Older ones are heard of when something
    /// happens.
    static let groupStartMax = 500

    private let server: LoopServer
    private let caller: Caller
    private weak var reader: (any WatchedDocumentsReader)?
    private var members: [DocumentID: Member] = [:]
    private var groups: [DocumentGroup: [GroupMember]] = [:]
    /// How far each document that was named has been told: `*` and `mine` must not tell it again, nor older.
    private var told: [DocumentID: WatchPosition] = [:]
    private var isOver = false

    init(_ server: LoopServer, for caller: Caller, reader: any WatchedDocumentsReader) {
        self.server = server
        self.caller = caller
        self.reader = reader
    }

    var isEmpty: Bool { members.isEmpty && groups.isEmpty }

    // MARK: Orders

    /// Carries an order out and tells the reader.
    func subscribe(_ wanted: [SubscribeRequest.Target]) {
        let targets = Self.withoutRepeated(wanted)
        guard !targets.isEmpty else {
            reader?.subscribed([], refused: [])
            reader?.answered()
            return
        }
        let order = Order(remaining: targets.count)
        for target in targets {
            switch target {
            case .everything: subscribe(to: .all, named: "*", caller.refusal(for: .watchAll), order)
            case .mine: subscribe(to: .made(by: caller.subject ?? ""), named: "mine", caller.subjectRefusal, order)
            case .document(let name, let after): subscribe(name, after: after, order)
            }
        }
    }

    /// A document named twice in one order is watched once, from where it was named last.
    private static func withoutRepeated(_ targets: [SubscribeRequest.Target]) -> [SubscribeRequest.Target] {
        var seen: Set<String> = []
        let kept = targets.reversed().filter { target in
            switch target {
            case .everything: seen.insert("*").inserted
            case .mine: seen.insert("mine").inserted
            case .document(let name, _): seen.insert(DocumentID(name)?.description ?? name).inserted
            }
        }
        return kept.reversed()
    }

    private func subscribe(_ name: String, after: String?, _ order: Order) {
        let index = order.add(name)
        guard let id = DocumentID(name) else { return finish(order, index, .failure(.notFound)) }
        guard members.count < Self.documentsMax || members[id] != nil else {
            return finish(order, index, .failure(.tooManyWatched))
        }
        // Asked for again: the old seat is given back, and the watch begins anew.
        drop(id)
        forget(id)
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

    private func subscribe(
        to group: DocumentGroup, named name: String, _ refusal: AccessRefusal?, _ order: Order
    ) {
        let index = order.add(name, isGroup: true)
        if let refusal { return finish(order, index, .failure(Problem(refusal))) }
        // Watched already: nothing begins anew.
        guard groups[group] == nil else { return finish(order, index, .success([])) }
        let owners = server.shared.documents.loops.count
        let gathering = GroupGathering(remaining: owners)
        let loopIndex = server.loop.index
        let members = (0..<owners).map { GroupMember(group, owner: $0, self) }
        groups[group] = members
        for (owner, member) in members.enumerated() {
            server.shared.documents.perform(ownerIndex: owner) { [self] documentOwner in
                let states = documentOwner.join(group, loopIndex: loopIndex)
                server.loop.perform { [self] in
                    if !isOver && groups[group]?.contains(where: { $0 === member }) == true {
                        member.attach()
                    } else {
                        server.shared.documents.perform(ownerIndex: owner) { $0.leave(group, loopIndex: loopIndex) }
                    }
                    gathering.states += states
                    gathering.remaining -= 1
                    guard gathering.remaining == 0 else { return }
                    let newest = gathering.states.sorted { $0.document > $1.document }.prefix(Self.groupStartMax)
                    let starts = newest.reversed().map { WatchStart(events: [$0], recovered: nil) }
                    finish(order, index, .success(starts), members)
                }
            }
        }
    }

    func unsubscribe(_ targets: [SubscribeRequest.Target]) {
        for target in targets {
            switch target {
            case .everything: drop(.all)
            case .mine: caller.subject.map { drop(.made(by: $0)) }
            case .document(let name, _):
                guard let id = DocumentID(name) else { continue }
                drop(id)
                // Who watches a group that it is of still wants what waits of it, its end above all.
                if groups.isEmpty { forget(id) }
            }
        }
    }

    /// Gives every seat back; nothing is told any more.
    func leave() {
        isOver = true
        for id in Array(members.keys) { drop(id) }
        for group in Array(groups.keys) { drop(group) }
    }

    private func drop(_ id: DocumentID) {
        members.removeValue(forKey: id)?.leave()
    }

    private func forget(_ id: DocumentID) {
        told[id] = nil
        reader?.forget(id)
    }

    private func drop(_ group: DocumentGroup) {
        for member in groups.removeValue(forKey: group) ?? [] { member.leave() }
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
        reader?.subscribed(names, refused: refused)
        for entry in order.entries {
            guard case .success(let starts)? = entry.result else { continue }
            for start in starts where !isOver {
                if entry.isGroup && isTold(start.newest) { continue }
                if !entry.isGroup || hasOverlap { note(start.newest) }
                reader?.take(start)
            }
        }
        for seat in order.seats { seat.release() }
        reader?.answered()
    }

    // MARK: Events

    fileprivate func take(_ run: EventRun, of member: Member) {
        guard !isOver else { return }
        if run.newest.isTerminal { drop(member.id) }
        note(run.newest)
        reader?.take(run)
    }

    /// `*` and `mine` are both watched: of what both have, the first to come is told.
    private var hasOverlap: Bool { groups.count > 1 }

    /// What is watched by name is told by that seat alone.
    fileprivate func takeOfGroup(_ run: EventRun) {
        guard !isOver else { return }
        let rest = run.events.filter { !isTold($0) }
        if hasOverlap { for event in rest { note(event) } }
        if rest.count == run.events.count {
            reader?.take(run)
        } else if !rest.isEmpty {
            reader?.take(EventRun(every: rest, server.topics.compressors))
        }
    }

    /// Remembers how far a document that was named is told. Of those that have ended, so many are remembered as may be
    /// watched.
    private func note(_ event: EncodedEvent) {
        told[event.document] = event.position
        if told.count > 2 * Self.documentsMax { told = told.filter { members[$0.key] != nil } }
    }

    /// Whether a seat of its own tells this event, or has told it or a newer one.
    private func isTold(_ event: EncodedEvent) -> Bool {
        if members[event.document]?.hasSeat == true { return true }
        guard let position = told[event.document] else { return false }
        return position.epoch == event.position.epoch && position.offset >= event.position.offset
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

        var hasSeat: Bool { seat?.isTaken ?? false }

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

    fileprivate final class GroupMember: TopicMember, HeldMember, @unchecked Sendable {
        var membership = Membership()
        private let group: DocumentGroup
        private let owner: Int
        private unowned let watched: WatchedDocuments
        private var held: [EncodedEvent]? = []

        init(_ group: DocumentGroup, owner: Int, _ watched: WatchedDocuments) {
            self.group = group
            self.owner = owner
            self.watched = watched
        }

        private var topic: Topic { .group(group, owner: owner) }

        func attach() {
            watched.server.topics.attach(self, to: topic)
            watched.server.shared.counters.watchers.add(1)
        }

        func deliver(_ run: EventRun) {
            if held != nil { held?.append(contentsOf: run.events) } else { watched.takeOfGroup(run) }
        }

        func release() {
            let events = held ?? []
            held = nil
            if !events.isEmpty { watched.takeOfGroup(EventRun(events[...], watched.server.topics.compressors)) }
        }

        func leave() {
            // One that is not attached yet gives its seat back when the owner's answer comes.
            guard membership.isAttached else { return }
            let server = watched.server
            server.topics.detach(self, from: topic)
            server.shared.counters.watchers.add(-1)
            let (group, loopIndex) = (group, server.loop.index)
            server.shared.documents.perform(ownerIndex: owner) { $0.leave(group, loopIndex: loopIndex) }
        }
    }

    private final class GroupGathering: @unchecked Sendable {
        var remaining: Int
        var states: [EncodedEvent] = []
        init(remaining: Int) { self.remaining = remaining }
    }

    /// One order on its way: its entries and what became of each.
    private final class Order: @unchecked Sendable {
        var entries: [(name: String, isGroup: Bool, result: Result<[WatchStart<EncodedEvent>], Problem>?)] = []
        var seats: [any HeldMember] = []
        private var remaining: Int

        init(remaining: Int) { self.remaining = remaining }

        func add(_ name: String, isGroup: Bool = false) -> Int {
            entries.append((name, isGroup, nil))
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
