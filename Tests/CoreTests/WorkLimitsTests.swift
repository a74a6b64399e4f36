import Testing

@testable import Core

@Suite("Limits of work")
struct WorkLimitsTests {
    @Test("CPU and wall time grow with the document, up to two hours")
    func growth() {
        let policy = WorkLimits.Policy(memoryBytesMax: 100 << 20)
        let small = policy.limits(forBytes: 0)
        #expect(small.cpuSecondsMax == 60)
        #expect(small.wallMillisecondsMax == 120_000)
        #expect(small.stallMillisecondsMax == 60_000)
        #expect(small.memoryBytesMax == 100 << 20)
        let middle = policy.limits(forBytes: 100_000_000)
        #expect(middle.cpuSecondsMax == 160)
        #expect(middle.wallMillisecondsMax == 320_000)
        let large = policy.limits(forBytes: 1 << 40)
        #expect(large.cpuSecondsMax == 7200)
        #expect(large.wallMillisecondsMax == 7_200_000)
    }

    @Test("the output of a stage may be 64 times its input, and 1 GiB in any case")
    func output() {
        let policy = WorkLimits.Policy(memoryBytesMax: 1)
        #expect(policy.limits(forBytes: 10).outputBytesMax == 1 << 30)
        #expect(policy.limits(forBytes: 1 << 30).outputBytesMax == 1 << 36)
    }

    @Test(
        "a machine's memory is shared among its workers; on a small one there are fewer",
        arguments: [
            // Megabytes of the machine, workers wanted, workers given, megabytes each.
            (512, 1, 1, 384), (512, 2, 2, 208), (512, 4, 3, 138), (256, 4, 1, 160), (64, 2, 1, 128),
            (8192, 2, 2, 384), (8192, 64, 63, 128), (1024, 0, 1, 384),
        ])
    func share(machine: Int64, wanted: Int, workers: Int, each: Int64) {
        let share = WorkLimits.share(machineBytes: machine << 20, workersWanted: wanted)
        #expect(share.workers == workers)
        #expect(share.bytesEach >> 20 == each)
    }
}
