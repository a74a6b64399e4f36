import Testing

@testable import System

/// A program that tries one thing and prints what the kernel said: `done`, or the name of the errno.
enum SandboxProbe {
    /// The system's own: what a version manager puts first on PATH is a script.
    static let path = "/usr/bin/python3"

    private static let prelude = """
        import ctypes, errno, os, socket, sys, threading
        libc = ctypes.CDLL(None, use_errno=True)
        def call(number, *arguments):
            if libc.syscall(number, *[ctypes.c_long(argument) for argument in arguments]) < 0:
                raise OSError(ctypes.get_errno(), "")
        def attempt(what):
            try:
                what()
                print("done", flush=True)
            except OSError as error:
                print(errno.errorcode[error.errno], flush=True)

        """

    /// Runs the script with `input` as its standard input, and returns its end and what it printed.
    static func run(
        _ script: String, input: String = "/dev/null", limits: ProcessLimits = ProcessLimits(),
        profile: @escaping @Sendable (Int32) -> SandboxProfile?
    ) throws -> ChildProcessTests.Outcome {
        try onOwnThread {
            let pipe = try DescriptorPair.pipe()
            let source = try Files.open(input, .read)
            let child = try ChildProcess.spawn(
                path: path, arguments: ["-c", prelude + script],
                environment: ["PATH=/usr/bin:/bin", "LC_ALL=C", "TEST=\(ThisProcess.processID)"],
                descriptors: [source.raw, pipe.second.raw, pipe.second.raw], limits: limits,
                confinement: profile(source.raw).map(Confinement.profile) ?? .none)
            let reader = pipe.takeFirst()
            let output = try readToEnd(reader.raw)
            let ending = try #require(try child.reap(waits: true))
            return ChildProcessTests.Outcome(ending: ending, output: String(decoding: output, as: UTF8.self))
        }
    }

    static func extractor(_ input: Int32) -> SandboxProfile { .extractor(input: input, program: Program(path: path)) }
}
