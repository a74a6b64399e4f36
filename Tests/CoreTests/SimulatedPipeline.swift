@testable import Core

/// The line and its workers, which follow the real ones: a slot leases, opens files, works page by page, and tells what
/// became of it. Which run goes on next, and what befalls it, is left to the schedule.
final class SimulatedPipeline {
    final class Slot {
        enum State {
            case free
            case leasing(DocumentID)
            case running(SimulatedWorkRun)
        }

        var state = State.free
    }

    private unowned let world: WorkWorld
    private let process: SimulatedProcess
    private(set) var line = WaitingLine()
    private var fairness = FairnessAccount()
    let slots: [Slot]
    let settings: String
    var breaker = CircuitBreaker()

    init(_ world: WorkWorld, _ process: SimulatedProcess, workers: Int, settings: String) {
        self.world = world
        self.process = process
        self.settings = settings
        slots = (0..<workers).map { _ in Slot() }
    }

    var runs: [SimulatedWorkRun] {
        slots.compactMap { if case .running(let run) = $0.state { run } else { nil } }
    }

    func enqueue(_ id: DocumentID, _ ticket: WorkTicket) {
        line.join(id, ticket)
        fairness.joined(id, ticket, line)
        process.connectionLetters.append { [self] in dispatch() }
    }

    func withdraw(_ id: DocumentID) {
        line.leave(id)
        fairness.left(id)
        process.connectionLetters.append { [self] in
            for run in runs where run.lease.document == id { run.giveUp() }
        }
    }

    func dispatch() {
        line.admit(at: world.now.unixMilliseconds)
        fairness.admitted(line)
        for slot in slots {
            guard case .free = slot.state else { continue }
            guard let id = line.takeFirst() else { return }
            if let words = fairness.served(id) { world.checker.complain(words) }
            slot.state = .leasing(id)
            let floor = max(0, world.now.unixMilliseconds * 1000)
            process.ownerLetters.append { [self] in
                let lease = world.owner.lease(id, floor: floor, settings: settings)
                process.connectionLetters.append { [self] in leased(slot, lease) }
            }
        }
    }

    private func leased(_ slot: Slot, _ lease: SimulatedLease?) {
        guard let lease else { return release(slot) }
        if world.random.oneIn(60) {
            // The worker is gone.
            process.ownerLetters.append { [self] in world.owner.giveBack(lease.document, run: lease.run) }
            return release(slot)
        }
        let run = SimulatedWorkRun(world, process, lease) { [self] in release(slot) }
        slot.state = .running(run)
        run.start()
    }

    private func release(_ slot: Slot) {
        slot.state = .free
        dispatch()
    }
}

/// How often a waiting document was overtaken, held against what the line promises: whoever joins later gets a tag
/// beyond the line's time, so each other flow is served at most its share of the distance, and once more.
struct FairnessAccount {
    private struct Waiting {
        var ticket: WorkTicket
        var overtaken = 0
        var overtakenMax: Int
    }

    private var waiting: [DocumentID: Waiting] = [:]
    private var delayed: [DocumentID: WorkTicket] = [:]
    /// Joined since none of the flow waited.
    private var joined: [Flow: Int] = [:]

    private struct Flow: Hashable {
        var client: String?
        var priority: WorkPriority
    }

    private static func flow(_ ticket: WorkTicket) -> Flow { Flow(client: ticket.client, priority: ticket.priority) }

    mutating func joined(_ id: DocumentID, _ ticket: WorkTicket, _ line: WaitingLine) {
        guard waiting[id] == nil, delayed[id] == nil else { return }
        if ticket.notBeforeMilliseconds == nil { enter(id, ticket) } else { delayed[id] = ticket }
    }

    mutating func admitted(_ line: WaitingLine) {
        guard line.delayedCount < delayed.count else { return }
        for id in delayed.keys.sorted() where line.position(of: id) != nil {
            if let ticket = delayed.removeValue(forKey: id) { enter(id, ticket) }
        }
    }

    private mutating func enter(_ id: DocumentID, _ ticket: WorkTicket) {
        joined[Self.flow(ticket), default: 0] += 1
        let distance = UInt64(joined[Self.flow(ticket)] ?? 1) * ticket.priority.cost
        // Four clients at each priority.
        let others = WorkPriority.allCases.reduce(UInt64(0)) { $0 + 4 * (distance / $1.cost + 1) }
        waiting[id] = Waiting(ticket: ticket, overtakenMax: Int(others) + (joined[Self.flow(ticket)] ?? 1))
    }

    /// Says what is wrong, if anything is.
    mutating func served(_ id: DocumentID) -> String? {
        left(id)
        var words: String?
        for (other, _) in waiting {
            waiting[other]?.overtaken += 1
            if let one = waiting[other], one.overtaken > one.overtakenMax {
                words = "\(other) was overtaken \(one.overtaken) times"
            }
        }
        return words
    }

    mutating func left(_ id: DocumentID) {
        delayed[id] = nil
        guard let one = waiting.removeValue(forKey: id) else { return }
        let flow = Self.flow(one.ticket)
        if !waiting.values.contains(where: { Self.flow($0.ticket) == flow }) { joined[flow] = nil }
    }
}
