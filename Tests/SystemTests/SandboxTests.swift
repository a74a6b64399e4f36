import Glibc
import Testing

@testable import System

// Goal: what a profile says is what the kernel does. Method: a child tries each thing for real and prints the answer;
// without a profile the same child must succeed, or the test would show nothing.
@Suite("Sandboxes")
struct SandboxTests {
    struct Attempt: CustomTestStringConvertible, Sendable {
        var name: String
        var script: String
        var answer: String
        /// What an unconfined child of the same user gets; nil where that depends on the machine.
        var unconfined: String?
        var testDescription: String { name }

        init(_ name: String, _ script: String, _ answer: String, unconfined: String? = "done") {
            self.name = name
            self.script = script
            self.answer = answer
            self.unconfined = unconfined
        }
    }

    /// The number of the test process itself: somebody else's, for a child.
    private static let other = "int(os.environ['TEST'])"

    private static func number(_ call: Int32, _ arguments: String) -> String { "lambda: call(\(call), \(arguments))" }

    static let ofExtractor: [Attempt] = [
        Attempt("a socket to the network", "lambda: socket.socket()", "EPERM"),
        Attempt("a socket to a local service", "lambda: socket.socket(socket.AF_UNIX)", "EPERM"),
        Attempt("a pair that sends to others", "lambda: socket.socketpair(type=socket.SOCK_DGRAM)", "EPERM"),
        Attempt("a pair of packets", "lambda: socket.socketpair(type=socket.SOCK_SEQPACKET)", "EPERM"),
        Attempt("a raw pair", "lambda: socket.socketpair(type=socket.SOCK_RAW)", "EPERM"),
        Attempt("another file", "lambda: open('/etc/passwd')", "EACCES"),
        Attempt("the folder of another process", "lambda: os.listdir(f'/proc/{os.getppid()}/fd')", "EACCES"),
        Attempt("a new file", "lambda: open('/tmp/of-a-sandbox-test', 'x')", "EPERM", unconfined: nil),
        Attempt("to remove a file", "lambda: os.unlink('/tmp/of-no-sandbox-test')", "EPERM", unconfined: "ENOENT"),
        Attempt("to change the mode of a file", "lambda: os.chmod('/dev/null', 0o666)", "EPERM", unconfined: nil),
        Attempt("to start a process", "lambda: os.fork() or os._exit(0)", "EPERM"),
        Attempt("to run another program", "lambda: os.execv('/bin/echo', ['echo', 'done'])", "EACCES"),
        Attempt("a signal to another process", "lambda: os.kill(\(other), 0)", "EPERM"),
        Attempt("a signal to another thread", number(234, "\(other), \(other), 0"), "EPERM"),
        Attempt("to trace another process", number(101, "16, \(other), 0, 0"), "EPERM", unconfined: nil),
        Attempt("to read another's memory", number(310, "\(other), 0, 0, 0, 0, 0"), "EPERM"),
        Attempt("the descriptors of another", number(438, "0, 0, 0"), "EPERM", unconfined: "EBADF"),
        Attempt("another's limits", number(302, "\(other), 7, 0, 0"), "EPERM"),
        Attempt("another's priority", "lambda: os.setpriority(0, \(other), os.getpriority(0, \(other)))", "EPERM"),
        Attempt("to shed its mark", number(302, "0, 5, id(b'x' * 64) + 32, 0"), "EPERM", unconfined: nil),
        Attempt("to outlive its server", number(157, "1, 0, 0, 0, 0"), "EPERM"),
        Attempt("a mount", number(165, "0, 0, 0, 0, 0"), "EPERM", unconfined: nil),
        Attempt("a namespace", number(272, "0x10000000"), "EPERM", unconfined: nil),
        Attempt("bpf", number(321, "0, 0, 0"), "EPERM", unconfined: nil),
        Attempt("perf", number(298, "0, 0, 0, 0, 0"), "EPERM", unconfined: nil),
        Attempt("a key ring", number(250, "0, -3, 0"), "EPERM", unconfined: nil),
        Attempt("io_uring", number(425, "1, 0"), "EPERM", unconfined: nil),
        Attempt("userfaultfd", number(323, "0"), "EPERM", unconfined: nil),
        Attempt("kexec", number(246, "0, 0, 0, 0"), "EPERM", unconfined: nil),
        Attempt("memory shared by name", number(29, "0, 4096, 0o1600"), "EPERM", unconfined: nil),
        Attempt("words into a terminal", number(16, "0, 0x5412, 0"), "EPERM", unconfined: nil),
        Attempt("signals by way of a descriptor", number(72, "0, 8, os.getpid()"), "EPERM", unconfined: nil),
        Attempt("a call that is newer than the list", number(460, "0, 0, 0"), "ENOSYS", unconfined: nil),
    ]

    #if arch(x86_64)
        @Test("an extractor may not have", arguments: ofExtractor)
        func extractorMayNot(attempt: Attempt) throws {
            let script = "attempt(\(attempt.script))"
            #expect(try SandboxProbe.run(script, profile: SandboxProbe.extractor).output == attempt.answer + "\n")
            guard let unconfined = attempt.unconfined else { return }
            #expect(try SandboxProbe.run(script) { _ in nil }.output == unconfined + "\n")
        }

        @Test("a call by another architecture's numbers ends the process")
        func otherArchitecture() throws {
            let ending = try SandboxProbe.run("call(0x40000000 + 39)", profile: SandboxProbe.extractor).ending
            #expect(ending.manner == .signal(SIGSYS))
        }
    #endif

    @Test("an extractor may open its input again, and no other document beside it")
    func input() throws {
        let directory = try TemporaryDirectory()
        for name in ["mine", "other"] {
            let file = try Files.open(directory.file(name), .createNew)
            try DescriptorIO.writeAll(file.raw, Array("the words of \(name)\n".utf8))
        }
        let script = """
            print(open('/proc/self/fd/0').read(), end='')
            attempt(lambda: open('\(directory.file("other"))'))
            attempt(lambda: open('\(directory.file("mine"))', 'a'))
            """
        let mine = directory.file("mine")
        let outcome = try SandboxProbe.run(script, input: mine, profile: SandboxProbe.extractor)
        #expect(outcome.output == "the words of mine\nEACCES\nEPERM\n")
    }

    @Test("an input that is a pipe needs no rule")
    func pipedInput() throws {
        let manner = try onOwnThread {
            let pipe = try DescriptorPair.pipe()
            let child = try ChildProcess.spawn(
                path: "/bin/true", arguments: [], environment: [], descriptors: [pipe.first.raw],
                limits: ProcessLimits(),
                confinement: .profile(.extractor(input: pipe.first.raw, program: Program(path: "/bin/true"))))
            return try child.reap(waits: true)?.manner
        }
        #expect(manner == .exit(code: 0))
    }

    @Test(
        "an extractor has threads, memory, its own folder below /proc, a source of random bytes, and signals to itself")
    func extractorMay() throws {
        let script = """
            thread = threading.Thread(target=print, args=['thread']); thread.start(); thread.join()
            attempt(lambda: open('/proc/self/status').read())
            attempt(lambda: os.urandom(8))
            attempt(lambda: open('/dev/urandom').close)
            attempt(lambda: os.listdir('/usr/lib'))
            attempt(lambda: len(bytes(50_000_000)))
            attempt(lambda: os.kill(os.getpid(), 0))
            os.abort()
            """
        let outcome = try SandboxProbe.run(script, profile: SandboxProbe.extractor)
        #expect(outcome.output == "thread\n" + String(repeating: "done\n", count: 6))
        #expect(outcome.ending.manner == .signal(SIGABRT))
    }

    @Test("a sandboxed child has no privileges, and cannot gain any")
    func privileges() throws {
        let script = """
            for line in open('/proc/self/status'):
                if line.split(':')[0] in ('CapPrm', 'CapEff', 'CapBnd', 'CapAmb', 'NoNewPrivs', 'Seccomp'):
                    print(*line.split())
            """
        let outcome = try SandboxProbe.run(script, profile: SandboxProbe.extractor)
        let none = "0000000000000000"
        #expect(
            outcome.output.contains("CapPrm: \(none)\nCapEff: \(none)\n")
                && outcome.output.contains("NoNewPrivs: 1\nSeccomp: 2\n"), "\(outcome.output)")
        if geteuid() == 0 { #expect(outcome.output.contains("CapBnd: \(none)\nCapAmb: \(none)\n")) }
    }

    @Test("a script may start programs, in the same sandbox")
    func script() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("reader")
        do {
            // Closed before it is run: a program that is being written to cannot be.
            let file = try Files.open(path, .createNew)
            let lines = "#!/bin/sh\nls /usr > /dev/null && echo listed\ncat /etc/passwd\n"
            try DescriptorIO.writeAll(file.raw, Array(lines.utf8))
        }
        try makeExecutable(path)
        let output = try onOwnThread {
            let pipe = try DescriptorPair.pipe()
            let null = try Files.open("/dev/null", .read)
            let program = Program(path: path)
            let child = try ChildProcess.spawn(
                path: path, arguments: [], environment: program.environment,
                descriptors: [null.raw, pipe.second.raw, pipe.second.raw], limits: ProcessLimits(),
                confinement: .profile(.extractor(input: null.raw, program: program)))
            let reader = pipe.takeFirst()
            let output = try readToEnd(reader.raw)
            _ = try child.reap(waits: true)
            return String(decoding: output, as: UTF8.self)
        }
        #expect(output.hasPrefix("listed\n"))
        #expect(output.contains("/etc/passwd: Permission denied"))
    }

    @Test("a command of the operator's own writes to its folder and nowhere else, and reaches nobody")
    func stage() throws {
        let directory = try TemporaryDirectory()
        let output = directory.file("output")
        try Files.makeDirectory(output)
        _ = try Files.open(directory.file("other"), .createNew)
        let script = """
            import shutil, subprocess
            attempt(lambda: open('\(output)/made', 'w').write('made'))
            attempt(lambda: shutil.copy2('\(output)/made', '\(output)/copy'))
            attempt(lambda: os.rename('\(output)/copy', '\(output)/renamed'))
            attempt(lambda: os.makedirs('\(output)/a/b'))
            attempt(lambda: subprocess.run(['true'], check=True))
            attempt(socket.socketpair)
            attempt(lambda: open('\(directory.file("other"))', 'w'))
            attempt(lambda: os.unlink('\(directory.file("other"))'))
            attempt(lambda: os.rename('\(output)/renamed', '\(directory.file("away"))'))
            attempt(lambda: os.symlink('x', '\(directory.file("link"))'))
            attempt(socket.socket)
            attempt(lambda: os.setxattr('\(output)/made', 'user.a', b'1'))
            attempt(lambda: os.kill(\(Self.other), 0))
            attempt(lambda: open(f"/proc/{os.environ['TEST']}/environ"))
            """
        let outcome = try SandboxProbe.run(script) {
            .stage(input: $0, program: Program(path: SandboxProbe.path), outputDirectory: output)
        }
        let answers = outcome.output.split(separator: "\n").map(String.init)
        #expect(Array(answers.prefix(6)) == [String](repeating: "done", count: 6))
        #expect(
            Array(answers.dropFirst(6)) == [
                "EACCES", "EACCES", "EACCES", "EACCES", "EPERM", "ENOTSUP", "EPERM", "EACCES",
            ])
        #expect(try Files.names(in: output).sorted() == ["a", "made", "renamed"])
    }

    /// Every child that has no network and may open files.
    static let kinds = ["tool", "script", "stage"]

    private static func profile(_ kind: String, _ input: Int32, output: String = "/nonexistent") -> SandboxProfile? {
        var program = Program(path: SandboxProbe.path)
        program.isScript = kind == "script"
        switch kind {
        case "tool", "script": return .extractor(input: input, program: program)
        case "stage": return .stage(input: input, program: program, outputDirectory: output)
        default: return nil
        }
    }

    @Test("a document's bytes and its descriptor are sent to no process outside", arguments: kinds + ["unconfined"])
    func sending(kind: String) throws {
        let directory = try TemporaryDirectory()
        let place = directory.file("socket")
        let outside = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        defer { close(outside) }
        try #require(bind(outside, to: place) == 0)
        let script = """
            def send():
                made = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
                held = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, bytes(4))]
                made[0].sendmsg([b'a document'], held, 0, '\(place)')
            attempt(send)
            one, other = socket.socketpair()
            one.sendall(b'within')
            print(other.recv(6).decode())
            socket.send_fds(one, [b'x'], [0])
            print(len(socket.recv_fds(other, 1, 1)[1]))
            """
        let outcome = try SandboxProbe.run(script) { Self.profile(kind, $0, output: directory.path) }
        let isHeld = kind != "unconfined"
        #expect(outcome.output == (isHeld ? "EPERM" : "done") + "\nwithin\n1\n")
        var byte: UInt8 = 0
        #expect((recv(outside, &byte, 1, 0) < 0) == isHeld)
    }

    @Test("memory is not hidden in a file without a name", arguments: kinds)
    func hiddenMemory(kind: String) throws {
        let script = "attempt(lambda: os.memfd_create('held'))"
        #expect(try SandboxProbe.run(script) { Self.profile(kind, $0) }.output == "ENOSYS\n")
        #expect(try SandboxProbe.run(script) { _ in nil }.output == "done\n")
    }

    @Test("memory is not hidden in a mapping that is shared with nobody; who starts processes may share it with them")
    func sharedMemory() throws {
        let script = """
            import mmap
            attempt(lambda: mmap.mmap(-1, 4096, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS))
            attempt(lambda: mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
            """
        for kind in Self.kinds {
            let shared = kind == "tool" ? "EPERM" : "done"
            #expect(try SandboxProbe.run(script) { Self.profile(kind, $0) }.output == "\(shared)\ndone\n", "\(kind)")
        }
    }

    private func bind(_ descriptor: Int32, to path: String) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    @Test("the process that asks a service connects to others, and opens no document")
    func embedder() throws {
        let directory = try TemporaryDirectory()
        _ = try Files.open(directory.file("document"), .createNew)
        let listening = try Socket.listen(on: try #require(SocketAddress(parsing: "127.0.0.1:0")), sharesPort: false)
        let port = try Socket.localAddress(of: listening.raw).port
        let script = """
            def connect():
                with socket.socket() as made: made.connect(('127.0.0.1', \(port)))
            def listen():
                with socket.socket() as made: made.bind(('127.0.0.1', 0))
            attempt(connect)
            attempt(lambda: open('/etc/hosts').read())
            attempt(lambda: open('\(directory.file("document"))'))
            attempt(lambda: open('/tmp/of-a-sandbox-test', 'x'))
            attempt(lambda: socket.socket(socket.AF_UNIX))
            attempt(os.fork)
            attempt(listen)
            """
        let outcome = try SandboxProbe.run(script) { _ in
            var profile = SandboxProfile.embedder
            profile.executable = [SandboxProbe.path] + SandboxProfile.loaderFolders
            return profile
        }
        #expect(
            outcome.output.split(separator: "\n") == ["done", "done", "EACCES", "EPERM", "EPERM", "EPERM", "EACCES"])
    }

    // A profile holds the thread that enters it: these are entered by one that ends with the test.

    struct Attempted: Sendable {
        var name: String
        var call: @Sendable () -> Int32

        init(_ name: String, _ call: @escaping @Sendable () -> Int32) {
            self.name = name
            self.call = call
        }
    }

    /// How each was answered: its errno, or 0 where it was done.
    static func answers(_ attempts: [Attempted]) -> [String: Int32] {
        Dictionary(uniqueKeysWithValues: attempts.map { ($0.name, $0.call() < 0 ? errno : 0) })
    }

    static let reaching: [Attempted] = [
        Attempted("socket", { socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0) }), Attempted("fork", { fork() }),
        Attempted("unlink", { unlink("/tmp/of-no-sandbox-test") }), Attempted("chmod", { chmod("/dev/null", 0o666) }),
        Attempted("kill", { Glibc.kill(getppid(), 0) }), Attempted("write", { Glibc.open("/dev/null", O_WRONLY) }),
    ]

    @Test("a worker that is in its profile has the descriptors it holds, and gets at nothing else")
    func worker() throws {
        let refused = try onOwnThread {
            let pipe = try DescriptorPair.pipe()
            let null = try Files.open("/dev/null", .readWrite)
            try Sandbox.enter(.worker)
            try DescriptorIO.writeAll(pipe.second.raw, [1])
            try DescriptorIO.writeAll(null.raw, [1])
            return Self.answers(
                Self.reaching + [
                    Attempted("read", { Glibc.open("/dev/null", O_RDONLY) }),
                    Attempted("exec", { execv("/bin/true", [nil]) }),
                    Attempted("own", { Glibc.open("/proc/self/status", O_RDONLY) }),
                ])
        }
        #expect(refused.count == 9)
        for (name, number) in refused { #expect(number == EPERM, "\(name)") }
    }

    @Test("where the kernel has no Landlock, an extractor still writes nothing and reaches nobody")
    func withoutLandlock() throws {
        let refused = try onOwnThread {
            let null = try Files.open("/dev/null", .read)
            let less = KernelProtection(landlockVersion: 0, filtersSystemCalls: true, marksDescendants: true)
            try Sandbox.enter(.extractor(input: null.raw, program: Program(path: "/bin/true")), protection: less)
            return Self.answers(Self.reaching + [Attempted("read", { Glibc.open("/etc/passwd", O_RDONLY) })])
        }
        #expect(refused["read"] == 0)
        for (name, number) in refused where name != "read" { #expect(number == EPERM, "\(name)") }
    }

    @Test("where the kernel filters no system calls, an extractor still opens no other file")
    func withoutFilter() throws {
        guard KernelProtection.current.has(.files) else { return }
        let refused = try onOwnThread {
            let null = try Files.open("/dev/null", .read)
            let less = KernelProtection(
                landlockVersion: KernelProtection.current.landlockVersion, filtersSystemCalls: false,
                marksDescendants: true)
            try Sandbox.enter(.extractor(input: null.raw, program: Program(path: "/bin/true")), protection: less)
            return Self.answers([
                Attempted("read", { Glibc.open("/etc/passwd", O_RDONLY) }),
                Attempted("new", { creat("/tmp/of-a-sandbox-test", 0o600) }),
                Attempted("null", { Glibc.open("/dev/null", O_RDWR) }),
            ])
        }
        #expect(refused == ["read": EACCES, "new": EACCES, "null": 0])
    }

    @Test("what a kernel lacks is told by name")
    func missing() {
        let all = KernelProtection(landlockVersion: 6, filtersSystemCalls: true, marksDescendants: true)
        #expect(all.missing == [])
        let older = KernelProtection(landlockVersion: 5, filtersSystemCalls: true, marksDescendants: true)
        #expect(older.missing == [.signals])
        let none = KernelProtection(landlockVersion: 0, filtersSystemCalls: false, marksDescendants: false)
        #expect(none.missing.map(\.rawValue) == ["files", "signals", "system_calls", "descendants"])
    }
}
