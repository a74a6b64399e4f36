import Loop
import System

/// `fanout`: publishers publish, watchers watch, and `DeliveryBook` keeps the account of who has what.
final class FanoutMode: WebSocketOwner {
    struct Setting {
        var watch: ServerURL
        var publish: ServerURL
        var watchers: Int
        var publishers: Int
        var inFlight: Int
        /// 0: as fast as `inFlight` allows.
        var ratePerSecond: Double
        var byteCount: Int
        var conflates: Bool
        var patienceNanoseconds: Int64
    }

    private enum Phase { case opening, publishing, draining }

    /// Between the last handshake and the first message: a server may enter a watcher a little after answering it.
    private static let settlingMilliseconds: Int64 = 200

    private let setting: Setting
    private let options: RunOptions
    private let loop: EventLoop
    private let run: UInt32

    private var watchers: [WebSocketLink] = []
    private lazy var opening = makeOpening()
    private lazy var publishing = makePublishing()
    private var book: DeliveryBook
    private var meter: CostMeter
    private var phase = Phase.opening

    /// Messages of an earlier run that the server still had, or of somebody else.
    private var foreign: UInt64 = 0
    private var disconnected = 0
    private var startNanoseconds: Int64 = 0
    private var atMeasuring: (delivered: UInt64, published: UInt64, skipped: UInt64) = (0, 0, 0)

    init(_ setting: Setting, options: RunOptions, loop: EventLoop) {
        self.setting = setting
        self.options = options
        self.loop = loop
        run = UInt32(truncatingIfNeeded: Clock.monotonicNanoseconds) ^ UInt32(ThisProcess.processID) << 20
        book = DeliveryBook(
            watchers: setting.watchers, publishers: setting.publishers, conflates: setting.conflates)
        meter = options.meter
    }

    func start() { opening.start() }

    private func makeOpening() -> Opening {
        let sources = Sources(count: options.sources)
        return Opening(setting.watchers, batch: options.batch, loop: loop) { [self] (index) throws(SystemError) in
            watchers.append(
                try WebSocketLink(
                    to: setting.watch, from: sources.address(of: index), index: index, owner: self, loop: loop))
        } done: { [self] in
            publishing.open { [self] in
                loop.schedule(afterMilliseconds: Self.settlingMilliseconds) { [self] in begin() }
            }
        }
    }

    private func makePublishing() -> Publishing {
        Publishing(
            to: setting.publish, count: setting.publishers, byteCount: setting.byteCount, run: run, options: options,
            loop: loop
        ) { [self] in publishDue() }
    }

    // MARK: The course of a run

    private func begin() {
        phase = .publishing
        startNanoseconds = Clock.monotonicNanoseconds
        publishDue()
        if setting.ratePerSecond > 0 { awaitDue() }
        lookForLosses()
        loop.schedule(afterMilliseconds: options.warmUpMilliseconds) { [self] in measure() }
    }

    private func measure() {
        book.measuredFrom = Clock.monotonicNanoseconds
        atMeasuring = (book.delivered, book.published, book.skipped)
        meter.begin()
        loop.schedule(afterMilliseconds: options.milliseconds) { [self] in
            let cost = meter.end()
            let counted = (
                delivered: book.delivered - atMeasuring.delivered, published: book.published - atMeasuring.published,
                skipped: book.skipped - atMeasuring.skipped
            )
            phase = .draining
            let deadline = Clock.monotonicNanoseconds + setting.patienceNanoseconds
            awaitRest(until: deadline) { [self] in
                report(counted.delivered, published: counted.published, skipped: counted.skipped, cost)
            }
        }
    }

    private func awaitRest(until deadline: Int64, then done: @escaping () -> Void) {
        let now = Clock.monotonicNanoseconds
        if book.inFlight == 0 || now > deadline {
            book.writeOff(publishedBefore: .max, at: now)
            return done()
        }
        loop.schedule(afterMilliseconds: 10) { [self] in awaitRest(until: deadline, then: done) }
    }

    /// Four times within a patience, so that a lost message holds its place in the window no longer than that.
    private func lookForLosses() {
        loop.schedule(afterMilliseconds: max(1, setting.patienceNanoseconds / 4_000_000)) { [self] in
            guard phase == .publishing else { return }
            let now = Clock.monotonicNanoseconds
            if book.writeOff(publishedBefore: now - setting.patienceNanoseconds, at: now) > 0 { publishDue() }
            lookForLosses()
        }
    }

    // MARK: Publishing

    private func publishDue() {
        guard phase == .publishing else { return }
        while let sent = nextDue(), let publisher = publishing.free(book.canPublish) {
            let sequence = book.publish(publisher, at: sent)
            publishing.publish(publisher, sequence: sequence, sentNanoseconds: sent)
        }
    }

    /// When the next message is, or was, due; nil when it is not yet.
    private func nextDue() -> Int64? {
        let now = Clock.monotonicNanoseconds
        guard setting.ratePerSecond > 0 else { return book.inFlight < setting.inFlight ? now : nil }
        // By the plan, not by the clock: if publishing has to wait, that is part of the delay that is measured.
        let due = dueNanoseconds
        return due <= now ? due : nil
    }

    private var dueNanoseconds: Int64 {
        startNanoseconds + Int64(Double(book.published) * 1e9 / setting.ratePerSecond)
    }

    /// The loop's timers count milliseconds; within the last one it looks again each turn, without sleeping.
    private func awaitDue() {
        guard phase == .publishing else { return }
        let wait = max(0, dueNanoseconds - Clock.monotonicNanoseconds) / 1_000_000
        loop.schedule(afterMilliseconds: wait) { [self] in
            publishDue()
            awaitDue()
        }
    }

    // MARK: What the watchers say

    func linkOpened(_ link: Link) { opening.opened() }

    func linkClosed(_ link: Link, _ reason: String) {
        if phase == .opening { stop("watcher \(link.index + 1): \(reason)") }
        if disconnected == 0 { complain("watcher \(link.index + 1): \(reason)") }
        disconnected += 1
        book.leave(link.index, at: Clock.monotonicNanoseconds)
        if book.watching == 0 { stop("every watcher is gone") }
    }

    func received(_ frame: FrameScanner.Frame, on link: WebSocketLink, at now: Int64) {
        guard frame.payloadCount == setting.byteCount, let stamp = StampedMessage.read(frame.prefix),
            stamp.run == run
        else {
            foreign += 1
            return
        }
        book.deliver(to: link.index, stamp, at: now)
    }

    func readEnded(on link: WebSocketLink, at now: Int64) {
        if setting.ratePerSecond == 0 { publishDue() }
    }

    // MARK: The result

    private func report(_ delivered: UInt64, published: UInt64, skipped: UInt64, _ cost: CostMeter.Cost) {
        var report = Report(mode: "fanout", label: options.label)
        report.add("watchers", setting.watchers)
        report.add("publishers", setting.publishers)
        report.add("publishing_over", setting.publish.scheme.rawValue)
        report.add("bytes", setting.byteCount)
        if setting.ratePerSecond > 0 {
            report.add("rate_per_second", setting.ratePerSecond)
        } else {
            report.add("in_flight", setting.inFlight)
        }
        report.add("conflating", setting.conflates)
        report.add("published", published)
        report.add("deliveries", delivered, at: cost)
        report.add("delivery", book.deliveryLatency)
        // Until the last watcher had it, or, conflating, something newer.
        report.add(setting.conflates ? "newest" : "completion", book.completionLatency)
        report.add("skipped", skipped)
        // Of the whole run, warm-up and end included.
        report.add("missing", book.missing)
        report.add("disordered", book.disordered)
        report.add("unknown", book.unknown)
        report.add("foreign", foreign)
        report.add("refused", publishing.refused)
        report.add("disconnected", disconnected)
        report.write()
        loop.stop()
    }
}
