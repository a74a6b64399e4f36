import ArgumentParser
import Core
import Logging
import Server
import System

/// `headway serve`.
struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run the server.",
        discussion: """
            Prints one line, "listening on http://ADDRESS:PORT", to standard output when it takes connections; logs \
            go to standard error. SIGTERM or Ctrl-C lets running replies finish and ends within ten seconds; a second \
            one ends at once. SIGHUP reads the configuration file again.

            Every option can be set by the environment and by the configuration file as well: --chunk-characters is \
            HEADWAY_CHUNK_CHARACTERS and "chunk_characters". An option wins over the environment, and that over the \
            file, which alone can name tokens and tiers.
            """)

    @Option(
        help: ArgumentHelp("Read settings from this file, or from the one HEADWAY_CONFIG names.", valueName: "file"),
        completion: .file())
    var config: String?

    @Flag(help: "Check every setting, print what is in force and where it comes from, and end.")
    var checkConfig = false

    @Option(
        help: ArgumentHelp(
            "Where to listen; port 0 takes a free one.", of: ServeSettings.listen, valueName: "address:port"))
    var listen: String?

    @Flag(inversion: .prefixedNo, help: "When the port is taken, say so and take the next free one.")
    var nextFreePort: Bool?

    @Option(
        help: ArgumentHelp(
            "Where documents and their record are kept.", of: ServeSettings.data, valueName: "directory"))
    var data: String?

    @Option(
        help: ArgumentHelp("Worker processes; 0: one a core, fewer where memory is short.", of: ServeSettings.workers))
    var workers: Int?

    @Option(help: ArgumentHelp("Event loops; 0: one a core.", of: ServeSettings.loops))
    var loops: Int?

    @Option(
        help: ArgumentHelp(
            "trace, debug, info, notice, warning, error or critical.", of: ServeSettings.logLevel, valueName: "level"))
    var logLevel: String?

    @Option(
        help: ArgumentHelp(
            "Serve this folder instead of the page that is built in.", of: ServeSettings.webRoot,
            valueName: "directory"))
    var webRoot: String?

    @Option(
        help: ArgumentHelp(
            "The address under which clients reach the server; without it, links begin with a slash.",
            of: ServeSettings.publicURL, valueName: "url"))
    var publicUrl: String?

    @Option(
        help: ArgumentHelp(
            "A proxy, or a range of them (10.0.0.0/8), whose X-Forwarded-For is believed; may be given again.",
            of: ServeSettings.trustedProxy, valueName: "address"))
    var trustedProxy: [String] = []

    @Option(
        help: ArgumentHelp(
            "A web origin that may read replies; may be given again. Without it, every origin may.",
            of: ServeSettings.allowOrigin, valueName: "origin"))
    var allowOrigin: [String] = []

    @Option(
        help: ArgumentHelp(
            "The largest upload in bytes; 0: as the disk allows.", of: ServeSettings.sizeLimit, valueName: "bytes"))
    var sizeLimit: Int?

    @Option(
        help: ArgumentHelp(
            "Memory of a worker and of a reader in MiB; 0: a share of the machine's, at most 384.",
            of: ServeSettings.workerMemory, valueName: "mebibytes"))
    var workerMemory: Int?

    @Option(
        help: ArgumentHelp(
            "CPU time a document may use, before what its size adds; twice as much wall time.",
            of: ServeSettings.workSeconds, valueName: "seconds"))
    var workSeconds: Int?

    @Option(
        help: ArgumentHelp(
            "How long a document may show no sign of progress.", of: ServeSettings.stallSeconds, valueName: "seconds"))
    var stallSeconds: Int?

    @Option(
        help: ArgumentHelp(
            "How often a document that died of an accident is tried without getting any further.",
            of: ServeSettings.attempts))
    var attempts: Int?

    @Option(
        help: ArgumentHelp(
            "How long it waits before its second try; twice as long before each further one.",
            of: ServeSettings.retryWaitSeconds, valueName: "seconds"))
    var retryWaitSeconds: Int?

    @Option(
        help: ArgumentHelp(
            "Characters of a chunk, at most.", of: ServeSettings.chunkCharacters, valueName: "characters"))
    var chunkCharacters: Int?

    @Option(
        help: ArgumentHelp(
            "Characters that a chunk repeats of the one before it.", of: ServeSettings.chunkOverlap,
            valueName: "characters"))
    var chunkOverlap: Int?

    @Flag(inversion: .prefixedNo, help: "Recognize the text of scanned PDFs (OCR), by tesseract.")
    var ocr: Bool?

    @Option(
        help: ArgumentHelp(
            "Languages of scanned documents, as tesseract names them: eng+deu.", of: ServeSettings.ocrLanguages,
            valueName: "languages"))
    var ocrLanguages: String?

    @Option(
        help: ArgumentHelp("Dots an inch at which scanned pages are read.", of: ServeSettings.ocrDPI, valueName: "dots")
    )
    var ocrDpi: Int?

    @Option(
        help: ArgumentHelp(
            "An OpenAI-compatible embedding service, such as https://api.openai.com/v1; else vectors are made here.",
            of: ServeSettings.embeddingURL, valueName: "url"))
    var embeddingUrl: String?

    @Option(
        help: ArgumentHelp("The model that the service is asked for.", of: ServeSettings.embeddingModel))
    var embeddingModel: String?

    @Option(
        help: ArgumentHelp(
            "A file with the service's key; or give the key as HEADWAY_EMBEDDING_KEY.",
            of: ServeSettings.embeddingKeyFile, valueName: "file"))
    var embeddingKeyFile: String?

    @Option(
        help: ArgumentHelp(
            "Numbers of a vector, asked of the service and checked; 0: what it gives.",
            of: ServeSettings.embeddingDimensions, valueName: "numbers"))
    var embeddingDimensions: Int?

    @Option(help: ArgumentHelp("Chunks of one call.", of: ServeSettings.embeddingBatch, valueName: "chunks"))
    var embeddingBatch: Int?

    @Option(
        help: ArgumentHelp(
            "Calls to the service that are under way at once.", of: ServeSettings.embeddingConcurrency,
            valueName: "calls"))
    var embeddingConcurrency: Int?

    @Option(
        help: ArgumentHelp(
            "How long a call to the service may take.", of: ServeSettings.embeddingTimeoutSeconds,
            valueName: "seconds"))
    var embeddingTimeoutSeconds: Int?

    @Option(
        help: ArgumentHelp(
            "Uploads that may be in flight at once.", of: ServeSettings.uploadsMax, valueName: "uploads"))
    var uploadsMax: Int?

    @Option(
        help: ArgumentHelp(
            "How long an upload is kept to which nothing is added; then it fails and its bytes go.",
            of: ServeSettings.uploadExpirySeconds, valueName: "seconds"))
    var uploadExpirySeconds: Int?

    @Option(
        help: ArgumentHelp(
            "How long a document and all that was made of it are kept after its end; 0: for good.",
            of: ServeSettings.retentionSeconds, valueName: "seconds"))
    var retentionSeconds: Int?

    @Option(
        help: ArgumentHelp(
            "How long results and texts are kept after a document's end, which itself stays; 0: as the document.",
            of: ServeSettings.resultRetentionSeconds, valueName: "seconds"))
    var resultRetentionSeconds: Int?

    @Flag(
        inversion: .prefixedNo,
        help: "Let an upload whose bytes were processed before take that result over; of one's own documents only.")
    var deduplicate: Bool?

    @Option(
        help: ArgumentHelp(
            "Uploads that one client may have in flight; 0: no bound.",
            of: ServeSettings.uploadsPerClient, valueName: "uploads"))
    var uploadsPerClient: Int?

    @Option(
        help: ArgumentHelp(
            "Uploads that may be begun and not whole.", of: ServeSettings.openUploadsMax, valueName: "uploads"))
    var openUploadsMax: Int?

    @Option(
        help: ArgumentHelp(
            "Uploads of one client that may be begun and not whole; 0: no bound.",
            of: ServeSettings.openUploadsPerClient, valueName: "uploads"))
    var openUploadsPerClient: Int?

    @Option(
        help: ArgumentHelp(
            "Bytes that one client may upload in a day (UTC); 0: no bound.",
            of: ServeSettings.bytesPerClientPerDay, valueName: "bytes"))
    var bytesPerClientPerDay: Int?

    @Option(
        help: ArgumentHelp(
            "What uploads leave free of the disk: bytes, or a share such as 5%. Else the smaller of 5% and 1 GiB.",
            of: ServeSettings.diskFreeKept, valueName: "bytes|share%"))
    var diskFreeKept: String?

    @Option(
        help: ArgumentHelp(
            "Share of the time that processes wait for memory at which new uploads are turned away; 0: never.",
            of: ServeSettings.memoryPressureMax, valueName: "percent"))
    var memoryPressureMax: Int?

    @Option(
        help: ArgumentHelp(
            "Memory of the server itself in MiB, of which it keeps a fifth back; 0: what the workers leave.",
            of: ServeSettings.serverMemory, valueName: "mebibytes"))
    var serverMemory: Int?

    @Option(
        help: ArgumentHelp(
            "Connections that one address may have; 0: no bound. Behind a proxy all clients have its address.",
            of: ServeSettings.connectionsPerAddress, valueName: "connections"))
    var connectionsPerAddress: Int?

    @Option(
        help: ArgumentHelp(
            "How long a connection may wait for its next request.",
            of: ServeSettings.idleSeconds, valueName: "seconds"))
    var idleSeconds: Int?

    @Option(
        help: ArgumentHelp(
            "How long the head of a request may take.",
            of: ServeSettings.headSeconds, valueName: "seconds"))
    var headSeconds: Int?

    @Option(
        help: ArgumentHelp(
            "How long a body may come more slowly than --body-rate.",
            of: ServeSettings.bodySeconds, valueName: "seconds"))
    var bodySeconds: Int?

    @Option(
        help: ArgumentHelp(
            "Bytes a second of a body, at least.",
            of: ServeSettings.bodyRate, valueName: "bytes"))
    var bodyRate: Int?

    @Option(
        help: ArgumentHelp(
            "How long a client may take nothing of its answer.",
            of: ServeSettings.sendSeconds, valueName: "seconds"))
    var sendSeconds: Int?

    @Flag(inversion: .prefixedNo, help: "Without tokens: take orders at /v1/admin/level from whoever reaches the port.")
    var admin: Bool?

    @Flag(
        inversion: .prefixedNo,
        help: "Serve /diagnostics/echo, watch, publish and pressure, for suites and measurements.")
    var diagnostics: Bool?

    /// The options that were given.
    private var options: [String: SettingValue] {
        let given: [(Setting, SettingValue?)] = [
            (ServeSettings.listen, listen.map(SettingValue.text)),
            (ServeSettings.nextFreePort, nextFreePort.map(SettingValue.flag)),
            (ServeSettings.data, data.map(SettingValue.text)),
            (ServeSettings.workers, workers.map(SettingValue.number)),
            (ServeSettings.loops, loops.map(SettingValue.number)),
            (ServeSettings.logLevel, logLevel.map(SettingValue.text)),
            (ServeSettings.webRoot, webRoot.map(SettingValue.text)),
            (ServeSettings.publicURL, publicUrl.map(SettingValue.text)),
            (ServeSettings.trustedProxy, trustedProxy.isEmpty ? nil : .list(trustedProxy)),
            (ServeSettings.allowOrigin, allowOrigin.isEmpty ? nil : .list(allowOrigin)),
            (ServeSettings.sizeLimit, sizeLimit.map(SettingValue.number)),
            (ServeSettings.workerMemory, workerMemory.map(SettingValue.number)),
            (ServeSettings.workSeconds, workSeconds.map(SettingValue.number)),
            (ServeSettings.stallSeconds, stallSeconds.map(SettingValue.number)),
            (ServeSettings.attempts, attempts.map(SettingValue.number)),
            (ServeSettings.retryWaitSeconds, retryWaitSeconds.map(SettingValue.number)),
            (ServeSettings.chunkCharacters, chunkCharacters.map(SettingValue.number)),
            (ServeSettings.chunkOverlap, chunkOverlap.map(SettingValue.number)),
            (ServeSettings.ocr, ocr.map(SettingValue.flag)),
            (ServeSettings.ocrLanguages, ocrLanguages.map(SettingValue.text)),
            (ServeSettings.ocrDPI, ocrDpi.map(SettingValue.number)),
            (ServeSettings.embeddingURL, embeddingUrl.map(SettingValue.text)),
            (ServeSettings.embeddingModel, embeddingModel.map(SettingValue.text)),
            (ServeSettings.embeddingKeyFile, embeddingKeyFile.map(SettingValue.text)),
            (ServeSettings.embeddingDimensions, embeddingDimensions.map(SettingValue.number)),
            (ServeSettings.embeddingBatch, embeddingBatch.map(SettingValue.number)),
            (ServeSettings.embeddingConcurrency, embeddingConcurrency.map(SettingValue.number)),
            (ServeSettings.embeddingTimeoutSeconds, embeddingTimeoutSeconds.map(SettingValue.number)),
            (ServeSettings.uploadsMax, uploadsMax.map(SettingValue.number)),
            (ServeSettings.uploadExpirySeconds, uploadExpirySeconds.map(SettingValue.number)),
            (ServeSettings.retentionSeconds, retentionSeconds.map(SettingValue.number)),
            (ServeSettings.resultRetentionSeconds, resultRetentionSeconds.map(SettingValue.number)),
            (ServeSettings.deduplicate, deduplicate.map(SettingValue.flag)),
            (ServeSettings.uploadsPerClient, uploadsPerClient.map(SettingValue.number)),
            (ServeSettings.openUploadsMax, openUploadsMax.map(SettingValue.number)),
            (ServeSettings.openUploadsPerClient, openUploadsPerClient.map(SettingValue.number)),
            (ServeSettings.bytesPerClientPerDay, bytesPerClientPerDay.map(SettingValue.number)),
            (ServeSettings.memoryPressureMax, memoryPressureMax.map(SettingValue.number)),
            (ServeSettings.serverMemory, serverMemory.map(SettingValue.number)),
            (ServeSettings.connectionsPerAddress, connectionsPerAddress.map(SettingValue.number)),
            (ServeSettings.idleSeconds, idleSeconds.map(SettingValue.number)),
            (ServeSettings.headSeconds, headSeconds.map(SettingValue.number)),
            (ServeSettings.bodySeconds, bodySeconds.map(SettingValue.number)),
            (ServeSettings.bodyRate, bodyRate.map(SettingValue.number)),
            (ServeSettings.sendSeconds, sendSeconds.map(SettingValue.number)),
            (ServeSettings.diskFreeKept, diskFreeKept.map(SettingValue.text)),
            (ServeSettings.admin, admin.map(SettingValue.flag)),
            (ServeSettings.diagnostics, diagnostics.map(SettingValue.flag)),
        ]
        return given.reduce(into: [:]) { $0[$1.0.name] = $1.1 }
    }

    func run() throws {
        let variable = ThisProcess.environmentVariable("HEADWAY_CONFIG").flatMap { $0.isEmpty ? nil : $0 }
        let places = ServeConfiguration.Places(options: options, path: config ?? variable)
        let configuration = ServeConfiguration(places)
        if checkConfig { return try check(configuration) }
        guard configuration.faults.isEmpty else {
            try tell(configuration.faults)
            throw ExitCode.validationFailure
        }
        let level = Logger.Level(rawValue: configuration.settings.text(ServeSettings.logLevel)) ?? .info
        LoggingSystem.bootstrap { LogOutput(label: $0, level: level) }
        do {
            try RunningServer(configuration.server(places)).run()
        } catch let error as StartFailure {
            LogWriter.shared.flush()
            try? DescriptorIO.writeAll(2, Array("headway: \(error.description)\n".utf8))
            throw ExitCode(1)
        }
    }

    private func tell(_ faults: [SettingFault]) throws {
        for fault in faults { try DescriptorIO.writeAll(2, Array("headway: \(fault)\n".utf8)) }
    }

    private func check(_ configuration: ServeConfiguration) throws {
        let faults = configuration.faults + configuration.faultsOnDisk
        guard faults.isEmpty else {
            try tell(faults)
            throw ExitCode(1)
        }
        for line in configuration.lines { try DescriptorIO.writeAll(1, Array("\(line)\n".utf8)) }
    }
}
