import CLinux
import Glibc

/// Limits that the kernel holds a child to; zero leaves one as inherited (setrlimit(2)).
package struct ProcessLimits: Sendable, Equatable {
    /// RLIMIT_DATA: heap and anonymous mappings. RLIMIT_AS would count reserved address space as well.
    package var dataBytesMax: Int64 = 0
    /// RLIMIT_CPU: SIGXCPU there, SIGKILL a second later.
    package var cpuSecondsMax: Int64 = 0
    package var fileBytesMax: Int64 = 0
    package var openFilesMax: Int64 = 0
    /// RLIMIT_NPROC: threads of the whole user, which the kernel does not hold root to.
    package var processesMax: Int64 = 0

    package init(dataBytesMax: Int64 = 0, cpuSecondsMax: Int64 = 0, fileBytesMax: Int64 = 0, openFilesMax: Int64 = 0) {
        self.dataBytesMax = dataBytesMax
        self.cpuSecondsMax = cpuSecondsMax
        self.fileBytesMax = fileBytesMax
        self.openFilesMax = openFilesMax
    }
}

/// How a child ended, as wait4(2) tells it.
package struct ProcessEnding: Sendable, Equatable {
    package enum Manner: Sendable, Equatable {
        case exit(code: Int32)
        case signal(Int32)
    }
    package var manner: Manner
    package var cpuMilliseconds: Int64
    package var residentBytesMax: Int64

    package var wasKilledForCPUTime: Bool { manner == .signal(SIGXCPU) }
    package var wasKilledForFileSize: Bool { manner == .signal(SIGXFSZ) }
}

/// What holds a child.
package enum Confinement: Sendable, Equatable {
    /// Nothing but its limits.
    case none
    /// Not even its parent's death or a request to end (SIGTERM, SIGINT, SIGHUP): it lives on.
    case outlivesParent
    /// It is this binary, and enters its profile when it has started (`Sandbox.enter`). Until then it bears its mark.
    case enteredByItself
    /// It is in its profile before its first instruction.
    case profile(SandboxProfile)
}

/// A running child in a session of its own, which dies with this process. Its pidfd becomes readable when it ends; then
/// `reap` must be called once.
package struct ChildProcess: ~Copyable {
    package let processID: Int32
    private let pidDescriptor: OwnedDescriptor
    private let mark: ProcessMark?
    /// Whether it can have started others, which are then looked for.
    private let startsProcesses: Bool
    /// CPU time of its descendants that this process has reaped.
    private var adoptedTicks: Int64 = 0

    package var exitDescriptor: Int32 { pidDescriptor.raw }

    /// Starts `path`. `descriptors[i]` becomes descriptor `i` of the child; it gets no other.
    ///
    /// Call from a thread that lives as long as the process: PR_SET_PDEATHSIG fires when the starting *thread* ends.
    package static func spawn(
        path: String, arguments: [String], environment: [String], descriptors: [Int32], limits: ProcessLimits,
        directory: String? = nil, lowPriority: Bool = false, confinement: Confinement = .none
    ) throws(SystemError) -> ChildProcess {
        let isConfined = confinement != .none && confinement != .outlivesParent
        let mark = isConfined ? ProcessMark() : nil
        var startsProcesses = !isConfined
        var limits = limits
        let failure: Int32
        var child: pid_t = -1
        if case .profile(let profile) = confinement {
            startsProcesses = profile.startsProcesses || !KernelProtection.current.filtersSystemCalls
            if profile.startsProcesses, limits.processesMax == 0 {
                limits.processesMax = ThisProcess.machineTaskCount.map { $0 + SandboxProfile.processesMax } ?? 0
            }
            var sandbox = try Sandbox(profile)
            failure = sandbox.withRequest {
                start(path, arguments, environment, descriptors, limits, directory, lowPriority, mark, $0, &child)
            }
        } else {
            failure = start(
                path, arguments, environment, descriptors, limits, directory, lowPriority, mark, nil, &child,
                outlivesParent: confinement == .outlivesParent)
        }
        guard failure == 0 else { throw SystemError("spawn(\(path))", failure) }
        do {
            let pidDescriptor = OwnedDescriptor(owning: try check("pidfd_open") { hw_pidfd_open(child) })
            return ChildProcess(
                processID: child, pidDescriptor: pidDescriptor, mark: mark, startsProcesses: startsProcesses)
        } catch {
            _ = Glibc.kill(-child, SIGKILL)
            var ending = hw_ending()
            _ = hw_reap(child, true, &ending)
            throw error
        }
    }

    /// Runs a program to its end and returns what it writes. For programs that are known to end.
    package static func output(
        of path: String, _ arguments: [String], environment: [String]
    ) throws(SystemError) -> String {
        let pipe = try DescriptorPair.pipe()
        let null = try Files.open("/dev/null", .read)
        let child = try spawn(
            path: path, arguments: arguments, environment: environment, descriptors: [null.raw, pipe.second.raw, 2],
            limits: ProcessLimits())
        let reader = pipe.takeFirst()
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 16)
        defer { piece.deallocate() }
        var bytes: [UInt8] = []
        while case .bytes(let count) = try DescriptorIO.read(reader.raw, into: piece) { bytes += piece[..<count] }
        _ = try child.reap(waits: true)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// hw_spawn: 0, or the errno of the step that failed.
    private static func start(
        _ path: String, _ arguments: [String], _ environment: [String], _ descriptors: [Int32], _ limits: ProcessLimits,
        _ directory: String?, _ lowPriority: Bool, _ mark: ProcessMark?, _ sandbox: UnsafePointer<hw_sandbox>?,
        _ child: inout pid_t, outlivesParent: Bool = false
    ) -> Int32 {
        let argumentPointers = ([path] + arguments).map { strdup($0) } + [nil]
        let environmentPointers = environment.map { strdup($0) } + [nil]
        let directoryPointer = directory.flatMap { strdup($0) }
        defer {
            for pointer in argumentPointers + environmentPointers { free(pointer) }
            free(directoryPointer)
        }
        return argumentPointers.withUnsafeBufferPointer { arguments in
            environmentPointers.withUnsafeBufferPointer { environment in
                descriptors.withUnsafeBufferPointer { descriptors in
                    var request = hw_spawn_request()
                    request.path = UnsafePointer(arguments[0])
                    request.directory = UnsafePointer(directoryPointer)
                    request.arguments = arguments.baseAddress
                    request.environment = environment.baseAddress
                    request.descriptors = descriptors.baseAddress
                    request.descriptor_count = descriptors.count
                    request.data_bytes_max = limits.dataBytesMax
                    request.cpu_seconds_max = limits.cpuSecondsMax
                    request.file_bytes_max = limits.fileBytesMax
                    request.open_files_max = limits.openFilesMax
                    request.processes_max = limits.processesMax
                    request.low_priority = lowPriority
                    request.outlives_parent = outlivesParent
                    request.mark = mark?.value ?? 0
                    request.sandbox = sandbox
                    return hw_spawn(&request, &child)
                }
            }
        }
    }

    /// Ends the child and whatever it has started: its group at once, and those of its descendants that left it. Where
    /// this finds any, call `sweep` until it is clean. Safe to call again; the child itself must still be reaped.
    @discardableResult
    package func killTree() -> ProcessMark.Sweep {
        _ = Glibc.kill(-processID, SIGKILL)
        _ = hw_pidfd_send_signal(pidDescriptor.raw, SIGKILL)
        return sweep()
    }

    /// Ends and reaps the descendants that left the child's group, also after the child itself is reaped. A third of a
    /// millisecond where the child may start processes, else nothing; longer, up to a bound, while it finds more.
    package func sweep() -> ProcessMark.Sweep {
        guard startsProcesses, let mark else { return ProcessMark.Sweep() }
        return mark.sweepDescendants(of: processID)
    }

    /// The child and all that it started.
    package var processIDs: [Int32] { startsProcesses ? mark?.bearers ?? [processID] : [processID] }

    /// What they use together; their CPU time with that of all that were there before and have been waited for. Those
    /// that have ended count; where nobody else waits for them they are reaped after that, so call it now and then.
    package mutating func measure() -> (processes: Int, sum: ProcessUsage) {
        let processIDs = processIDs
        let usages = processIDs.compactMap { ProcessUsage.of($0) }
        let sum = ProcessUsage(
            residentBytes: usages.reduce(0) { $0 + $1.residentBytes },
            cpuTicks: usages.reduce(adoptedTicks) { $0 + $1.cpuTicks })
        if startsProcesses, let mark { adoptedTicks += mark.reapAdopted(processIDs, of: processID) }
        return (usages.count, sum)
    }

    /// Bounds the files that it writes from now on; SIGXFSZ there.
    package func limitFiles(toBytes bytesMax: Int64) { _ = hw_limit_file_size(processID, bytesMax) }

    /// Sends one signal to the child alone.
    package func signal(_ number: Int32) { _ = hw_pidfd_send_signal(pidDescriptor.raw, number) }

    /// How it ended, or nil while it runs. With `waits`, blocks until it has ended.
    package func reap(waits: Bool = false) throws(SystemError) -> ProcessEnding? {
        var ending = hw_ending()
        let result = hw_reap(processID, waits, &ending)
        if result < 0 { throw SystemError("wait4") }
        guard result == 1 else { return nil }
        return ProcessEnding(
            manner: ending.exited ? .exit(code: ending.exit_code) : .signal(ending.signal),
            cpuMilliseconds: ending.cpu_microseconds / 1000, residentBytesMax: ending.resident_kib_max * 1024)
    }
}
