import ArgumentParser
import Loop
import System

/// The load generator of `scripts/bench`.
///
/// Theory of operation: one thread, the server's own event loop, one `Link` a connection. All that is sent is made
/// before; what is received is read into the loop's one buffer and looked at where it lies. So a message costs little
/// but its system calls, and the server is what is measured. Whether that held is in every result: `load_cpu_seconds`
/// near `seconds` means that this tool was the limit, and then only figures a second of the server's CPU time count.
@main
struct HeadwayLoad: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "headway-load",
        abstract: "Loads a WebSocket or HTTP server and says what it takes; one JSON line a result.",
        subcommands: [EchoCommand.self, FanoutCommand.self, IdleCommand.self, PollCommand.self, PutCommand.self])
}

/// What all modes have in common.
struct RunOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The server's processes, for its CPU time and memory.", valueName: "pid,pid…"))
    var pid: String?

    @Option(help: "A name for the result.")
    var label = ""

    @Option(help: "How long is measured.")
    var seconds = 5.0

    @Option(help: ArgumentHelp("How long it runs before that.", valueName: "seconds"))
    var warmUp = 1.0

    @Option(help: ArgumentHelp("Addresses to connect from: 127.0.0.2 and those after it.", valueName: "addresses"))
    var sources = 1

    @Option(help: ArgumentHelp("Connections being opened at once.", valueName: "connections"))
    var batch = 100

    func validate() throws {
        guard seconds > 0, seconds <= 3600, warmUp >= 0, warmUp <= 3600 else {
            throw ValidationError("--seconds: above 0, --warm-up: from 0; an hour at most.")
        }
        guard (1...10_000).contains(sources), batch >= 1 else {
            throw ValidationError("--sources: from 1 to 10000, --batch: from 1.")
        }
        try checkProcesses(pid)
    }

    var meter: CostMeter { CostMeter(server: pid.flatMap { ServerProcesses(parsing: $0) }) }
    var warmUpMilliseconds: Int64 { Int64(warmUp * 1000) }
    var milliseconds: Int64 { Int64(seconds * 1000) }
}

/// Checks a URL and its scheme; the message tells what is wanted.
func serverURL(_ text: String, _ option: String, _ schemes: [ServerURL.Scheme]) throws -> ServerURL {
    guard let url = ServerURL(parsing: text), schemes.contains(url.scheme) else {
        let wanted = schemes.map { "\($0.rawValue)://127.0.0.1:8080/…" }.joined(separator: " or ")
        throw ValidationError("--\(option) \(text): give \(wanted), with an address of digits.")
    }
    return url
}

func checkProcesses(_ pid: String?) throws {
    guard let pid else { return }
    guard let processes = ServerProcesses(parsing: pid), processes.areAlive else {
        throw ValidationError("--pid \(pid): give ids of running processes with commas between them.")
    }
}

func atLeast(_ least: Int, _ values: [(String, Int)]) throws {
    for (name, value) in values where value < least {
        throw ValidationError("--\(name) \(value): give a number from \(least).")
    }
}

/// Runs a mode on this thread until it stops its loop.
func onLoop(_ start: (EventLoop) -> Void) {
    ThisProcess.raiseOpenFilesLimit()
    do throws(SystemError) {
        let loop = try EventLoop(index: 0)
        start(loop)
        try loop.run()
    } catch {
        stop("\(error)")
    }
}

struct EchoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "echo", abstract: "Messages that come back, over many connections.",
        discussion: "What comes back is compared with what was sent, in its size, its kind and its first 125 bytes.")

    @Option(help: ArgumentHelp("A WebSocket that echoes.", valueName: "ws://…"))
    var url: String
    @Option(help: "Connections.") var connections = 100
    @Option(help: "Bytes of a message.") var bytes = 64
    @Option(help: "Messages in flight on each connection.") var depth = 1
    @Flag(help: "Binary messages instead of text.") var binary = false
    @OptionGroup var options: RunOptions

    func validate() throws {
        _ = try serverURL(url, "url", [.ws])
        try atLeast(1, [("connections", connections), ("bytes", bytes), ("depth", depth)])
    }

    func run() throws {
        let url = try serverURL(url, "url", [.ws])
        onLoop { loop in
            EchoMode(
                url: url, connections: connections, byteCount: bytes, depth: depth, isBinary: binary,
                options: options, loop: loop
            ).start()
        }
    }
}

struct FanoutCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fanout", abstract: "Messages that everybody who watches gets.",
        discussion: """
            Without --rate a new message is published as soon as fewer than --in-flight are on their way; a message \
            is on its way until every watcher has it. With --rate so many are published a second, come what may, and \
            each one's delay is counted from when it was due. Losses and order are checked at every watcher.
            """)

    @Option(help: ArgumentHelp("What is watched.", valueName: "ws://…"))
    var watch: String
    @Option(help: ArgumentHelp("Where messages are posted, or sent as text.", valueName: "http://…|ws://…"))
    var publish: String
    @Option(help: "Watchers.") var watchers = 1000
    @Option(help: "Publishers, each with a connection that is kept.") var publishers = 1
    @Option(help: ArgumentHelp("Messages in flight, all publishers together.", valueName: "messages"))
    var inFlight = 1
    @Option(help: ArgumentHelp("Messages a second, instead of --in-flight.", valueName: "messages"))
    var rate = 0.0
    @Option(help: "Bytes of a message.") var bytes = 200
    @Flag(
        help: """
            Watchers may be left without all but the newest. The figure is then how long it takes until all of them \
            have a message or a newer one.
            """)
    var conflating = false
    @Option(help: ArgumentHelp("After which a message that has not come is lost.", valueName: "seconds"))
    var patience = 5.0
    @OptionGroup var options: RunOptions

    func validate() throws {
        _ = try serverURL(watch, "watch", [.ws])
        _ = try serverURL(publish, "publish", [.http, .ws])
        try atLeast(1, [("watchers", watchers), ("publishers", publishers), ("in-flight", inFlight)])
        try atLeast(StampedMessage.bytesMin, [("bytes", bytes)])
        guard (0...100_000).contains(rate), patience > 0, patience <= 600 else {
            throw ValidationError("--rate: up to 100000, --patience: above 0, up to 600.")
        }
    }

    func run() throws {
        let setting = FanoutMode.Setting(
            watch: try serverURL(watch, "watch", [.ws]), publish: try serverURL(publish, "publish", [.http, .ws]),
            watchers: watchers, publishers: publishers, inFlight: inFlight, ratePerSecond: rate, byteCount: bytes,
            conflates: conflating, patienceNanoseconds: Int64(patience * 1e9))
        onLoop { FanoutMode(setting, options: options, loop: $0).start() }
    }
}

struct IdleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "idle", abstract: "Watchers that wait: what each costs the server in memory.",
        discussion: """
            A few watchers come first, so that what the server allocates once is not counted. With --publish, messages \
            are published to all of them afterwards and the memory is read again, because buffers and compression are \
            often made at the first message.
            """)

    @Option(help: ArgumentHelp("What is watched.", valueName: "ws://…"))
    var watch: String
    @Option(help: "Watchers.") var watchers = 10_000
    @Option(help: ArgumentHelp("Watchers before the first reading.", valueName: "watchers"))
    var before = 100
    @Flag(help: "Offer permessage-deflate.") var deflate = false
    @Option(help: ArgumentHelp("Where messages are published at the end.", valueName: "http://…|ws://…"))
    var publish: String?
    @Option(help: "How many.") var messages = 3
    @Option(help: "Bytes of a message.") var bytes = 200
    @OptionGroup var options: RunOptions

    func validate() throws {
        _ = try serverURL(watch, "watch", [.ws])
        if let publish { _ = try serverURL(publish, "publish", [.http, .ws]) }
        try atLeast(1, [("watchers", watchers), ("before", before), ("messages", messages)])
        try atLeast(StampedMessage.bytesMin, [("bytes", bytes)])
        guard options.pid != nil else { throw ValidationError("--pid is needed: whose memory is to be read?") }
    }

    func run() throws {
        let setting = IdleMode.Setting(
            watch: try serverURL(watch, "watch", [.ws]),
            publish: try publish.map { try serverURL($0, "publish", [.http, .ws]) }, watchers: watchers,
            watchersBefore: before, offersCompression: deflate, messages: messages, byteCount: bytes)
        onLoop { IdleMode(setting, options: options, loop: $0).start() }
    }
}

struct PollCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "poll", abstract: "GET of one URL again and again, with If-None-Match.")

    @Option(help: ArgumentHelp("What is polled; its answers carry an ETag.", valueName: "http://…"))
    var url: String
    @Option(help: "Connections, each kept and with one request at a time.") var connections = 100
    @OptionGroup var options: RunOptions

    func validate() throws {
        _ = try serverURL(url, "url", [.http])
        try atLeast(1, [("connections", connections)])
    }

    func run() throws {
        let url = try serverURL(url, "url", [.http])
        onLoop { PollMode(url: url, connections: connections, options: options, loop: $0).start() }
    }
}
