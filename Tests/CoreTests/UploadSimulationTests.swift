import Testing

@testable import Core

// Goal: whatever clients, disks, records and crashes do, an upload keeps what it has told, tells nothing that may be
// lost, and comes to an end. Method: the real document, its record, the holder, and the decisions of appends and
// transfers run in a simulated server that follows the real one step by step; its loops, its ledger and its disk
// threads are queues from which the schedule takes one thing at a time. What must hold is looked at after every step
// (`UploadChecker`).
//
// The fault model. Survived without loss: the end of the process and of the machine at any step, with any part of what
// was not synced on the disk, names and cuts included; a write that fails in its middle; a sync that fails, drops what
// it could not write and says so once; a commit that fails; clients that vanish, lie about where they are, send too
// much or what their sum refutes, come twice at once, or begin again from 0. Not survived: a disk that loses what it
// said it had synced.
@Suite("Uploads, simulated")
struct UploadSimulationTests {
    static func finish(_ world: UploadWorld) {
        // The others leave, and a good client ends what they began.
        for client in world.clients { client.disconnected() }
        world.drain()
        let client = world.addClient(version: 0, isDraft: world.seed % 2 == 0)
        var rounds = 0
        while !client.isSatisfied && rounds < 2000 {
            rounds += 1
            client.goOn(7)
            world.carryOn()
        }
        world.drain()
        if !client.isSatisfied { world.checker.complain("a good client does not come to an end") }
        world.checker.checkEnd(expecting: world.length)
    }

    static func report(_ world: UploadWorld, _ words: String) {
        guard let first = world.checker.complaints.first else { return }
        Issue.record("\(words): \(first) (and \(world.checker.complaints.count - 1) more)")
    }

    @Test(
        "whatever happens in whatever order, nothing that was told is lost and every upload comes to an end",
        arguments: UInt64(1)...8)
    func randomSchedules(part: UInt64) {
        for seed in (part * 1000)..<(part * 1000 + 400) {
            var random = SeededRandom(seed: seed &* 77)
            let world = UploadWorld(
                seed: seed, length: .random(in: 1...30, using: &random), form: random.oneIn(4) ? .part : .whole,
                saysLengthFirst: !random.oneIn(3))
            let clients = (0..<3).map { world.addClient(version: $0, isDraft: random.oneIn(2)) }
            // The ends that somebody wishes for come once in a while: most runs have to keep what they told.
            let ends: [UploadWorld.Fault] = [.cancelled, .deleted, .expired, .begunAgain]
            let hasEnd = random.oneIn(3)
            for _ in 0..<400 {
                if random.oneIn(3) { clients.randomElement(using: &random)?.act(&random) }
                if random.oneIn(40) {
                    let fault = UploadWorld.Fault.allCases.filter { !ends.contains($0) }.randomElement(using: &random)
                    if let fault { world.happen(fault) }
                }
                if random.oneIn(30) { world.lookForExpired() }
                if hasEnd, random.oneIn(150), let end = ends.randomElement(using: &random) { world.happen(end) }
                world.carryOn()
            }
            Self.finish(world)
            Self.report(world, "random schedule")
        }
    }

    /// One client brings its bytes in four requests, another looks in between.
    static func scenario(_ world: UploadWorld, fault: UploadWorld.Fault, at step: Int) -> Bool {
        let client = world.addClient(version: 1, isDraft: world.seed % 2 == 0)
        let other = world.addClient(version: 2, isDraft: false)
        var turns = 0
        while !client.isSatisfied && turns < 600 {
            turns += 1
            if turns == step { world.happen(fault) }
            client.goOn(3, bodyBytes: 7)
            if turns == 40 { other.ask() }
            if turns % 50 == 0 { world.lookForExpired() }
            world.carryOn()
        }
        return turns >= step
    }

    @Test("each fault at each step of an upload is survived", arguments: UploadWorld.Fault.allCases)
    func everyFaultAtEveryStep(fault: UploadWorld.Fault) {
        var reached = 0
        for seed in UInt64(1)...1 {
            for form in [ResumableUpload.Form.whole, .part] {
                var step = 1
                while true {
                    let world = UploadWorld(seed: seed, form: form, saysLengthFirst: seed % 3 != 1)
                    let isReached = Self.scenario(world, fault: fault, at: step)
                    Self.finish(world)
                    Self.report(world, "\(fault) at step \(step), \(form)")
                    if !isReached { break }
                    reached += 1
                    step += 1
                }
            }
        }
        #expect(reached > 300)
    }
}
