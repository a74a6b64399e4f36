import Glibc
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
    /// What an upload may be like, beyond its fault: who brings it, when its length is said, how much is taken.
    struct Setting {
        var form: ResumableUpload.Form
        var isDraft: Bool
        var saysLengthFirst: Bool
        var limitBytes: Int64?

        var words: String {
            "\(form), \(isDraft ? "draft" : "tus"), length \(saysLengthFirst ? "first" : "later"), "
                + "limit \(limitBytes.map(String.init) ?? "none")"
        }

        static let all: [Setting] = {
            var all: [Setting] = []
            // The draft has no parts. A limit that the upload reaches to the byte is the hardest that it can keep.
            for (form, isDraft) in [(ResumableUpload.Form.whole, false), (.whole, true), (.part, false)] {
                for saysLengthFirst in [true, false] {
                    for limit in [nil, UploadWorld.usualLength] {
                        all.append(
                            Setting(
                                form: form, isDraft: isDraft, saysLengthFirst: saysLengthFirst, limitBytes: limit))
                    }
                }
            }
            return all
        }()
    }

    /// Every step and more schedules take minutes.
    static let isThorough = getenv("HEADWAY_EVERY_STEP") != nil
    static let stride = isThorough ? 1 : 6
    static let schedules: UInt64 = isThorough ? 1000 : 340

    static func finish(_ world: UploadWorld, isDraft: Bool) {
        // The others leave, and a good client ends what they began.
        for client in world.clients { client.disconnected() }
        world.drain()
        let client = world.addClient(version: 0, isDraft: isDraft)
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
        for seed in (part * 1000)..<(part * 1000 + Self.schedules) {
            var random = SeededRandom(seed: seed &* 77)
            let length = Int64.random(in: 1...30, using: &random)
            let form: ResumableUpload.Form = random.oneIn(4) ? .part : .whole
            let world = UploadWorld(
                seed: seed, length: length, form: form, saysLengthFirst: !random.oneIn(3),
                limitBytes: random.oneIn(3) ? length + .random(in: 0...3, using: &random) : nil)
            let clients = (0..<3).map { world.addClient(version: $0, isDraft: form == .whole && random.oneIn(2)) }
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
            Self.finish(world, isDraft: form == .whole && random.oneIn(2))
            Self.report(world, "random schedule")
        }
    }

    /// One client brings its bytes in four requests, another looks in between.
    static func scenario(_ world: UploadWorld, isDraft: Bool, fault: UploadWorld.Fault, at step: Int) -> Bool {
        let client = world.addClient(version: 1, isDraft: isDraft)
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
        for (number, setting) in Setting.all.enumerated() {
            // Together the settings meet every step; `make simulate` has each of them meet it.
            var step = 1 + number % Self.stride
            while true {
                let world = UploadWorld(
                    seed: UInt64(number), form: setting.form, saysLengthFirst: setting.saysLengthFirst,
                    limitBytes: setting.limitBytes)
                let isReached = Self.scenario(world, isDraft: setting.isDraft, fault: fault, at: step)
                Self.finish(world, isDraft: setting.isDraft)
                Self.report(world, "\(fault) at step \(step), \(setting.words)")
                if !isReached { break }
                step += Self.stride
            }
            #expect(step > 60, "an upload of so few steps shows nothing: \(setting.words)")
        }
    }
}
