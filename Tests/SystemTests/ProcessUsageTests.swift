import Testing

@testable import System

@Suite("What processes use")
struct ProcessUsageTests {
    @Test("this process holds memory and has used time")
    func own() throws {
        let usage = try #require(ThisProcess.usage)
        #expect(usage.residentBytes > 1 << 20)
        #expect(usage.cpuTicks >= 0)
        #expect(usage.residentBytes < ThisProcess.memoryLimitBytes)
        #expect(ThisProcess.clockTicksPerSecond > 0)
        #expect(ProcessUsage.of(ThisProcess.processID) != nil)
    }

    @Test("a process that is gone has none")
    func gone() {
        #expect(ProcessUsage.of(.max) == nil)
        #expect(ProcessUsage.of(-1) == nil)
    }

    @Test("a program's name cannot confuse what is read of it")
    func strangeName() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("a) 1 (b c")
        let cat = try #require(Files.contents(of: "/bin/cat"))
        do {
            let file = try Files.open(path, .createNew)
            try DescriptorIO.writeAll(file.raw, cat)
        }
        try makeExecutable(path)
        let usage = try onOwnThread {
            let input = try DescriptorPair.pipe()
            let output = try DescriptorPair.pipe()
            let child = try ChildProcess.spawn(
                path: path, arguments: [], environment: [],
                descriptors: [input.first.raw, output.second.raw, output.second.raw], limits: ProcessLimits())
            let usage = ProcessUsage.of(child.processID)
            child.killTree()
            _ = try child.reap(waits: true)
            return usage
        }
        #expect(try #require(usage).residentBytes > 0)
        #expect(try #require(usage).cpuTicks < 1000)
    }

    @Test("the running binary is found, and programs on the PATH")
    func programs() throws {
        let path = try ThisProcess.executablePath
        #expect(path.hasPrefix("/"))
        #expect(ThisProcess.findProgram(path) == path)
        #expect(ThisProcess.findProgram("sh")?.hasSuffix("/sh") == true)
        #expect(ThisProcess.findProgram("no-such-program") == nil)
        #expect(ThisProcess.findProgram("/etc/passwd") == nil)
        #expect(ThisProcess.environmentVariable("NO_SUCH_VARIABLE") == nil)
        #expect(ThisProcess.coreCount >= 1)
        #expect(ThisProcess.openFilesMax > 0)
    }

    @Test("the machine's pressure on memory is among the files that may tell it")
    func pressure() {
        #expect(ThisProcess.memoryPressurePaths.first == "/proc/pressure/memory")
        #expect(
            ThisProcess.memoryPressurePaths.allSatisfy { $0.hasSuffix("memory.pressure") || $0.hasSuffix("/memory") })
        ThisProcess.releaseFreedMemory()
    }
}
