import Core
import Crypto
import Logging
import Pipeline
import Server
import System
import Text
import Wire

/// All that a server is told, read from options, environment and file, and judged as a whole.
struct ServeConfiguration: Sendable {
    /// Where settings are looked for besides the environment; the same at every reading.
    struct Places: Sendable {
        var options: [String: SettingValue]
        /// The configuration file, if one was named.
        var path: String?
    }

    let settings: Settings
    let access: AccessPolicy
    let pipelines: PipelineCatalog
    /// In the order in which they were found; empty when all is well.
    private(set) var faults: [SettingFault] = []
    private var proxies: [NetworkRange] = []
    /// The embedding service, if one is configured; its key is nowhere else.
    private(set) var embedding: EmbeddingConfiguration?
    /// How scanned pages are recognized, if they are.
    private(set) var recognition: Recognition?

    /// Reads everything. May block on the disk.
    init(_ places: Places) {
        var faults: [SettingFault] = []
        let file = places.path.flatMap { Self.file($0, &faults) }
        if let file { faults += file.unknownKeys(beside: ServeSettings.keys) }
        settings = Settings(
            ServeSettings.all, options: places.options, environment: ThisProcess.environmentVariable, file: file,
            faults: &faults)
        if let file {
            access = AccessPolicy(file, sha256: { Digest.of($0.span, .sha256) }, faults: &faults)
            pipelines = PipelineCatalog(file, faults: &faults)
        } else {
            access = AccessPolicy()
            pipelines = PipelineCatalog()
        }
        self.faults = faults
        checkTexts()
        checkLists()
        embedding = embeddingService()
        checkRecognition()
    }

    private static func file(_ path: String, _ faults: inout [SettingFault]) -> ConfigurationFile? {
        do throws(SystemError) {
            _ = try Files.open(path, .read)
        } catch {
            faults.append(SettingFault(path, "the configuration file cannot be read (\(error))"))
            return nil
        }
        // One byte more than is taken, so that a file that is too large is told from one that cannot be read.
        guard let bytes = Files.contents(of: path, bytesMax: ConfigurationFile.bytesMax + 1) else {
            faults.append(
                SettingFault(path, "give a file that can be read, of at most \(ConfigurationFile.bytesMax) bytes"))
            return nil
        }
        do throws(SettingFault) {
            return try ConfigurationFile(name: path, bytes: bytes)
        } catch {
            faults.append(error)
            return nil
        }
    }

    // MARK: Judging

    private mutating func checkTexts() {
        if SocketAddress(parsing: settings.text(ServeSettings.listen)) == nil {
            find(ServeSettings.listen, "give ADDRESS:PORT with a numeric address, such as 127.0.0.1:8080")
        }
        if Logger.Level(rawValue: settings.text(ServeSettings.logLevel)) == nil {
            find(ServeSettings.logLevel, "one of \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        if settings.text(ServeSettings.data).isEmpty { find(ServeSettings.data, "give a directory") }
        let publicURL = settings.text(ServeSettings.publicURL)
        if !publicURL.isEmpty && PublicURL(parsing: publicURL) == nil {
            find(ServeSettings.publicURL, "give an address such as https://docs.example, without a query or a fragment")
        }
        if DiskKept(parsing: settings.text(ServeSettings.diskFreeKept)) == nil {
            find(ServeSettings.diskFreeKept, "give a number of bytes, or a share from 0% to 99%")
        }
        do {
            _ = try ChunkingOptions(
                charactersMax: settings.number(ServeSettings.chunkCharacters),
                overlapCharacters: settings.number(ServeSettings.chunkOverlap))
        } catch {
            find(
                ServeSettings.chunkOverlap,
                "give less than half of chunk_characters, which is \(settings.number(ServeSettings.chunkCharacters))")
        }
    }

    private mutating func checkRecognition() {
        let recognition = Recognition(
            languages: settings.text(ServeSettings.ocrLanguages), dotsPerInch: settings.number(ServeSettings.ocrDPI))
        if recognition == nil {
            find(
                ServeSettings.ocrLanguages,
                "give at most \(Recognition.languagesMax) names as tesseract --list-langs has them, such as eng+deu")
        }
        if settings.flag(ServeSettings.ocr) { self.recognition = recognition }
    }

    private mutating func checkLists() {
        for text in settings.list(ServeSettings.trustedProxy) {
            if let range = NetworkRange(parsing: text) {
                proxies.append(range)
            } else {
                find(
                    ServeSettings.trustedProxy,
                    "give addresses such as 10.0.0.1 or ranges such as 10.0.0.0/8; \(text) is none")
            }
        }
        for text in settings.list(ServeSettings.allowOrigin) where !CrossOrigin.isOrigin(text) {
            find(
                ServeSettings.allowOrigin,
                "give origins such as https://docs.example, without a path or a slash at the end; \(text) is none")
        }
    }

    mutating func find(_ setting: Setting, _ words: String) { faults.append(settings.fault(setting, words)) }

    /// What only a look at the disk shows: for `--check-config`, since a server that starts finds out by itself.
    var faultsOnDisk: [SettingFault] {
        var found = missingPrograms
        let webRoot = settings.text(ServeSettings.webRoot)
        if !webRoot.isEmpty, (try? Page(folder: webRoot)) == nil {
            found.append(settings.fault(ServeSettings.webRoot, "name a folder that holds index.html"))
        }
        if !Files.canHoldDirectory(settings.text(ServeSettings.data)) {
            found.append(settings.fault(ServeSettings.data, "name a directory that can be written, or one to be made"))
        }
        return found
    }

    // MARK: What it comes to

    /// What a running server takes.
    var livePolicy: LivePolicy {
        var policy = LivePolicy()
        let origins = settings.list(ServeSettings.allowOrigin)
        policy.crossOrigin = CrossOrigin(allowedOrigins: origins.isEmpty ? nil : Set(origins))
        policy.access = access
        policy.trustedProxies = proxies
        let sizeLimit = settings.number(ServeSettings.sizeLimit)
        policy.sizeLimitBytes = sizeLimit > 0 ? Int64(sizeLimit) : nil
        policy.admission = admission
        return policy
    }

    private var admission: AdmissionPolicy {
        let (perClient, perDay) = (
            positive(ServeSettings.uploadsPerClient), positive(ServeSettings.bytesPerClientPerDay)
        )
        var policy = AdmissionPolicy()
        policy.uploadsMax = settings.number(ServeSettings.uploadsMax)
        policy.uploadsPerClientMax = perClient
        policy.openUploadsMax = settings.number(ServeSettings.openUploadsMax)
        policy.openUploadsPerClientMax = positive(ServeSettings.openUploadsPerClient)
        policy.bytesPerClientPerDayMax = perDay.map(Int64.init)
        policy.diskKept = DiskKept(parsing: settings.text(ServeSettings.diskFreeKept)) ?? .standard
        policy.memoryPressurePercentMax = positive(ServeSettings.memoryPressureMax).map(Double.init)
        // Workers seldom use all that they may, so on a large machine an eighth is the server's in any case.
        let machineBytes = ThisProcess.memoryLimitBytes
        let workerBytes = Int64(workShare.workers) * workShare.bytesEach
        policy.ownMemoryBytesMax =
            positive(ServeSettings.serverMemory).map { Int64($0) << 20 }
            ?? max(WorkLimits.serverBytes, machineBytes - workerBytes, machineBytes / 8)
        return policy
    }

    /// A number of which 0 says that there is none.
    private func positive(_ setting: Setting) -> Int? {
        let number = settings.number(setting)
        return number > 0 ? number : nil
    }

    private var connectionLimits: ConnectionLimits {
        var limits = ConnectionLimits.default
        limits.idleMilliseconds = Int64(settings.number(ServeSettings.idleSeconds)) * 1000
        limits.headMilliseconds = Int64(settings.number(ServeSettings.headSeconds)) * 1000
        limits.bodyWindowMilliseconds = Int64(settings.number(ServeSettings.bodySeconds)) * 1000
        limits.bodyBytesPerSecondMin = Int64(settings.number(ServeSettings.bodyRate))
        limits.sendMilliseconds = Int64(settings.number(ServeSettings.sendSeconds)) * 1000
        return limits
    }

    private var lifetimes: Lifetimes {
        var lifetimes = Lifetimes()
        lifetimes.uploadMilliseconds = Int64(settings.number(ServeSettings.uploadExpirySeconds)) * 1000
        lifetimes.documentMilliseconds = positive(ServeSettings.retentionSeconds).map { Int64($0) * 1000 }
        lifetimes.resultMilliseconds = positive(ServeSettings.resultRetentionSeconds).map { Int64($0) * 1000 }
        return lifetimes
    }

    private var retries: RetryPolicy {
        RetryPolicy(
            attemptsMax: settings.number(ServeSettings.attempts),
            waitMilliseconds: Int64(settings.number(ServeSettings.retryWaitSeconds)) * 1000)
    }

    private var deduplication: Deduplication {
        var deduplication = Deduplication()
        deduplication.isOn = settings.flag(ServeSettings.deduplicate)
        return deduplication
    }

    var workShare: (workers: Int, bytesEach: Int64) {
        let workers = settings.number(ServeSettings.workers)
        return WorkLimits.share(
            machineBytes: ThisProcess.memoryLimitBytes, workersWanted: workers > 0 ? workers : ThisProcess.coreCount,
            isFixed: workers > 0)
    }

    var workPolicy: WorkLimits.Policy {
        let memory = settings.number(ServeSettings.workerMemory)
        var policy = WorkLimits.Policy(memoryBytesMax: memory > 0 ? Int64(memory) << 20 : workShare.bytesEach)
        policy.cpuSeconds = Int64(settings.number(ServeSettings.workSeconds))
        policy.wallSeconds = 2 * policy.cpuSeconds
        policy.stallSeconds = Int64(settings.number(ServeSettings.stallSeconds))
        return policy
    }

    /// For a server that starts; `places` are where it looks again later.
    func server(_ places: Places) -> ServerSettings {
        var server = ServerConfiguration()
        server.servesDiagnostics = settings.flag(ServeSettings.diagnostics)
        server.pipelines = pipelines
        server.servesAdmin = settings.flag(ServeSettings.admin)
        server.connectionsPerAddressMax = positive(ServeSettings.connectionsPerAddress)
        server.connectionLimits = connectionLimits
        let webRoot = settings.text(ServeSettings.webRoot)
        server.webRoot = webRoot.isEmpty ? nil : webRoot
        server.publicURL = PublicURL(parsing: settings.text(ServeSettings.publicURL))?.text
        let loops = settings.number(ServeSettings.loops)
        let (start, ownPipelines) = (settings, pipelines)
        var reread: (@Sendable () -> PolicyReading)?
        if places.path != nil { reread = { Self.again(places, since: start, ownPipelines) } }
        return ServerSettings(
            address: SocketAddress(parsing: settings.text(ServeSettings.listen))
                ?? SocketAddress(host: "127.0.0.1", port: 8080),
            takesNextFreePort: settings.flag(ServeSettings.nextFreePort),
            dataDirectory: settings.text(ServeSettings.data), loopCount: loops > 0 ? loops : ThisProcess.coreCount,
            workerCount: workShare.workers, policy: workPolicy,
            chunkCharacters: settings.number(ServeSettings.chunkCharacters),
            chunkOverlapCharacters: settings.number(ServeSettings.chunkOverlap), embedding: embedding,
            recognition: recognition, lifetimes: lifetimes, retries: retries, deduplication: deduplication,
            server: server, live: livePolicy,
            reread: reread)
    }

    /// Reads everything anew, for a server that runs.
    private static func again(_ places: Places, since start: Settings, _ pipelines: PipelineCatalog) -> PolicyReading {
        let configuration = ServeConfiguration(places)
        guard configuration.faults.isEmpty else {
            return .failure(PolicyRefusal(faults: configuration.faults.map(\.description)))
        }
        return .success(
            NewPolicy(
                live: configuration.livePolicy, work: configuration.workPolicy,
                needingRestart: configuration.settings.needingRestart(since: start)
                    + (configuration.pipelines == pipelines ? [] : [PipelineCatalog.key])))
    }
}

/// `serve --check-config`: what is in force and who said so. Secrets are not among it.
extension ServeConfiguration {
    var lines: [String] {
        let settingLines = settings.entries.map { entry in
            let source = entry.source == .standard ? "default" : entry.place
            return "\(entry.setting.key) = \(entry.value)  (\(source))"
        }
        return settingLines + embeddingLines + [recognitionLine] + pipelineLines + accessLines
    }

    private var recognitionLine: String {
        switch recognition.map({ RecognitionTools.find($0) }) {
        case nil: "text recognition: off"
        case .tools?: "text recognition: tesseract is there, with every language"
        case .missing(let words)?: "text recognition: WARNING: it is on and cannot be done, because \(words)"
        }
    }

    private var accessLines: [String] {
        var lines = ["default_tier = \"\(access.rollout.standard.rawValue)\""]
        for share in access.rollout.shares {
            let percent = Double(share.places) * 100 / Double(Rollout.placeCount)
            lines.append("rollout: \(share.tier.rawValue) for \(percent) % of callers")
        }
        guard !access.isOpen else { return lines + ["tokens: none; everybody may upload, list and watch"] }
        lines.append("anonymous = \(access.anonymousTier.map { "\"\($0.rawValue)\"" } ?? "false")")
        for token in access.tokens.tokens {
            let scopes = Scope.allCases.filter(token.scopes.contains).map(\.rawValue).joined(separator: " ")
            let tier = token.tier?.rawValue ?? "tier by rollout"
            lines.append("token of \(token.subject ?? "nobody"): \(tier), \(scopes)")
        }
        return lines
    }
}
