/// What a process that works on a document may do; everything else is taken from it for good, and from all that it
/// starts. `ARCHITECTURE.md`, "What a child may do", has the table.
package struct SandboxProfile: Sendable, Equatable {
    package enum Network: Sendable, Equatable {
        case none
        /// Connections to others; nobody connects to it.
        case outbound
    }

    package enum FileAccess: Sendable, Equatable {
        /// Opens nothing: it has the descriptors that it was given.
        case none
        case read
        case readAndWrite
    }

    package var network: Network
    package var files: FileAccess
    package var startsProcesses: Bool
    /// Files and folders, with all that is in them. What is not there is passed over.
    package var readable: [String] = []
    package var executable: [String] = []
    package var writable: [String] = []
    /// A file that may be opened again under its descriptor's name (`/proc/self/fd/0`), wherever it lies.
    package var input: Int32?

    /// What a child that starts processes may add to those of the machine before fork(2) fails: a bound for one that
    /// starts them without end, until the supervisor has counted them. The kernel counts by user, so this is room.
    package static let processesMax: Int64 = 512

    /// Programs, their libraries, and what comes with them.
    package static let programFolders = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"]
    /// The loader, which exec(2) runs beside the program, lies here.
    static let loaderFolders = ["/lib", "/lib32", "/lib64", "/libx32"]
    static let machineFiles = [
        "/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/fonts", "/etc/localtime", "/dev/urandom", "/dev/random",
        "/dev/zero", "/proc/cpuinfo", "/proc/meminfo", "/proc/filesystems", "/sys/devices/system/cpu",
    ]
    static let trustedRoots = ["/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/usr/share/ca-certificates"]
    static let nameServiceFiles = [
        "/etc/resolv.conf", "/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager", "/etc/hosts",
        "/etc/host.conf", "/etc/nsswitch.conf", "/etc/gai.conf", "/etc/services",
    ]

    /// `headway worker`, once it has started: it opens nothing, starts nothing, and speaks over the socket it has.
    package static let worker = SandboxProfile(network: .none, files: .none, startsProcesses: false)

    /// A tool that reads one document. What it makes it writes to the descriptors it was given.
    ///
    /// A script can do little without starting programs; it may, and is watched for that (`ProcessMark`).
    package static func extractor(input: Int32, program: Program) -> SandboxProfile {
        SandboxProfile(
            network: .none, files: .read, startsProcesses: program.isScript,
            readable: programFolders + machineFiles,
            executable: [program.path] + (program.isScript ? programFolders : loaderFolders),
            writable: ["/dev/null"], input: input)
    }

    /// A command of the operator's own: reads one document, writes to one folder.
    package static func stage(
        input: Int32, program: Program, outputDirectory: String, readable: [String] = []
    ) -> SandboxProfile {
        SandboxProfile(
            network: .none, files: .readAndWrite, startsProcesses: true,
            readable: programFolders + machineFiles + readable, executable: [program.path] + programFolders + readable,
            writable: [outputDirectory, "/dev/null"], input: input)
    }

    /// The process that asks an embedding service, once it has started: it opens no document.
    package static let embedder = SandboxProfile(
        network: .outbound, files: .read, startsProcesses: false,
        readable: programFolders + machineFiles + trustedRoots + nameServiceFiles)
}

/// A program on this machine.
package struct Program: Sendable, Equatable {
    package var path: String
    /// What it runs with, as `NAME=value`.
    package var environment: [String]
    /// Its first line names who is to run it.
    package var isScript: Bool

    package init(path: String, environment: [String] = ["PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8"]) {
        self.path = path
        self.environment = environment
        isScript = Files.beginning(of: path, byteCount: 2) == Array("#!".utf8)
    }
}
