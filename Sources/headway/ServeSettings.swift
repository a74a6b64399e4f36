import ArgumentParser
import Core
import Text
import Wire

/// Every setting of `headway serve`: what it may be, and what it is when nobody says. Options, variables and keys of
/// the configuration file are all read by this table.
enum ServeSettings {
    static let listen = Setting("listen", .text, standard: .text("127.0.0.1:8080"))
    static let nextFreePort = Setting("next-free-port", .flag, standard: .flag(false))
    static let data = Setting("data", .text, standard: .text("./headway-data"))
    static let workers = Setting("workers", .number(0...1024), standard: .number(0))
    static let loops = Setting("loops", .number(0...1024), standard: .number(0))
    static let logLevel = Setting("log-level", .text, standard: .text("info"))
    static let webRoot = Setting("web-root", .text, standard: .text(""))
    static let publicURL = Setting("public-url", .text, standard: .text(""))
    static let trustedProxy = Setting("trusted-proxy", .list, standard: .list([]), isLive: true)
    static let allowOrigin = Setting("allow-origin", .list, standard: .list([]), isLive: true)
    // Every number has an upper bound, far above any use and below what would overflow.
    static let sizeLimit = Setting("size-limit", .number(0...1 << 60), standard: .number(0), isLive: true)
    static let workerMemory = Setting("worker-memory", .number(0...1 << 20), standard: .number(0))
    // No document is given more than `Policy.secondsMax` in any case.
    static let workSeconds = Setting("work-seconds", .number(1...7200), standard: .number(60), isLive: true)
    static let stallSeconds = Setting("stall-seconds", .number(1...86_400), standard: .number(60), isLive: true)
    static let attempts = Setting("attempts", .number(1...1000), standard: .number(RetryPolicy.attemptsMaxDefault))
    static let retryWaitSeconds = Setting(
        "retry-wait-seconds", .number(0...300), standard: .number(Int(RetryPolicy.waitMillisecondsDefault / 1000)))
    static let chunkCharacters = Setting(
        "chunk-characters", .number(ChunkingOptions.charactersMaxRange),
        standard: .number(ChunkingOptions.charactersMaxDefault))
    static let chunkOverlap = Setting(
        "chunk-overlap", .number(0...ChunkingOptions.charactersMaxMost),
        standard: .number(ChunkingOptions.overlapCharactersDefault))
    static let ocr = Setting("ocr", .flag, standard: .flag(false))
    static let ocrLanguages = Setting("ocr-languages", .text, standard: .text(Recognition.languagesDefault))
    static let ocrDPI = Setting(
        "ocr-dpi", .number(Recognition.dotsPerInchRange), standard: .number(Recognition.dotsPerInchDefault))
    static let embeddingURL = Setting("embedding-url", .text, standard: .text(""))
    static let embeddingModel = Setting("embedding-model", .text, standard: .text(""))
    static let embeddingKeyFile = Setting("embedding-key-file", .text, standard: .text(""))
    static let embeddingDimensions = Setting(
        "embedding-dimensions", .number(0...EmbeddingReply.dimensionsMax), standard: .number(0))
    // As many texts as OpenAI takes in one call.
    static let embeddingBatch = Setting("embedding-batch", .number(1...2048), standard: .number(64))
    static let embeddingConcurrency = Setting("embedding-concurrency", .number(1...64), standard: .number(4))
    static let embeddingTimeoutSeconds = Setting(
        "embedding-timeout-seconds", .number(1...3600), standard: .number(60))
    static let uploadsMax = Setting("uploads-max", .number(1...1_000_000), standard: .number(1024), isLive: true)
    static let uploadExpirySeconds = Setting(
        "upload-expiry-seconds", .number(1...secondsMax), standard: .number(24 * 60 * 60))
    static let retentionSeconds = Setting("retention-seconds", .number(0...secondsMax), standard: .number(0))
    static let resultRetentionSeconds = Setting(
        "result-retention-seconds", .number(0...secondsMax), standard: .number(0))
    static let deduplicate = Setting("deduplicate", .flag, standard: .flag(false))
    static let uploadsPerClient = Setting(
        "uploads-per-client", .number(0...1_000_000), standard: .number(0), isLive: true)
    static let openUploadsMax = Setting(
        "open-uploads-max", .number(1...1_000_000), standard: .number(10_000), isLive: true)
    static let openUploadsPerClient = Setting(
        "open-uploads-per-client", .number(0...1_000_000), standard: .number(0), isLive: true)
    static let bytesPerClientPerDay = Setting(
        "bytes-per-client-per-day", .number(0...1 << 60), standard: .number(0), isLive: true)
    static let diskFreeKept = Setting("disk-free-kept", .text, standard: .text(""), isLive: true)
    static let memoryPressureMax = Setting(
        "memory-pressure-max", .number(0...100), standard: .number(40), isLive: true)
    static let serverMemory = Setting("server-memory", .number(0...1 << 20), standard: .number(0), isLive: true)
    static let connectionsPerAddress = Setting(
        "connections-per-address", .number(0...1_000_000), standard: .number(0))
    static let idleSeconds = Setting("idle-seconds", .number(1...86_400), standard: .number(75))
    static let headSeconds = Setting("head-seconds", .number(1...86_400), standard: .number(10))
    static let bodySeconds = Setting("body-seconds", .number(1...86_400), standard: .number(30))
    static let bodyRate = Setting("body-rate", .number(0...1 << 30), standard: .number(1024))
    static let sendSeconds = Setting("send-seconds", .number(1...86_400), standard: .number(60))
    static let admin = Setting("admin", .flag, standard: .flag(false))
    static let diagnostics = Setting("diagnostics", .flag, standard: .flag(false))

    /// A hundred years.
    private static let secondsMax = 100 * 366 * 24 * 60 * 60

    static let all = [
        listen, nextFreePort, data, workers, loops, logLevel, webRoot, publicURL, trustedProxy, allowOrigin, sizeLimit,
        workerMemory, workSeconds, stallSeconds, attempts, retryWaitSeconds, chunkCharacters, chunkOverlap,
        ocr, ocrLanguages, ocrDPI, embeddingURL, embeddingModel, embeddingKeyFile, embeddingDimensions, embeddingBatch,
        embeddingConcurrency,
        embeddingTimeoutSeconds, uploadsMax, uploadExpirySeconds, retentionSeconds, resultRetentionSeconds, deduplicate,
        uploadsPerClient, openUploadsMax, openUploadsPerClient, bytesPerClientPerDay, diskFreeKept, memoryPressureMax,
        serverMemory, connectionsPerAddress, idleSeconds, headSeconds, bodySeconds, bodyRate, sendSeconds, admin,
        diagnostics,
    ]

    /// Keys of the configuration file: those of the settings, and what only a file can say.
    static let keys = all.map(\.key) + AccessPolicy.keys + [PipelineCatalog.key]
}

extension ArgumentHelp {
    /// The help of a setting's option, with the default that its table has.
    init(_ words: String, of setting: Setting, valueName: String? = nil) {
        let standard: String? =
            switch setting.standard {
            case .text(let text): text.isEmpty ? nil : text
            case .number(let number): String(number)
            case .flag, .list: nil
            }
        self.init(
            standard.map { "\(words) (default: \($0))" } ?? words,
            valueName: valueName ?? (setting.kind == .text ? "text" : "number"))
    }
}
