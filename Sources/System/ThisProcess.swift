import CLinux
import Glibc

/// What /proc tells of a running process (proc(5)).
package struct ProcessUsage: Sendable, Equatable {
    package var residentBytes: Int64
    /// Its own, and that of all children which have ended and for which it has waited.
    package var cpuTicks: Int64

    /// Nil when the process is gone. Two small reads, about 10 µs.
    package static func of(_ processID: Int32) -> ProcessUsage? {
        guard let memory = Files.contents(of: "/proc/\(processID)/statm"),
            let status = Files.contents(of: "/proc/\(processID)/stat")
        else { return nil }
        let pages = String(decoding: memory, as: UTF8.self).split(separator: " ")
        // The second field is the command in parentheses and may itself hold spaces and parentheses.
        guard let close = status.lastIndex(of: UInt8(ascii: ")")), pages.count > 1 else { return nil }
        let fields = String(decoding: status[(close + 1)...], as: UTF8.self).split(separator: " ")
        guard fields.count > 14, let resident = Int64(pages[1]) else { return nil }
        let ticks = fields[11...14].reduce(0) { $0 + (Int64($1) ?? 0) }
        return ProcessUsage(residentBytes: resident * Int64(getpagesize()), cpuTicks: ticks)
    }
}

/// This process and its machine.
package enum ThisProcess {
    package static var processID: Int32 { getpid() }
    /// The unit of `ProcessUsage.cpuTicks`.
    package static var clockTicksPerSecond: Int64 { Int64(sysconf(Int32(_SC_CLK_TCK))) }
    package static var coreCount: Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }

    /// The path of the running binary, so that a worker is always of the same build as its server.
    package static var executablePath: String {
        get throws(SystemError) {
            var length = 0
            let path = [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
                length = readlink(
                    "/proc/self/exe", UnsafeMutableRawPointer(buffer.baseAddress!).assumingMemoryBound(to: CChar.self),
                    4096)
                count = max(0, length)
            }
            if length < 0 { throw SystemError("readlink(/proc/self/exe)") }
            return String(decoding: path, as: UTF8.self)
        }
    }

    /// Memory of the machine, or of the control group that holds this process when that is less.
    package static var memoryLimitBytes: Int64 {
        var limit = Int64(sysconf(Int32(_SC_PHYS_PAGES))) * Int64(getpagesize())
        for path in controlGroupLimits {
            if let bytes = Files.contents(of: path),
                let value = Int64(String(decoding: bytes, as: UTF8.self).filter { !$0.isWhitespace }), value > 0
            {
                limit = min(limit, value)
            }
        }
        return limit
    }

    /// Files that may hold a memory limit: of every group above this process (cgroups(7)), in either version.
    private static var controlGroupLimits: [String] {
        let lines = Files.contents(of: "/proc/self/cgroup").map { String(decoding: $0, as: UTF8.self) } ?? ""
        var paths: [String] = []
        for line in lines.split(separator: "\n") {
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { continue }
            let (root, file) =
                fields[1].isEmpty
                ? ("/sys/fs/cgroup", "memory.max") : ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            guard fields[1].isEmpty || fields[1].split(separator: ",").contains("memory") else { continue }
            var group = fields[2].split(separator: "/")
            while true {
                paths.append(([root] + group.map(String.init) + [file]).joined(separator: "/"))
                if group.isEmpty { break }
                group.removeLast()
            }
        }
        return paths
    }

    /// Files with the pressure on memory: of the machine, and of the control group of this process where there is
    /// one. Some may not be there.
    package static let memoryPressurePaths: [String] = {
        let lines = Files.contents(of: "/proc/self/cgroup").map { String(decoding: $0, as: UTF8.self) } ?? ""
        let groups = lines.split(separator: "\n").filter { $0.hasPrefix("0::") }.map { $0.dropFirst(3) }
        return ["/proc/pressure/memory"]
            + groups.map { "/sys/fs/cgroup" + ($0 == "/" ? "" : $0) + "/memory.pressure" }
    }()

    /// Gives memory that was freed back to the kernel (malloc_trim(3)); takes milliseconds for each GiB.
    package static func releaseFreedMemory() { hw_release_freed_memory() }

    package static var openFilesMax: Int {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return Int(clamping: limit.rlim_cur)
    }

    /// Raises the soft limit of descriptors to the hard one.
    package static func raiseOpenFilesLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    package static var usage: ProcessUsage? { .of(getpid()) }

    /// All of the environment, as `NAME=value`.
    package static var environment: [String] {
        var found: [String] = []
        var entry = hw_environment()
        while let pointer = entry, let text = pointer.pointee {
            found.append(String(cString: text))
            entry = pointer + 1
        }
        return found
    }

    package static func environmentVariable(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }

    /// The first executable of this name on PATH.
    package static func findProgram(_ name: String) -> String? {
        if name.contains("/") { return access(name, X_OK) == 0 ? name : nil }
        for directory in (environmentVariable("PATH") ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":") {
            let path = "\(directory)/\(name)"
            if access(path, X_OK) == 0 { return path }
        }
        return nil
    }

    /// Threads of all processes on the machine, as /proc/loadavg tells it (proc(5)): no user has more.
    static var machineTaskCount: Int64? {
        loadWords.dropFirst(3).first?.split(separator: "/").last.flatMap { Int64($0) }
    }

    /// The number that a process or a thread was given last, as /proc/loadavg tells it.
    static var newestProcessID: Int32? { loadWords.dropFirst(4).first.flatMap { Int32($0) } }

    private static var loadWords: [String] {
        let text = Files.contents(of: "/proc/loadavg").map { String(decoding: $0, as: UTF8.self) } ?? ""
        return text.split { $0.isWhitespace }.map(String.init)
    }

    /// A descendant whose parent has ended becomes a child of this process, and not of the machine's first one.
    package static func adoptOrphans() { _ = hw_adopt_orphans() }

    package static func exit(_ code: Int32) -> Never { Glibc.exit(code) }

    /// Ends at once: no destructor runs, no buffer is flushed.
    package static func exitAtOnce(_ code: Int32) -> Never { _exit(code) }
}
