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
            "Characters of a chunk, at most.", of: ServeSettings.chunkCharacters, valueName: "characters"))
    var chunkCharacters: Int?

    @Option(
        help: ArgumentHelp(
            "Characters that a chunk repeats of the one before it.", of: ServeSettings.chunkOverlap,
            valueName: "characters"))
    var chunkOverlap: Int?

    @Option(
        help: ArgumentHelp(
            "Uploads that may be in flight at once.", of: ServeSettings.uploadsMax, valueName: "uploads"))
    var uploadsMax: Int?

    @Flag(
        inversion: .prefixedNo,
        help: "Serve /diagnostics/echo, /diagnostics/watch and /diagnostics/publish, for suites and measurements.")
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
            (ServeSettings.chunkCharacters, chunkCharacters.map(SettingValue.number)),
            (ServeSettings.chunkOverlap, chunkOverlap.map(SettingValue.number)),
            (ServeSettings.uploadsMax, uploadsMax.map(SettingValue.number)),
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
