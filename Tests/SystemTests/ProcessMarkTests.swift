import Glibc
import Testing

@testable import System

@Suite("Descendants and their mark")
struct ProcessMarkTests {
    /// Starts a script that prints the number of a descendant which has another parent, session and group.
    static let escape = """
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                libc.prctl(1, 0)
                os.setsid()
                print(os.getpid(), flush=True)
                os.close(1); os.close(2)
                while True: os.read(os.pipe()[0], 1)
            os._exit(0)
        os.wait()
        while True: os.read(os.pipe()[0], 1)
        """

    /// Neither gone nor waiting to be reaped.
    static func isAlive(_ process: Int32) -> Bool {
        guard let status = Files.contents(of: "/proc/\(process)/stat") else { return false }
        return !String(decoding: status, as: UTF8.self).contains(") Z ")
    }

    @Test("a descendant that forked twice and left its session is found, counted and ended with the child")
    func escaped() throws {
        struct Seen: Sendable {
            var wasAlive = false
            var processes = 0
            var isLeft = true
        }
        let seen = try onOwnThread {
            var seen = Seen()
            let pipe = try DescriptorPair.pipe()
            let null = try Files.open("/dev/null", .read)
            let program = Program(path: SandboxProbe.path)
            var child = try ChildProcess.spawn(
                path: program.path,
                arguments: ["-c", "import ctypes, os; libc = ctypes.CDLL(None)\n" + Self.escape],
                environment: program.environment, descriptors: [null.raw, pipe.second.raw, 2], limits: ProcessLimits(),
                confinement: .profile(.stage(input: null.raw, program: program, outputDirectory: "/nonexistent")))
            let reader = pipe.takeFirst()
            let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 64, alignment: 16)
            defer { piece.deallocate() }
            if case .bytes(let count) = try DescriptorIO.read(reader.raw, into: piece),
                let descendant = Int32(String(decoding: piece[..<count], as: UTF8.self).filter { !$0.isWhitespace })
            {
                seen.wasAlive = Self.isAlive(descendant)
                let deadline = Clock.monotonicMilliseconds + 20_000
                // The one between the two may be on its way out still.
                repeat { seen.processes = child.measure().processes }
                while seen.processes > 2 && Clock.monotonicMilliseconds < deadline
                child.killTree()
                while !child.sweep().isClean, Clock.monotonicMilliseconds < deadline { Thread.sleep(milliseconds: 1) }
                seen.isLeft = Self.isAlive(descendant)
            }
            child.killTree()
            _ = try child.reap(waits: true)
            return seen
        }
        #expect(seen.wasAlive)
        #expect(seen.processes == 2)
        #expect(!seen.isLeft)
    }

    /// A process that starts the next one and ends, again and again, each in a session of its own: after so many it
    /// has landed.
    static let comet = """
        if libc.fork() == 0:
            for _ in range(GENERATIONS):
                libc.setsid()
                if libc.fork() != 0: libc._exit(0)
            os.write(1, b"landed")
            libc._exit(0)
        os.write(1, b"begun ")
        os.close(1)
        while True: os.read(os.pipe()[0], 1)
        """

    @Test("a chain of processes of which each ends at once is caught, and nothing of it is left unreaped")
    func chain() throws {
        struct Seen: Sendable {
            var output = ""
            var zombies = -1
            var isClean = false
        }
        let seen = try onOwnThread {
            var seen = Seen()
            ThisProcess.adoptOrphans()
            let pipe = try DescriptorPair.pipe()
            let null = try Files.open("/dev/null", .read)
            let program = Program(path: SandboxProbe.path)
            let script = "import ctypes, os; libc = ctypes.CDLL(None)\n"
            let child = try ChildProcess.spawn(
                path: program.path,
                arguments: ["-c", script + Self.comet.replacing("GENERATIONS", with: "400")],
                environment: program.environment, descriptors: [null.raw, pipe.second.raw, 2], limits: ProcessLimits(),
                confinement: .profile(.stage(input: null.raw, program: program, outputDirectory: "/nonexistent")))
            let reader = pipe.takeFirst()
            let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 64, alignment: 16)
            defer { piece.deallocate() }
            if case .bytes(let count) = try DescriptorIO.read(reader.raw, into: piece) {
                seen.output += String(decoding: piece[..<count], as: UTF8.self)
            }
            child.killTree()
            _ = try child.reap(waits: true)
            for _ in 0..<1000 where !seen.isClean {
                seen.isClean = child.sweep().isClean
                if !seen.isClean { Thread.sleep(milliseconds: 1) }
            }
            seen.zombies = child.processIDs.count
            seen.output += String(decoding: try readToEnd(reader.raw), as: UTF8.self)
            return seen
        }
        #expect(seen.output == "begun ")
        #expect(seen.isClean && seen.zombies == 0)
    }

    @Test("what has ended and is not reaped counts, and is reaped while the child that started it goes on")
    func zombies() throws {
        let counts = try onOwnThread {
            ThisProcess.adoptOrphans()
            let pipe = try DescriptorPair.pipe()
            let null = try Files.open("/dev/null", .read)
            let program = Program(path: SandboxProbe.path)
            // Ten whose parent has ended, and five that their parent does not reap.
            let script = """
                import os
                for _ in range(10):
                    if os.fork() == 0:
                        if os.fork() != 0: os._exit(0)
                        os._exit(0)
                    os.wait()
                for _ in range(5):
                    if os.fork() == 0: os._exit(0)
                os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
                print("begun", flush=True)
                os.close(1)
                while True: os.read(os.pipe()[0], 1)
                """
            var child = try ChildProcess.spawn(
                path: program.path, arguments: ["-c", script], environment: program.environment,
                descriptors: [null.raw, pipe.second.raw, 2], limits: ProcessLimits(),
                confinement: .profile(.stage(input: null.raw, program: program, outputDirectory: "/nonexistent")))
            let reader = pipe.takeFirst()
            _ = try readToEnd(reader.raw)
            Thread.sleep(milliseconds: 50)
            let counts = [child.measure().processes, child.measure().processes]
            child.killTree()
            _ = try child.reap(waits: true)
            while !child.sweep().isClean { Thread.sleep(milliseconds: 1) }
            return counts + [child.processIDs.count]
        }
        #expect(counts == [16, 6, 0])
    }

    @Test("CPU time counts when who used it has ended, whether its parent waited for it or is gone")
    func cpuTimeOfTheEnded() throws {
        let ticks = try onOwnThread {
            ThisProcess.adoptOrphans()
            let pipe = try DescriptorPair.pipe()
            let null = try Files.open("/dev/null", .read)
            let program = Program(path: SandboxProbe.path)
            // Each burns a fifth of a second: one for which it waits, one whose parent has ended before it.
            let script = """
                import os, time
                def burn():
                    while time.process_time() < 0.2: pass
                    os._exit(0)
                if os.fork() == 0: burn()
                os.wait()
                ends = os.pipe()
                if os.fork() == 0:
                    if os.fork() == 0: burn()
                    os._exit(0)
                os.wait()
                os.close(ends[1])
                os.read(ends[0], 1)
                print("burnt", flush=True)
                os.close(1)
                while True: os.read(os.pipe()[0], 1)
                """
            var child = try ChildProcess.spawn(
                path: program.path, arguments: ["-c", script], environment: program.environment,
                descriptors: [null.raw, pipe.second.raw, 2], limits: ProcessLimits(),
                confinement: .profile(.stage(input: null.raw, program: program, outputDirectory: "/nonexistent")))
            let reader = pipe.takeFirst()
            _ = try readToEnd(reader.raw)
            // The first look reaps the adopted one, once it is dead for the kernel too.
            let deadline = Clock.monotonicMilliseconds + 20_000
            while child.measure().processes > 1, Clock.monotonicMilliseconds < deadline {
                Thread.sleep(milliseconds: 1)
            }
            let ticks = child.measure().sum.cpuTicks
            child.killTree()
            _ = try child.reap(waits: true)
            while !child.sweep().isClean { Thread.sleep(milliseconds: 1) }
            return ticks
        }
        #expect(ticks >= 38 * ThisProcess.clockTicksPerSecond / 100)
    }

    @Test("a family is written down and read again; anything else is none")
    func families() {
        let family = ProcessMark.Family()
        #expect(ProcessMark.Family(family.text) == family)
        #expect(ProcessMark.family.contains(ProcessMark().value))
        for text in ["", "x", "-1", "4294967296", "1 2"] { #expect(ProcessMark.Family(text) == nil) }
    }

    @Test("a mark is nobody's memory limit, and of this run alone")
    func values() {
        let mark = ProcessMark()
        #expect(mark.value >= 1 << 61 && mark.value < 1 << 62)
        #expect(ProcessMark.Family("1")?.contains(mark.value) == (ProcessMark.family.text == "1"))
        #expect(!ProcessMark.family.contains(.max))
        #expect(!ProcessMark.family.contains(0))
    }

    @Test("a child that needs too many descriptors or too much file is told so by the kernel")
    func limits() throws {
        let descriptors = try SandboxProbe.run(
            "attempt(lambda: [os.dup(0) for _ in range(100)])", limits: ProcessLimits(openFilesMax: 64),
            profile: SandboxProbe.extractor)
        #expect(descriptors.output == "EMFILE\n")
    }

    @Test(
        "a child that may start processes has room for so many more than the machine has"
    )
    func processes() throws {
        let script = "import resource; print(resource.getrlimit(resource.RLIMIT_NPROC)[0])"
        let before = try #require(ThisProcess.machineTaskCount)
        let stage = try SandboxProbe.run(script) {
            .stage(input: $0, program: Program(path: SandboxProbe.path), outputDirectory: "/nonexistent")
        }
        let after = try #require(ThisProcess.machineTaskCount)
        let limit = try #require(Int64(stage.output.filter { !$0.isWhitespace }))
        // Others come and go meanwhile.
        #expect(limit > min(before, after) && limit < max(before, after) + 2 * SandboxProfile.processesMax)
    }

    @Test("what a running child may write to a file can be bounded while it runs")
    func fileSize() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("result")
        let manner = try onOwnThread {
            let input = try DescriptorPair.pipe()
            let result = try Files.open(path, .createNew)
            let child = try ChildProcess.spawn(
                path: "/bin/sh", arguments: ["-c", "read go; exec head -c 100000 /dev/zero"],
                environment: ["PATH=/usr/bin:/bin"], descriptors: [input.first.raw, result.raw, 2],
                limits: ProcessLimits(), confinement: .enteredByItself)
            child.limitFiles(toBytes: 10_240)
            try DescriptorIO.writeAll(input.second.raw, Array("go\n".utf8))
            return try child.reap(waits: true)?.manner
        }
        #expect(manner == .signal(SIGXFSZ))
        #expect(try Files.size(path: path) == 10_240)
    }
}
