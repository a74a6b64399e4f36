import Glibc
import Testing

@testable import Core

// Goal: whatever workers, disks, clocks, services and people do, no accepted document is lost, none gets two results,
// none starves, and what is on record is not worked on again. Method: the real line, leases, documents, retries and
// breakers run in a simulated server that follows the owner and the pipeline step by step; its loops, its ledger and
// its disk threads are queues from which the schedule takes one thing at a time. What must hold is looked at after
// every step (`WorkChecker`).
//
// The fault model. Survived: the end of the process at any step, with any part of what it ordered on record although
// nobody was told; commits that fail for a while; workers that die anywhere, or always at one page; supervisors that
// fall silent until their lease has run out, and come late; a machine that was away; a clock of the day that is set
// back and forth by years; a service that is down for a while, and a trial call of which nobody hears again; other
// settings after a restart; people who cancel, delete and retry at any time. Not survived: a disk that loses what it
// said it had synced.
@Suite("Work on documents, simulated")
struct WorkSimulationTests {
    /// How many seeds, of some 2,500 steps each: `HEADWAY_WORK_SEEDS=2000` is the long form, of `make nightly`.
    static let seeds = getenv("HEADWAY_WORK_SEEDS").flatMap { UInt64(String(cString: $0)) } ?? 24

    static func run(seed: UInt64) -> WorkWorld {
        let world = WorkWorld(seed: seed)
        for _ in 0..<2000 { world.step() }
        world.endFaults()
        world.drain()
        world.retryAll()
        world.drain()
        world.checker.checkEnd()
        world.crash()
        world.drain()
        world.checker.checkSwept()
        return world
    }

    @Test("no document is lost, none is committed twice, none starves, and no page on record is worked on again")
    func simulated() {
        var (steps, completions, resumptions) = (0, 0, 0)
        for seed in 1...Self.seeds {
            let world = Self.run(seed: seed)
            steps += world.steps
            completions += world.checker.completions
            resumptions += world.checker.resumptions
            guard let first = world.checker.complaints.first else { continue }
            Issue.record("\(first) (and \(world.checker.complaints.count - 1) more)")
        }
        // A simulation in which nothing happens proves nothing.
        #expect(completions > 4 * Int(Self.seeds), "\(steps) steps")
        #expect(resumptions > 4 * Int(Self.seeds), "\(steps) steps")
    }
}
