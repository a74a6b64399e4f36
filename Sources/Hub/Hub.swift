import Core
import Loop

// Theory of operation
//
// A topic is a document. Its events are made by the loop that owns the document, and each loop delivers to the watchers
// whose connections it has. The owner keeps, a topic, how many watchers each loop has (`TopicAudience`); an event goes
// by mailbox to the loops that have any. Because a mailbox keeps order, a watcher that is attached by a letter from the
// owner sees the state of that letter and then every later event: nothing falls between the two.

/// Somebody who is told what happens to a document. Called on the watcher's own loop.
package protocol Watcher: AnyObject {
    func deliver(_ event: EncodedEvent)
}

/// How many watchers a topic has on each loop. Kept by the topic's owner.
package struct TopicAudience: Sendable {
    fileprivate var watchersByLoop: [Int]

    package init(loopCount: Int) { watchersByLoop = Array(repeating: 0, count: loopCount) }

    package var isEmpty: Bool { watchersByLoop.allSatisfy { $0 == 0 } }
    package mutating func join(loop: Int) { watchersByLoop[loop] += 1 }
    package mutating func leave(loop: Int) { watchersByLoop[loop] -= 1 }
}

/// The watchers of one loop. Touched by that loop alone.
package final class LoopWatchers: @unchecked Sendable {
    private var watchers: [DocumentID: [any Watcher]] = [:]
    package private(set) var count = 0

    package init() {}

    package func attach(_ watcher: any Watcher, to document: DocumentID) {
        watchers[document, default: []].append(watcher)
        count += 1
    }

    /// Whether the watcher was attached.
    package func detach(_ watcher: any Watcher, from document: DocumentID) -> Bool {
        guard var list = watchers[document], let index = list.firstIndex(where: { $0 === watcher }) else {
            return false
        }
        list.remove(at: index)
        watchers[document] = list.isEmpty ? nil : list
        count -= 1
        return true
    }

    func deliver(_ event: EncodedEvent) {
        // A copy of the list: a watcher may leave, or another come, while it is told.
        for watcher in watchers[event.document] ?? [] { watcher.deliver(event) }
    }
}

/// Carries events from the loop that makes them to the loops that have watchers.
package final class Hub: @unchecked Sendable {
    package let loops: [EventLoop]
    // Each element belongs to the loop of the same index; the array itself never changes.
    private let watchers: [LoopWatchers]

    package init(loops: [EventLoop]) {
        self.loops = loops
        watchers = loops.map { _ in LoopWatchers() }
    }

    /// The watchers of the loop that calls.
    package func watchers(of loop: EventLoop) -> LoopWatchers {
        precondition(loop.isCurrent, "a loop's watchers are touched by that loop alone")
        return watchers[loop.index]
    }

    package func publish(_ event: EncodedEvent, to audience: TopicAudience) {
        for (index, count) in audience.watchersByLoop.enumerated() where count > 0 {
            let watchers = watchers[index]
            loops[index].perform { watchers.deliver(event) }
        }
    }
}
