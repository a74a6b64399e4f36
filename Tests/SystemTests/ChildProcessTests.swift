import Glibc
import Testing

@testable import System

@Suite("Child processes")
struct ChildProcessTests {
    struct Outcome: Sendable {
        var ending: ProcessEnding
        var output: String
    }

    /// Runs a program to its end, with `/dev/null` as input and its output and complaints taken together.
    static func run(
        _ path: String, _ arguments: [String] = [], environment: [String] = ["PATH=/usr/bin:/bin", "LC_ALL=C"],
        limits: ProcessLimits = ProcessLimits(), lowPriority: Bool = false
    ) throws -> Outcome {
        try onOwnThread {
            let pipe = try DescriptorPair.pipe()
            let null = try Files.open("/dev/null", .read)
            let child = try ChildProcess.spawn(
                path: path, arguments: arguments, environment: environment,
                descriptors: [null.raw, pipe.second.raw, pipe.second.raw], limits: limits, lowPriority: lowPriority)
            let reader = pipe.takeFirst()
            let output = try readToEnd(reader.raw)
            let ending = try #require(try child.reap(waits: true))
            return Outcome(ending: ending, output: String(decoding: output, as: UTF8.self))
        }
    }

    static func shell(_ script: String, limits: ProcessLimits = ProcessLimits()) throws -> Outcome {
        try run("/bin/sh", ["-c", script], limits: limits)
    }

    // MARK: Starting

    @Test("a child has the arguments and the environment that it is given, and no other")
    func arguments() throws {
        let echoed = try Self.run("/bin/sh", ["-c", #"printf '%s|' "$0" "$@""#, "a", "", "b c", "ü"])
        #expect(echoed.output == "a||b c|ü|")
        let environment = try Self.run("/usr/bin/env", environment: ["ONE=1", "TWO=a b"])
        #expect(environment.output == "ONE=1\nTWO=a b\n")
    }

    @Test("descriptors arrive under their numbers in the list, and nothing else does")
    func descriptors() throws {
        let listed = try onOwnThread {
            let output = try DescriptorPair.pipe()
            let other = try DescriptorPair.pipe()
            // Left open across exec on purpose: what a child was not given it must not have.
            let stray = fcntl(other.first.raw, F_DUPFD, 40)
            defer { close(stray) }
            try DescriptorIO.writeAll(other.second.raw, Array("given".utf8))
            let child = try ChildProcess.spawn(
                // Number by number: a shell that lists the folder opens it, and finds itself.
                path: "/bin/sh",
                arguments: [
                    "-c", "head -c 5 <&3; echo; for n in $(seq 0 400); do [ -e /proc/$$/fd/$n ] && echo $n; done; true",
                ],
                environment: ["PATH=/usr/bin:/bin"],
                // One descriptor twice, and all of them at numbers that others are to have.
                descriptors: [other.first.raw, output.second.raw, output.second.raw, other.first.raw],
                limits: ProcessLimits())
            let reader = output.takeFirst()
            let text = String(decoding: try readToEnd(reader.raw), as: UTF8.self)
            _ = try child.reap(waits: true)
            return text.split(separator: "\n").map(String.init)
        }
        #expect(listed == ["given", "0", "1", "2", "3"])
    }

    @Test(
        "a program that cannot be started is an error, not a child",
        arguments: [("/no/such/program", ENOENT), ("/tmp", EACCES), ("/etc/passwd", EACCES), ("", ENOENT)])
    func missing(path: String, number: Int32) {
        #expect(throws: SystemError("spawn(\(path))", number)) { try Self.run(path) }
    }

    @Test("more descriptors than a child can be given are refused")
    func tooMany() throws {
        let error = try onOwnThread {
            let null = try Files.open("/dev/null", .read)
            do throws(SystemError) {
                _ = try ChildProcess.spawn(
                    path: "/bin/true", arguments: [], environment: [],
                    descriptors: [Int32](repeating: null.raw, count: 17), limits: ProcessLimits())
                return nil as SystemError?
            } catch {
                return error
            }
        }
        #expect(error?.number == EINVAL)
    }

    @Test("a child leads a session and a group of its own")
    func session() throws {
        let outcome = try Self.shell("cut -d' ' -f5,6 /proc/$$/stat; echo $$")
        let fields = outcome.output.split(whereSeparator: \.isWhitespace)
        #expect(fields.count == 3)
        #expect(Set(fields).count == 1)
    }

    @Test("a child begins with the signals as a program expects them, whatever this process does with them")
    func signals() throws {
        SignalSource.ignoreBrokenPipes()
        #expect(try Self.shell("kill -PIPE $$; echo survived").ending.manner == .signal(SIGPIPE))
    }

    @Test("a child of low priority gives way to others")
    func priority() throws {
        #expect(try Self.run("/usr/bin/nice", lowPriority: true).output == "5\n")
    }

    // MARK: Ending

    @Test("an exit code is told", arguments: [0, 1, 127, 255])
    func exitCode(code: Int32) throws {
        #expect(try Self.shell("exit \(code)").ending.manner == .exit(code: code))
    }

    @Test("the signal that ended a child is told", arguments: [SIGTERM, SIGKILL, SIGSEGV])
    func signal(number: Int32) throws {
        let ending = try Self.shell("kill -\(number) $$").ending
        #expect(ending.manner == .signal(number))
        #expect(!ending.wasKilledForCPUTime)
    }

    @Test("what a child has used is told with its end")
    func usage() throws {
        let ending = try Self.shell("exit 0").ending
        #expect(ending.residentBytesMax > 100_000)
        #expect(ending.cpuMilliseconds >= 0)
    }

    private final class Box: @unchecked Sendable {
        var child: ChildProcess?
    }

    @Test("a child dies with the thread that started it, unless it is to outlive it and every request to end", arguments: [false, true])
    func parent(outlives: Bool) throws {
        let box = Box()
        let input = try DescriptorPair.pipe()
        let raw = input.first.raw
        try onOwnThread {
            box.child = try ChildProcess.spawn(
                path: "/bin/sh", arguments: ["-c", "read word; exit 7"], environment: [],
                descriptors: [raw, 1, 2], limits: ProcessLimits(), confinement: outlives ? .outlivesParent : .none)
        }
        guard let child = box.child.take() else { throw SystemError("no child", ECHILD) }
        let hasEnded = try DescriptorIO.waitToRead(child.exitDescriptor, milliseconds: outlives ? 300 : 10_000)
        #expect(hasEnded != outlives)
        if outlives {
            for number in [SIGTERM, SIGINT, SIGHUP] { kill(child.processID, number) }
            try DescriptorIO.writeAll(input.second.raw, Array("go\n".utf8))
        }
        let ending = try #require(try child.reap(waits: true))
        #expect(ending.manner == (outlives ? .exit(code: 7) : .signal(SIGKILL)))
    }

    @Test("a running child is not waited for, and its end makes a descriptor readable")
    func reaping() throws {
        struct Seen: Sendable {
            var whileRunning: ProcessEnding?
            var afterwards: ProcessEnding?
            var isReadable: Bool
        }
        let seen = try onOwnThread {
            let input = try DescriptorPair.pipe()
            // Runs until its input ends.
            let child = try ChildProcess.spawn(
                path: "/bin/sh", arguments: ["-c", "read line; exit 0"], environment: [],
                descriptors: [input.first.raw],
                limits: ProcessLimits())
            let whileRunning = try child.reap()
            _ = input.takeFirst()
            var ready = pollfd(fd: child.exitDescriptor, events: Int16(POLLIN), revents: 0)
            let count = poll(&ready, 1, 30_000)
            return Seen(whileRunning: whileRunning, afterwards: try child.reap(), isReadable: count == 1)
        }
        #expect(seen.whileRunning == nil)
        #expect(seen.isReadable)
        #expect(seen.afterwards?.manner == .exit(code: 0))
    }

    @Test("killing the group ends what the child has started, too")
    func killGroup() throws {
        let outcome: Outcome? = try onOwnThread {
            let pipe = try DescriptorPair.pipe()
            let child = try ChildProcess.spawn(
                path: "/bin/sh", arguments: ["-c", "(sleep 20; echo late) & echo started; wait"],
                environment: ["PATH=/usr/bin:/bin"], descriptors: [pipe.second.raw, pipe.second.raw],
                limits: ProcessLimits())
            let reader = pipe.takeFirst()
            let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 64, alignment: 16)
            defer { piece.deallocate() }
            guard case .bytes(let count) = try DescriptorIO.read(reader.raw, into: piece) else { return nil }
            child.killTree()
            child.killTree()
            // The pipe ends when the last holder has: a grandchild that lived on would have its say first.
            let rest = try readToEnd(reader.raw)
            let output = String(decoding: Array(piece[..<count]) + rest, as: UTF8.self)
            return Outcome(ending: try #require(try child.reap(waits: true)), output: output)
        }
        #expect(outcome?.ending.manner == .signal(SIGKILL))
        #expect(outcome?.output == "started\n")
    }

    // MARK: Limits

    @Test("limits are those of the kernel; zero leaves one as it is")
    func limits() throws {
        let limits = ProcessLimits(dataBytesMax: 64 << 20, cpuSecondsMax: 7, openFilesMax: 33)
        let told = try Self.shell("ulimit -d; ulimit -t; ulimit -n; ulimit -c", limits: limits)
        #expect(told.output == "65536\n7\n33\n0\n")
        let inherited = try Self.shell("ulimit -t")
        #expect(inherited.output == "unlimited\n")
    }

    @Test("too much CPU time ends a child with a signal that says so")
    func cpuTime() throws {
        let ending = try Self.shell("while :; do :; done", limits: ProcessLimits(cpuSecondsMax: 1)).ending
        #expect(ending.wasKilledForCPUTime)
        #expect(ending.manner == .signal(SIGXCPU))
        #expect(ending.cpuMilliseconds >= 500)
    }

    @Test("a child that ignores the signal is killed a second later")
    func stubborn() throws {
        let ending = try Self.shell("trap '' XCPU; while :; do :; done", limits: ProcessLimits(cpuSecondsMax: 1)).ending
        #expect(ending.manner == .signal(SIGKILL))
        #expect(ending.cpuMilliseconds >= 1500)
    }

    @Test("memory beyond the limit is refused to a child")
    func memory() throws {
        let arguments = ["if=/dev/zero", "of=/dev/null", "bs=128M", "count=1"]
        let refused = try Self.run("/bin/dd", arguments, limits: ProcessLimits(dataBytesMax: 64 << 20))
        #expect(refused.ending.manner == .exit(code: 1))
        #expect(refused.output.contains("memory exhausted"))
        let granted = try Self.run("/bin/dd", arguments, limits: ProcessLimits(dataBytesMax: 256 << 20))
        #expect(granted.ending.manner == .exit(code: 0))
    }

    @Test("a file beyond the limit ends a child")
    func fileSize() throws {
        let directory = try TemporaryDirectory()
        let arguments = ["if=/dev/zero", "of=\(directory.file("out"))", "bs=1024", "count=100"]
        let ending = try Self.run("/bin/dd", arguments, limits: ProcessLimits(fileBytesMax: 10_240)).ending
        #expect(ending.manner == .signal(SIGXFSZ))
        #expect(try Files.size(path: directory.file("out")) == 10_240)
    }
}
