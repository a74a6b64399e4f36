import Loop
import System
import Wire

/// `echo`: each connection keeps `depth` messages in flight; one that comes back is sent again at once.
final class EchoMode: WebSocketOwner {
    private enum Phase { case opening, warmingUp, measuring, draining }

    private let url: ServerURL
    private let connections: Int
    private let depth: Int
    private let byteCount: Int
    private let opcode: WebSocketOpcode
    private let options: RunOptions
    private let loop: EventLoop

    private let payload: [UInt8]
    /// `depth` frames one behind the other: however many come back at once, as many leave in one call.
    private let frames: [UInt8]
    private let frameByteCount: Int

    private var links: [WebSocketLink] = []
    private lazy var opening = makeOpening()
    private var phase = Phase.opening
    private var meter: CostMeter

    /// When each message in flight was sent: a ring of `depth` a connection, as answers keep the order.
    private var sentAt: [Int64]
    private var oldest: [Int]
    private var inFlight = 0
    /// Messages of the read in progress; they are answered together when it is through.
    private var arrived = 0
    private var echoed: UInt64 = 0
    private var mismatched: UInt64 = 0
    private var disconnected = 0
    private var latency = LatencyHistogram()
    private var measuredFrom = Int64.max

    init(
        url: ServerURL, connections: Int, byteCount: Int, depth: Int, isBinary: Bool, options: RunOptions,
        loop: EventLoop
    ) {
        self.url = url
        self.connections = connections
        self.depth = depth
        self.byteCount = byteCount
        opcode = isBinary ? .binary : .text
        self.options = options
        self.loop = loop
        meter = options.meter
        payload = (0..<byteCount).map { UInt8(ascii: "a") + UInt8(($0 * 7 + $0 / 26) % 26) }
        let frame = MaskedFrame.frame(opcode, payload)
        frameByteCount = frame.count
        frames = Array((0..<depth).map { _ in frame }.joined())
        sentAt = Array(repeating: 0, count: connections * depth)
        oldest = Array(repeating: 0, count: connections)
    }

    func start() { opening.start() }

    private func makeOpening() -> Opening {
        let sources = Sources(count: options.sources)
        return Opening(connections, batch: options.batch, loop: loop) { [self] (index) throws(SystemError) in
            links.append(
                try WebSocketLink(
                    to: url, from: sources.address(of: index), index: index, owner: self, loop: loop))
        } done: { [self] in
            phase = .warmingUp
            let now = Clock.monotonicNanoseconds
            for link in links { send(depth, on: link, at: now) }
            loop.schedule(afterMilliseconds: options.warmUpMilliseconds) { [self] in measure() }
        }
    }

    private func measure() {
        phase = .measuring
        echoed = 0
        measuredFrom = Clock.monotonicNanoseconds
        meter.begin()
        loop.schedule(afterMilliseconds: options.milliseconds) { [self] in
            let cost = meter.end()
            let counted = echoed
            phase = .draining
            awaitRest(tries: 100) { [self] in report(counted, cost) }
        }
    }

    /// What is still on its way gets two seconds to come back.
    private func awaitRest(tries: Int, then done: @escaping () -> Void) {
        if inFlight == 0 || tries == 0 { return done() }
        loop.schedule(afterMilliseconds: 20) { [self] in awaitRest(tries: tries - 1, then: done) }
    }

    private func report(_ counted: UInt64, _ cost: CostMeter.Cost) {
        var report = Report(mode: "echo", label: options.label)
        report.add("connections", connections)
        report.add("bytes", byteCount)
        report.add("depth", depth)
        report.add("messages", counted, at: cost)
        report.add("latency", latency)
        report.add("missing", inFlight)
        report.add("mismatched", mismatched)
        report.add("disconnected", disconnected)
        report.write()
        loop.stop()
    }

    private func send(_ count: Int, on link: WebSocketLink, at now: Int64) {
        // The ring is full again after this: all its places from the oldest on, as many as were sent, are new.
        let base = link.index * depth
        for step in 0..<count { sentAt[base + (oldest[link.index] + depth - count + step) % depth] = now }
        inFlight += count
        frames.withUnsafeBytes { link.send(UnsafeRawBufferPointer(rebasing: $0[..<(count * frameByteCount)])) }
    }

    // MARK: What the links say

    func linkOpened(_ link: Link) { opening.opened() }

    func linkClosed(_ link: Link, _ reason: String) {
        if phase == .opening { stop("connection \(link.index + 1): \(reason)") }
        if disconnected == 0 { complain("connection \(link.index + 1): \(reason)") }
        disconnected += 1
        if disconnected == connections { stop("every connection is gone") }
    }

    func received(_ frame: FrameScanner.Frame, on link: WebSocketLink, at now: Int64) {
        guard phase != .opening, inFlight > 0 else {
            mismatched += 1
            return
        }
        if frame.payloadCount != byteCount || frame.opcode != opcode.rawValue
            || !frame.hasPrefix(of: payload)
        {
            mismatched += 1
        }
        inFlight -= 1
        echoed += 1
        let place = oldest[link.index]
        let sent = sentAt[link.index * depth + place]
        oldest[link.index] = place + 1 == depth ? 0 : place + 1
        if phase == .measuring && sent >= measuredFrom { latency.add(now - sent) }
        arrived += 1
    }

    func readEnded(on link: WebSocketLink, at now: Int64) {
        if arrived > 0 && phase != .draining { send(arrived, on: link, at: now) }
        arrived = 0
    }
}
