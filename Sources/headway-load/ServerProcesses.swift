import System

/// The processes of the server under load, watched through /proc (proc(5)).
struct ServerProcesses {
    let processIDs: [Int32]

    /// Nil for anything but process ids with commas between them.
    init?(parsing text: String) {
        let parts = text.split(separator: ",")
        processIDs = parts.compactMap { Int32($0) }
        guard !parts.isEmpty, processIDs.count == parts.count else { return nil }
    }

    init(_ processIDs: [Int32]) { self.processIDs = processIDs }

    /// CPU time, in nanoseconds, of all threads of all processes. schedstat counts nanoseconds; where the kernel has
    /// none, or a thread has ended and taken its share along, the clock ticks of stat tell.
    var cpuNanoseconds: Int64 { processIDs.reduce(0) { $0 + max(Self.scheduled($1), Self.ticks($1)) } }

    private static func scheduled(_ processID: Int32) -> Int64 {
        let folder = "/proc/\(processID)/task"
        var sum: Int64 = 0
        for thread in (try? Files.names(in: folder)) ?? [] {
            guard let text = Files.contents(of: "\(folder)/\(thread)/schedstat") else { continue }
            sum += Int64(String(decoding: text.prefix { $0 != 32 }, as: UTF8.self)) ?? 0
        }
        return sum
    }

    private static func ticks(_ processID: Int32) -> Int64 {
        guard let usage = ProcessUsage.of(processID) else { return 0 }
        return usage.cpuTicks * (1_000_000_000 / ThisProcess.clockTicksPerSecond)
    }

    /// Resident bytes of all processes; pages that several of them share are counted once for each.
    var residentBytes: Int64 {
        processIDs.reduce(0) { $0 + (Self.exactResidentBytes($1) ?? ProcessUsage.of($1)?.residentBytes ?? 0) }
    }

    /// From smaps_rollup, because the counters in statm and status are kept in batches a thread and may be some dozens
    /// of pages behind.
    private static func exactResidentBytes(_ processID: Int32) -> Int64? {
        kibibytes("Rss:", in: "/proc/\(processID)/smaps_rollup")
    }

    /// The most resident bytes that each of them ever had, added up.
    var residentBytesMax: Int64 {
        processIDs.reduce(0) { $0 + (Self.kibibytes("VmHWM:", in: "/proc/\($1)/status") ?? 0) }
    }

    private static func kibibytes(_ key: String, in path: String) -> Int64? {
        guard let text = Files.contents(of: path) else { return nil }
        for line in text.split(separator: UInt8(ascii: "\n")) where line.starts(with: key.utf8) {
            let digits = String(decoding: line.filter { $0 >= 48 && $0 <= 57 }, as: UTF8.self)
            return Int64(digits).map { $0 * 1024 }
        }
        return nil
    }

    var areAlive: Bool { processIDs.allSatisfy { ProcessUsage.of($0) != nil } }
}

/// What a stretch of time cost the server, and this tool.
struct CostMeter {
    let server: ServerProcesses?
    private var start: (nanoseconds: Int64, server: Int64, load: Int64) = (0, 0, 0)
    private let load = ServerProcesses([ThisProcess.processID])

    init(server: ServerProcesses?) { self.server = server }

    mutating func begin() {
        start = (Clock.monotonicNanoseconds, server?.cpuNanoseconds ?? 0, load.cpuNanoseconds)
    }

    struct Cost {
        var seconds: Double
        /// Nil when no process was named.
        var serverCPUSeconds: Double?
        var loadCPUSeconds: Double
    }

    func end() -> Cost {
        Cost(
            seconds: Double(Clock.monotonicNanoseconds - start.nanoseconds) / 1e9,
            serverCPUSeconds: server.map { Double($0.cpuNanoseconds - start.server) / 1e9 },
            loadCPUSeconds: Double(load.cpuNanoseconds - start.load) / 1e9)
    }
}
