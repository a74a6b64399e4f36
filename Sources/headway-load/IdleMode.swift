import Loop
import System

/// `idle`: opens watchers and reads how much the server has grown.
final class IdleMode: WebSocketOwner {
    struct Setting {
        var watch: ServerURL
        var publish: ServerURL?
        var watchers: Int
        var watchersBefore: Int
        var offersCompression: Bool
        var messages: Int
        var byteCount: Int
    }

    /// How long messages may take to reach everybody.
    private static let patienceNanoseconds: Int64 = 30_000_000_000

    private let setting: Setting
    private let options: RunOptions
    private let loop: EventLoop
    private var links: [WebSocketLink] = []
    private lazy var opening = makeOpening(setting.watchersBefore) { [self] in readBaseline() }
    private lazy var publishing: Publishing? = setting.publish.map { url in
        Publishing(
            to: url, count: 1, byteCount: setting.byteCount, run: 0, options: options, loop: loop
        ) { [self] in publish() }
    }
    private var meter: CostMeter
    private var isOpening = true
    private var messagesLeft: Int
    private var received = 0
    private var disconnected = 0
    private var growths: [(name: String, bytes: Double)] = []
    private var baselineBytes: Int64 = 0
    private var openedNanoseconds: Int64 = 0
    private var openingSeconds = 0.0

    init(_ setting: Setting, options: RunOptions, loop: EventLoop) {
        self.setting = setting
        self.options = options
        self.loop = loop
        meter = options.meter
        messagesLeft = setting.messages
    }

    func start() { opening.start() }

    private func makeOpening(_ count: Int, done: @escaping () -> Void) -> Opening {
        let sources = Sources(count: options.sources)
        return Opening(count, batch: options.batch, loop: loop) { [self] (_) throws(SystemError) in
            let index = links.count
            links.append(
                try WebSocketLink(
                    to: setting.watch, from: sources.address(of: index),
                    offersCompression: setting.offersCompression, index: index, owner: self, loop: loop))
        } done: {
            done()
        }
    }

    private var residentBytes: Int64 { meter.server?.residentBytes ?? 0 }

    private func readBaseline() {
        loop.schedule(afterMilliseconds: options.warmUpMilliseconds) { [self] in
            baselineBytes = residentBytes
            openedNanoseconds = Clock.monotonicNanoseconds
            opening = makeOpening(setting.watchers) { [self] in readGrowth() }
            opening.start()
        }
    }

    private func readGrowth() {
        openingSeconds = Double(Clock.monotonicNanoseconds - openedNanoseconds) / 1e9
        isOpening = false
        // What waiting costs is CPU time of the server while nothing happens.
        meter.begin()
        loop.schedule(afterMilliseconds: options.milliseconds) { [self] in
            let cost = meter.end()
            noteGrowth("rss_bytes_per_watcher")
            guard let publishing else { return report(cost) }
            publishing.open { [self] in publish() }
            awaitMessages(until: Clock.monotonicNanoseconds + Self.patienceNanoseconds) { [self] in
                noteGrowth("rss_bytes_per_watcher_after_messages")
                report(cost)
            }
        }
    }

    /// Compressing for ten thousand takes some servers seconds; when all have everything, memory may settle once more.
    private func awaitMessages(until deadline: Int64, then done: @escaping () -> Void) {
        if received >= messagesExpected || Clock.monotonicNanoseconds > deadline {
            loop.schedule(afterMilliseconds: options.milliseconds, done)
        } else {
            loop.schedule(afterMilliseconds: 50) { [self] in awaitMessages(until: deadline, then: done) }
        }
    }

    /// Each of the messages at each of the watchers, those before the first reading among them.
    private var messagesExpected: Int { setting.messages * links.count }

    private func publish() {
        while messagesLeft > 0, let publishing, let publisher = publishing.free({ _ in true }) {
            messagesLeft -= 1
            publishing.publish(publisher, sequence: 0, sentNanoseconds: Clock.monotonicNanoseconds)
        }
    }

    private func noteGrowth(_ name: String) {
        growths.append((name, Double(residentBytes - baselineBytes) / Double(setting.watchers)))
    }

    private func report(_ cost: CostMeter.Cost) {
        var report = Report(mode: "idle", label: options.label)
        report.add("watchers", setting.watchers)
        report.add("deflate_offered", setting.offersCompression)
        report.add("deflate_negotiated", links.allSatisfy { $0.isCompressed })
        report.add("rss_bytes_before", Int(baselineBytes))
        for growth in growths { report.add(growth.name, growth.bytes) }
        report.add("opening_seconds", openingSeconds)
        report.add("waiting_seconds", cost.seconds)
        if let cpu = cost.serverCPUSeconds { report.add("server_cpu_seconds", cpu) }
        if setting.publish != nil {
            report.add("missing", messagesExpected - received)
        }
        report.add("disconnected", disconnected)
        report.write()
        loop.stop()
    }

    // MARK: What the watchers say

    func linkOpened(_ link: Link) { opening.opened() }

    func linkClosed(_ link: Link, _ reason: String) {
        if isOpening { stop("watcher \(link.index + 1): \(reason)") }
        if disconnected == 0 { complain("watcher \(link.index + 1): \(reason)") }
        disconnected += 1
    }

    func received(_ frame: FrameScanner.Frame, on link: WebSocketLink, at now: Int64) { received += 1 }
}
