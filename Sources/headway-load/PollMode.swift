import Loop
import System

/// `poll`: each connection asks again as soon as it has its answer, and says what it has already.
final class PollMode: HTTPOwner {
    private enum Phase { case asking, opening, warmingUp, measuring, done }

    private let url: ServerURL
    private let connections: Int
    private let options: RunOptions
    private let loop: EventLoop

    private var links: [HTTPLink] = []
    private lazy var opening = makeOpening()
    private var phase = Phase.asking
    private var request: [UInt8] = []
    private var sentAt: [Int64]
    private var meter: CostMeter
    private var measuredFrom = Int64.max
    private var polls: UInt64 = 0
    private var unchanged: UInt64 = 0
    private var changed: UInt64 = 0
    private var failed: UInt64 = 0
    private var latency = LatencyHistogram()

    init(url: ServerURL, connections: Int, options: RunOptions, loop: EventLoop) {
        self.url = url
        self.connections = connections
        self.options = options
        self.loop = loop
        meter = options.meter
        sentAt = Array(repeating: 0, count: connections)
    }

    func start() { opening.start() }

    private func requestHead(_ fields: String) -> [UInt8] {
        Array("GET \(url.target) HTTP/1.1\r\nHost: \(url.address)\r\nAccept: */*\r\n\(fields)\r\n".utf8)
    }

    private func makeOpening() -> Opening {
        let sources = Sources(count: options.sources)
        return Opening(connections, batch: options.batch, loop: loop) { [self] (index) throws(SystemError) in
            links.append(
                try HTTPLink(to: url, from: sources.address(of: index), index: index, owner: self, loop: loop))
        } done: { [self] in
            // The first answer tells the ETag that all ask with from then on.
            links[0].keepsEntityTag = true
            links[0].request(requestHead(""))
        }
    }

    private func begin(_ entityTag: String) {
        request = requestHead("If-None-Match: \(entityTag)\r\n")
        phase = .warmingUp
        let now = Clock.monotonicNanoseconds
        for link in links { ask(link, at: now) }
        loop.schedule(afterMilliseconds: options.warmUpMilliseconds) { [self] in
            phase = .measuring
            (polls, unchanged, changed, failed) = (0, 0, 0, 0)
            measuredFrom = Clock.monotonicNanoseconds
            meter.begin()
            loop.schedule(afterMilliseconds: options.milliseconds) { [self] in
                report(meter.end())
            }
        }
    }

    private func ask(_ link: HTTPLink, at now: Int64) {
        sentAt[link.index] = now
        link.request(request)
    }

    private func report(_ cost: CostMeter.Cost) {
        phase = .done
        var report = Report(mode: "poll", label: options.label)
        report.add("connections", connections)
        report.add("polls", polls, at: cost)
        if let cpu = cost.serverCPUSeconds, polls > 0 {
            report.add("server_cpu_us_per_poll", cpu * 1e6 / Double(polls))
        }
        report.add("latency", latency)
        report.add("status_304", unchanged)
        report.add("status_200", changed)
        report.add("status_other", failed)
        report.write()
        loop.stop()
    }

    // MARK: What the links say

    func linkOpened(_ link: Link) { opening.opened() }

    func linkClosed(_ link: Link, _ reason: String) {
        if phase != .done { stop("connection \(link.index + 1): \(reason)") }
    }

    func answered(_ status: Int, on link: HTTPLink, at now: Int64) {
        if phase == .asking {
            guard status == 200, let entityTag = link.entityTag else {
                stop("the first answer was \(status)\(link.entityTag == nil ? " without an ETag" : "")")
            }
            link.keepsEntityTag = false
            return begin(entityTag)
        }
        polls += 1
        switch status {
        case 304: unchanged += 1
        case 200: changed += 1
        default: failed += 1
        }
        if phase == .measuring && sentAt[link.index] >= measuredFrom { latency.add(now - sentAt[link.index]) }
        if phase != .done { ask(link, at: now) }
    }
}
