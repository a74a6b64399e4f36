import ArgumentParser
import Core
import Logging
import Server
import System
import Text

/// `headway serve`.
struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run the server.",
        discussion: """
            Prints one line, "listening on http://ADDRESS:PORT", to standard output when it takes connections; logs \
            go to standard error. SIGTERM or Ctrl-C lets running replies finish and ends within ten seconds; a second \
            one ends at once. Every option can be set by the environment as well: --chunk-characters is \
            HEADWAY_CHUNK_CHARACTERS. An option that is given wins.
            """)

    @Option(help: ArgumentHelp("Where to listen; port 0 takes a free one.", valueName: "address:port"))
    var listen = Environment.text("LISTEN") ?? "127.0.0.1:8080"

    @Flag(help: "When the port is taken, say so and take the next free one.")
    var nextFreePort = false

    @Option(help: ArgumentHelp("Where documents and their record are kept.", valueName: "directory"))
    var data = Environment.text("DATA") ?? "./headway-data"

    @Option(help: "Worker processes; 0: one a core, fewer where memory is short.")
    var workers = Environment.number("WORKERS") ?? 0

    @Option(help: "Event loops; 0: one a core.")
    var loops = Environment.number("LOOPS") ?? 0

    @Option(help: ArgumentHelp("trace, debug, info, notice, warning, error or critical.", valueName: "level"))
    var logLevel = Environment.text("LOG_LEVEL") ?? "info"

    @Option(help: ArgumentHelp("Serve this folder instead of the page that is built in.", valueName: "directory"))
    var webRoot = Environment.text("WEB_ROOT") ?? ""

    @Option(
        help: ArgumentHelp(
            "A web origin that may read replies; may be given again. Without it, every origin may.", valueName: "origin"
        ))
    var allowOrigin: [String] = Environment.text("ALLOW_ORIGIN").map { $0.split(separator: ",").map(String.init) } ?? []

    @Option(help: ArgumentHelp("The largest upload in bytes; 0: as the disk allows.", valueName: "bytes"))
    var sizeLimit = Environment.number("SIZE_LIMIT") ?? 0

    @Option(
        help: ArgumentHelp(
            "Memory of a worker and of a reader in MiB; 0: a share of the machine's, at most 384.",
            valueName: "mebibytes"))
    var workerMemory = Environment.number("WORKER_MEMORY") ?? 0

    @Option(
        help: ArgumentHelp(
            "CPU time a document may use, before what its size adds; twice as much wall time.", valueName: "seconds"))
    var workSeconds = Environment.number("WORK_SECONDS") ?? 60

    @Option(help: ArgumentHelp("How long a document may show no sign of progress.", valueName: "seconds"))
    var stallSeconds = Environment.number("STALL_SECONDS") ?? 60

    @Option(help: ArgumentHelp("Characters of a chunk, at most.", valueName: "characters"))
    var chunkCharacters = Environment.number("CHUNK_CHARACTERS") ?? 1000

    @Option(help: ArgumentHelp("Characters that a chunk repeats of the one before it.", valueName: "characters"))
    var chunkOverlap = Environment.number("CHUNK_OVERLAP") ?? 150

    @Option(help: ArgumentHelp("Uploads that may be in flight at once.", valueName: "uploads"))
    var uploadsMax = Environment.number("UPLOADS_MAX") ?? 1024

    @Option(
        help: ArgumentHelp(
            "How long an upload is kept to which nothing is added; then it fails and its bytes go.",
            valueName: "seconds"))
    var uploadExpirySeconds = Environment.number("UPLOAD_EXPIRY_SECONDS") ?? 24 * 60 * 60

    @Option(
        help: ArgumentHelp(
            "How long a document and all that was made of it are kept after its end; 0: for good.",
            valueName: "seconds"))
    var retentionSeconds = Environment.number("RETENTION_SECONDS") ?? 0

    @Option(help: ArgumentHelp("Uploads that one address may have in flight; 0: no bound.", valueName: "uploads"))
    var uploadsPerClient = Environment.number("UPLOADS_PER_CLIENT") ?? 0

    @Option(
        help: ArgumentHelp("Bytes that one address may upload in a day (UTC); 0: no bound.", valueName: "bytes"))
    var bytesPerClientPerDay = Environment.number("BYTES_PER_CLIENT_PER_DAY") ?? 0

    @Option(
        help: ArgumentHelp(
            "What uploads leave free of the disk: bytes, or a share such as 5%. Default: the smaller of 5% and 1 GiB.",
            valueName: "bytes|share%"))
    var diskFreeKept = Environment.text("DISK_FREE_KEPT") ?? ""

    @Option(
        help: ArgumentHelp(
            "New uploads are turned away when processes of the machine wait for memory for this share of the time; "
                + "0: never.",
            valueName: "percent"))
    var memoryPressureMax = Environment.number("MEMORY_PRESSURE_MAX") ?? 40

    @Option(
        help: ArgumentHelp(
            "Memory of the server itself in MiB, of which it keeps a fifth back; 0: what the workers leave.",
            valueName: "mebibytes"))
    var serverMemory = Environment.number("SERVER_MEMORY") ?? 0

    @Option(
        help: ArgumentHelp(
            "Connections that one address may have; 0: no bound. Behind a proxy all clients have its address.",
            valueName: "connections"))
    var connectionsPerAddress = Environment.number("CONNECTIONS_PER_ADDRESS") ?? 0

    @Option(help: ArgumentHelp("How long a connection may wait for its next request.", valueName: "seconds"))
    var idleSeconds = Environment.number("IDLE_SECONDS") ?? 75

    @Option(help: ArgumentHelp("How long the head of a request may take.", valueName: "seconds"))
    var headSeconds = Environment.number("HEAD_SECONDS") ?? 10

    @Option(
        help: ArgumentHelp("How long a body may come more slowly than --body-rate.", valueName: "seconds"))
    var bodySeconds = Environment.number("BODY_SECONDS") ?? 30

    @Option(help: ArgumentHelp("Bytes a second of a body, at least.", valueName: "bytes"))
    var bodyRate = Environment.number("BODY_RATE") ?? 1024

    @Option(help: ArgumentHelp("How long a client may take nothing of its answer.", valueName: "seconds"))
    var sendSeconds = Environment.number("SEND_SECONDS") ?? 60

    @Flag(help: "Take orders at /v1/admin/level from whoever reaches the port.")
    var admin = false

    @Flag(help: "Serve /diagnostics/echo, watch, publish and pressure, for suites and measurements.")
    var diagnostics = false

    func validate() throws {
        guard SocketAddress(parsing: listen) != nil else {
            throw ValidationError(
                "--listen \(listen): give ADDRESS:PORT with a numeric address, such as 127.0.0.1:8080.")
        }
        guard Logger.Level(rawValue: logLevel) != nil else {
            throw ValidationError(
                "--log-level \(logLevel): one of \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        for number in numbers { try check(number) }
        guard DiskKept(parsing: diskFreeKept) != nil else {
            throw ValidationError(
                "--disk-free-kept (or HEADWAY_DISK_FREE_KEPT) \(diskFreeKept): give a number of bytes, or a share "
                    + "from 0% to 99%.")
        }
        do {
            _ = try ChunkingOptions(charactersMax: chunkCharacters, overlapCharacters: chunkOverlap)
        } catch {
            throw ValidationError("--chunk-characters \(chunkCharacters) --chunk-overlap \(chunkOverlap): \(error)")
        }
    }

    /// What a numeric option may be. Every one has an upper bound, far above any use and below what would overflow.
    private var numbers: [(option: String, value: Int, range: ClosedRange<Int>)] {
        [
            ("workers", workers, 0...1024),
            ("loops", loops, 0...1024),
            ("size-limit", sizeLimit, 0...1 << 60),
            ("worker-memory", workerMemory, 0...1 << 20),
            // No document is given more than `Policy.secondsMax` in any case.
            ("work-seconds", workSeconds, 1...7200),
            ("stall-seconds", stallSeconds, 1...86_400),
            ("uploads-max", uploadsMax, 1...1_000_000),
            ("upload-expiry-seconds", uploadExpirySeconds, 1...Self.secondsMax),
            ("retention-seconds", retentionSeconds, 0...Self.secondsMax),
            ("uploads-per-client", uploadsPerClient, 0...1_000_000),
            ("bytes-per-client-per-day", bytesPerClientPerDay, 0...1 << 60),
            ("memory-pressure-max", memoryPressureMax, 0...100),
            ("server-memory", serverMemory, 0...1 << 20),
            ("connections-per-address", connectionsPerAddress, 0...1_000_000),
            ("idle-seconds", idleSeconds, 1...86_400),
            ("head-seconds", headSeconds, 1...86_400),
            ("body-seconds", bodySeconds, 1...86_400),
            ("body-rate", bodyRate, 0...1 << 30),
            ("send-seconds", sendSeconds, 1...86_400),
            ("chunk-characters", chunkCharacters, ChunkingOptions.charactersMaxRange),
            ("chunk-overlap", chunkOverlap, 0...ChunkingOptions.charactersMaxMost),
        ]
    }

    /// A hundred years.
    private static let secondsMax = 100 * 366 * 24 * 60 * 60

    private func check(_ number: (option: String, value: Int, range: ClosedRange<Int>)) throws {
        guard !number.range.contains(number.value) else { return }
        let name = Environment.name(of: number.option)
        let range = "a number from \(number.range.lowerBound) to \(number.range.upperBound)"
        if number.value == Environment.noNumber, let text = Environment.text(name) {
            throw ValidationError("HEADWAY_\(name)=\(text): give \(range).")
        }
        throw ValidationError("--\(number.option) (or HEADWAY_\(name)) \(number.value): give \(range).")
    }

    func run() throws {
        let level = Logger.Level(rawValue: logLevel) ?? .info
        LoggingSystem.bootstrap { LogOutput(label: $0, level: level) }
        do {
            try RunningServer(settings).run()
        } catch let error as StartFailure {
            LogWriter.shared.flush()
            try? DescriptorIO.writeAll(2, Array("headway: \(error.description)\n".utf8))
            throw ExitCode(1)
        }
    }

    private var settings: ServerSettings {
        var configuration = ServerConfiguration()
        configuration.sizeLimitBytes = sizeLimit > 0 ? Int64(sizeLimit) : nil
        configuration.connectionsPerAddressMax = connectionsPerAddress > 0 ? connectionsPerAddress : nil
        configuration.connectionLimits = connectionLimits
        configuration.servesDiagnostics = diagnostics
        configuration.servesAdmin = admin
        configuration.webRoot = webRoot.isEmpty ? nil : webRoot
        configuration.crossOrigin = CrossOrigin(allowedOrigins: allowOrigin.isEmpty ? nil : Set(allowOrigin))
        let share = WorkLimits.share(
            machineBytes: ThisProcess.memoryLimitBytes, workersWanted: workers > 0 ? workers : ThisProcess.coreCount,
            isFixed: workers > 0)
        configuration.admission = admissionPolicy(workerBytes: Int64(share.workers) * share.bytesEach)
        var policy = WorkLimits.Policy(memoryBytesMax: workerMemory > 0 ? Int64(workerMemory) << 20 : share.bytesEach)
        policy.cpuSeconds = Int64(workSeconds)
        policy.wallSeconds = 2 * Int64(workSeconds)
        policy.stallSeconds = Int64(stallSeconds)
        var lifetimes = Lifetimes()
        lifetimes.uploadMilliseconds = Int64(uploadExpirySeconds) * 1000
        if retentionSeconds > 0 { lifetimes.documentMilliseconds = Int64(retentionSeconds) * 1000 }
        return ServerSettings(
            address: SocketAddress(parsing: listen) ?? SocketAddress(host: "127.0.0.1", port: 8080),
            takesNextFreePort: nextFreePort,
            dataDirectory: data, loopCount: loops > 0 ? loops : ThisProcess.coreCount,
            workerCount: share.workers, policy: policy, chunkCharacters: chunkCharacters,
            chunkOverlapCharacters: chunkOverlap, lifetimes: lifetimes, server: configuration)
    }
}

extension ServeCommand {
    private func admissionPolicy(workerBytes: Int64) -> AdmissionPolicy {
        var policy = AdmissionPolicy()
        policy.uploadsMax = uploadsMax
        policy.uploadsPerClientMax = uploadsPerClient > 0 ? uploadsPerClient : nil
        policy.bytesPerClientPerDayMax = bytesPerClientPerDay > 0 ? Int64(bytesPerClientPerDay) : nil
        policy.diskKept = DiskKept(parsing: diskFreeKept) ?? .standard
        policy.memoryPressurePercentMax = memoryPressureMax > 0 ? Double(memoryPressureMax) : nil
        // Workers seldom use all that they may, so on a large machine an eighth is the server's in any case.
        let machineBytes = ThisProcess.memoryLimitBytes
        policy.ownMemoryBytesMax =
            serverMemory > 0
            ? Int64(serverMemory) << 20
            : max(WorkLimits.serverBytes, machineBytes - workerBytes, machineBytes / 8)
        return policy
    }

    private var connectionLimits: ConnectionLimits {
        var limits = ConnectionLimits.default
        limits.idleMilliseconds = Int64(idleSeconds) * 1000
        limits.headMilliseconds = Int64(headSeconds) * 1000
        limits.bodyWindowMilliseconds = Int64(bodySeconds) * 1000
        limits.bodyBytesPerSecondMin = Int64(bodyRate)
        limits.sendMilliseconds = Int64(sendSeconds) * 1000
        return limits
    }
}

/// `HEADWAY_…` variables, the second place where a setting is looked for.
enum Environment {
    static func text(_ name: String) -> String? {
        ThisProcess.environmentVariable("HEADWAY_\(name)").flatMap { $0.isEmpty ? nil : $0 }
    }

    /// The variable of an option: HEADWAY_ is left out.
    static func name(of option: String) -> String { option.uppercased().split(separator: "-").joined(separator: "_") }

    /// Stands for a text that is no number. It must not be taken for the default, so every option's check refuses it.
    static let noNumber = Int.min

    static func number(_ name: String) -> Int? {
        text(name).map { Int($0) ?? noNumber }
    }
}
