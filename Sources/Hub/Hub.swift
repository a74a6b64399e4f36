import Core
import Loop

// Theory of operation
//
// A topic's events are made by one loop, its owner's, and each loop delivers to the watchers whose connections it has.
// The owner keeps, a topic, how many watchers each loop has (`TopicAudience`); an event goes by mailbox to the loops
// that have any, and there round the topic's circle (`TopicFanOut`) at the ends of the loop's turns. Because a mailbox
// keeps order, a watcher that is attached by a letter from the owner sees the state of that letter and then every later
// event: nothing falls between the two.

/// Documents that are watched together, those of the future among them.
package enum DocumentGroup: Hashable, Sendable {
    case all
    /// What a token's subject has made.
    case made(by: String)
}

package enum Topic: Hashable, Sendable {
    /// A document that is deleted and created again under its old name is another topic.
    case document(DocumentID, generation: UInt64)
    /// Those documents of a group that one loop owns; who watches a group watches this of every loop.
    case group(DocumentGroup, owner: Int)
    /// `serve --diagnostics`: what is published goes as it is to everybody who wants every message, or the newest only.
    case diagnostics(newestOnly: Bool)
}

/// How many watchers a topic has on each loop. Kept by the topic's owner.
package struct TopicAudience: Sendable {
    fileprivate var watchersByLoop: [Int]

    package init(loopCount: Int) { watchersByLoop = Array(repeating: 0, count: loopCount) }

    package var isEmpty: Bool { watchersByLoop.allSatisfy { $0 == 0 } }
    package mutating func join(loop: Int) { watchersByLoop[loop] += 1 }
    package mutating func leave(loop: Int) {
        precondition(watchersByLoop[loop] > 0, "who leaves has joined")
        watchersByLoop[loop] -= 1
    }
}

/// The topics of one loop. Touched by that loop alone.
package final class LoopHub: TurnEndHandler, @unchecked Sendable {
    /// Writes of one slice of a round; then the loop looks at its other connections.
    package static let deliveriesPerTurnMax = 128

    private let loop: EventLoop
    package let compressors = LoopCompressors()
    private var topics: [Topic: TopicFanOut] = [:]
    /// Topics in which somebody is behind; each gets a slice in its turn.
    private var busy: [TopicFanOut] = []
    private var isAwaitingTurnEnd = false
    package private(set) var memberCount = 0

    package init(_ loop: EventLoop) { self.loop = loop }

    package func attach(_ member: any TopicMember, to topic: Topic) {
        let fanOut = topics[topic] ?? TopicFanOut(compressors)
        topics[topic] = fanOut
        fanOut.attach(member)
        memberCount += 1
    }

    package func detach(_ member: any TopicMember, from topic: Topic) {
        guard member.membership.isAttached, let fanOut = topics[topic] else { return }
        fanOut.detach(member)
        memberCount -= 1
        // One that is busy is held by the list of those, and by nobody when it is done.
        if fanOut.memberCount == 0 { topics[topic] = nil }
    }

    func publish(_ event: EncodedEvent, to topic: Topic) {
        guard let fanOut = topics[topic] else { return }
        let wasIdle = fanOut.isIdle
        fanOut.publish(event)
        if wasIdle && !fanOut.isIdle { busy.append(fanOut) }
        awaitTurnEnd()
    }

    private func awaitTurnEnd() {
        guard !isAwaitingTurnEnd, !busy.isEmpty else { return }
        isAwaitingTurnEnd = true
        loop.atTurnEnd(self)
    }

    package func turnEnds() {
        isAwaitingTurnEnd = false
        var left = Self.deliveriesPerTurnMax
        var served = 0
        while served < busy.count && left > 0 {
            let fanOut = busy[served]
            left -= fanOut.serve(deliveriesMax: left)
            served += 1
        }
        // The rest first, then those that are not done: nobody waits for ever.
        let again = busy[..<served].filter { !$0.isIdle }
        busy.removeFirst(served)
        busy += again
        awaitTurnEnd()
    }
}

/// Carries events from the loop that makes them to the loops that have watchers.
package final class Hub: @unchecked Sendable {
    package let loops: [EventLoop]
    // Each element belongs to the loop of the same index; the array itself never changes.
    private let loopHubs: [LoopHub]

    package init(loops: [EventLoop]) {
        self.loops = loops
        loopHubs = loops.map { LoopHub($0) }
    }

    /// The topics of the loop that calls.
    package func topics(of loop: EventLoop) -> LoopHub {
        precondition(loop.isCurrent, "a loop's watchers are touched by that loop alone")
        return loopHubs[loop.index]
    }

    /// From any loop; a topic has one that it is published from, or its events have no order.
    package func publish(_ event: EncodedEvent, to topic: Topic, _ audience: TopicAudience) {
        for (index, count) in audience.watchersByLoop.enumerated() where count > 0 {
            let loopHub = loopHubs[index]
            loops[index].perform { loopHub.publish(event, to: topic) }
        }
    }
}
