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
}

/// A running child in a session of its own, which dies with this process. Its pidfd becomes readable when it ends; then
/// `reap` must be called once.
package struct ChildProcess: ~Copyable {
    package let processID: Int32
    private let pidDescriptor: OwnedDescriptor

    package var exitDescriptor: Int32 { pidDescriptor.raw }

    /// Starts `path`. `descriptors[i]` becomes descriptor `i` of the child; it gets no other.
    ///
    /// Call from a thread that lives as long as the process: PR_SET_PDEATHSIG fires when the starting *thread* ends.
    package static func spawn(
        path: String, arguments: [String], environment: [String], descriptors: [Int32], limits: ProcessLimits,
        lowPriority: Bool = false
    ) throws(SystemError) -> ChildProcess {
        let argumentPointers = ([path] + arguments).map { strdup($0) } + [nil]
        let environmentPointers = environment.map { strdup($0) } + [nil]
        defer { for pointer in argumentPointers + environmentPointers { free(pointer) } }
        var child: pid_t = -1
        let failure = argumentPointers.withUnsafeBufferPointer { arguments in
            environmentPointers.withUnsafeBufferPointer { environment in
                descriptors.withUnsafeBufferPointer { descriptors in
                    var request = hw_spawn_request()
                    request.path = UnsafePointer(arguments[0])
                    request.arguments = arguments.baseAddress
                    request.environment = environment.baseAddress
                    request.descriptors = descriptors.baseAddress
                    request.descriptor_count = descriptors.count
                    request.data_bytes_max = limits.dataBytesMax
                    request.cpu_seconds_max = limits.cpuSecondsMax
                    request.file_bytes_max = limits.fileBytesMax
                    request.open_files_max = limits.openFilesMax
                    request.low_priority = lowPriority
                    return hw_spawn(&request, &child)
                }
            }
        }
        guard failure == 0 else { throw SystemError("spawn(\(path))", failure) }
        do {
            let pidDescriptor = OwnedDescriptor(owning: try check("pidfd_open") { hw_pidfd_open(child) })
            return ChildProcess(processID: child, pidDescriptor: pidDescriptor)
        } catch {
            _ = Glibc.kill(-child, SIGKILL)
            var ending = hw_ending()
            _ = hw_reap(child, true, &ending)
            throw error
        }
    }

    /// Ends the child and whatever it started in its session's group. Safe to call again; it must still be reaped.
    package func killGroup() {
        _ = Glibc.kill(-processID, SIGKILL)
        _ = hw_pidfd_send_signal(pidDescriptor.raw, SIGKILL)
    }

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
