import Testing

@testable import Core

// Goal and fault model are those of `UploadSimulationTests`, for a document that is made of parts: no byte that a part
// was told to have is missing before the whole has it for good, the whole is its parts in their order, and whatever
// fails while it is put together, a client that asks gets it.
@Suite("Concatenation, simulated")
struct ConcatenationSimulationTests {
    static func finish(_ world: ConcatenationWorld, isEarly: Bool) {
        var rounds = 0
        while !world.isToldWhole && rounds < 4000 {
            rounds += 1
            if rounds % 3 == 0 { world.goOn(isEarly: isEarly) }
            world.carryOn()
        }
        for _ in 0..<300 { world.carryOn() }
        world.checkEnd()
    }

    static func report(_ world: ConcatenationWorld, _ words: String) {
        guard let first = world.complaints.first else { return }
        Issue.record("\(words): \(first) (and \(world.complaints.count - 1) more)")
    }

    @Test("each fault at each step of a concatenation is survived", arguments: ConcatenationWorld.Fault.allCases)
    func everyFaultAtEveryStep(fault: ConcatenationWorld.Fault) {
        for seed in UInt64(0)..<(UploadSimulationTests.isThorough ? 20 : 2) {
            let isEarly = seed % 2 == 0
            // Asked for early and late, it meets every step in turn.
            let stride = UploadSimulationTests.isThorough ? 1 : 2
            var step = 1 + Int(seed / 2) % stride
            while true {
                let world = ConcatenationWorld(seed: seed)
                var turns = 0
                while !world.isToldWhole && turns < 2000 {
                    turns += 1
                    if turns == step { world.happen(fault) }
                    if turns % 3 == 0 { world.goOn(isEarly: isEarly) }
                    world.carryOn()
                }
                Self.finish(world, isEarly: isEarly)
                Self.report(world, "\(fault) at step \(step), seed \(seed)")
                if turns < step { break }
                step += stride
            }
            #expect(step > 30, "a concatenation of so few steps shows nothing")
        }
    }

    @Test("whatever happens in whatever order, the whole comes to be and nothing that was told is lost")
    func randomSchedules() {
        for seed in UInt64(100)..<(UploadSimulationTests.isThorough ? 1000 : 130) {
            var random = SeededRandom(seed: seed)
            let (world, isEarly) = (ConcatenationWorld(seed: seed), random.oneIn(2))
            for _ in 0..<200 {
                if random.oneIn(3) { world.goOn(isEarly: isEarly) }
                if random.oneIn(25), let fault = ConcatenationWorld.Fault.allCases.randomElement(using: &random) {
                    world.happen(fault)
                }
                world.carryOn()
            }
            Self.finish(world, isEarly: isEarly)
            Self.report(world, "seed \(seed)")
        }
    }
}
