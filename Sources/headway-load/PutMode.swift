import ArgumentParser
import Loop
import System

extension UploadWay: ExpressibleByArgument {}

struct PutCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "put", abstract: "Uploads, many at once, from the first byte to the last answer.",
        discussion: """
            Connections are opened before the clock starts. Without --file the bytes are made: a pattern that is no \
            document. The result counts as failed what is answered with no 2xx, or not at all.
            """)

    @Option(help: ArgumentHelp("Where to; {n} becomes the number of the upload.", valueName: "http://…"))
    var url: String
    @Option(help: "put, multipart (POST of a form) or tus (creation, then PATCH).") var way = UploadWay.put
    @Option(help: ArgumentHelp("What is uploaded.", valueName: "path")) var file: String?
    @Option(help: "Bytes of an upload, instead of --file.") var bytes: Int64 = 1 << 20
    @Option(help: "How many, all connections together.") var uploads = 1
    @Option(help: "Connections, each with one upload at a time.") var connections = 1
    @Option(help: ArgumentHelp("How fast each connection sends; 0: as fast as it can.", valueName: "bytes a second"))
    var rate = 0.0
    @Option(help: ArgumentHelp("The server's processes, for its CPU time and memory.", valueName: "pid,pid…"))
    var pid: String?
    @Option(help: "A name for the result.") var label = ""

    func validate() throws {
        _ = try serverURL(url, "url", [.http])
        try atLeast(1, [("uploads", uploads), ("connections", connections)])
        guard bytes >= 1, (0...1e12).contains(rate) else { throw ValidationError("--bytes: from 1; --rate: from 0.") }
        try checkProcesses(pid)
    }

    func run() throws {
        let url = try serverURL(url, "url", [.http])
        SignalSource.ignoreBrokenPipes()
        onLoop { loop in
            do throws(SystemError) {
                let content =
                    if let file { try UploadedContent(file: file) } else { try UploadedContent(byteCount: bytes) }
                guard content.byteCount > 0 else { stop("\(file ?? ""): there is nothing in it") }
                PutMode(self, url: url, content: content, loop: loop).start()
            } catch {
                stop("\(error)")
            }
        }
    }
}

/// `put`: as many connections as are wanted, each taking the next upload when its last one is answered.
final class PutMode: PutOwner {
    private enum Phase { case opening, measuring, done }

    private let url: ServerURL
    private let host: String
    private let way: UploadWay
    private let uploads: Int
    private let connections: Int
    private let rate: Double?
    private let label: String
    private let content: UploadedContent
    private let loop: EventLoop

    private var links: [PutLink] = []
    private lazy var opening = makeOpening()
    private var phase = Phase.opening
    private var meter: CostMeter
    private var begun = 0
    private var ended = 0
    private var failed = 0
    private var begunAt: [Int64]
    private var latency = LatencyHistogram()

    init(_ command: PutCommand, url: ServerURL, content: UploadedContent, loop: EventLoop) {
        self.url = url
        host = url.address.description
        way = command.way
        uploads = command.uploads
        connections = min(command.connections, command.uploads)
        rate = command.rate > 0 ? command.rate : nil
        label = command.label
        self.content = content
        self.loop = loop
        meter = CostMeter(server: command.pid.flatMap { ServerProcesses(parsing: $0) })
        begunAt = Array(repeating: 0, count: connections)
    }

    func start() { opening.start() }

    private func makeOpening() -> Opening {
        Opening(connections, batch: 100, loop: loop) { [self] (index) throws(SystemError) in
            links.append(try makeLink(index))
        } done: { [self] in
            phase = .measuring
            meter.begin()
            for link in links { beginNext(on: link) }
        }
    }

    private func makeLink(_ index: Int) throws(SystemError) -> PutLink {
        try PutLink(to: url, index: index, content: content, bytesPerSecond: rate, owner: self, loop: loop)
    }

    private func beginNext(on link: PutLink) {
        guard begun < uploads else { return }
        begun += 1
        link.number = begun
        begunAt[link.index] = Clock.monotonicNanoseconds
        let target = PutRequest.target(url.target, number: begun)
        switch way {
        case .put: send(.put(target, host: host, byteCount: content.byteCount), on: link)
        case .multipart: send(.multipart(target, host: host, byteCount: content.byteCount), on: link)
        case .tus:
            let creation = PutRequest.creation(target, host: host, byteCount: content.byteCount)
            link.request(head: creation.head, hasContent: false)
        }
    }

    private func send(_ request: PutRequest, on link: PutLink) {
        link.request(head: request.head, hasContent: true, tail: request.tail)
    }

    private func end(_ link: PutLink, reason: String?) {
        ended += 1
        if let reason {
            failed += 1
            if failed == 1 { complain("upload \(link.number): \(reason)") }
        }
        if ended == uploads { return report() }
        if link.closesAfterAnswer || !link.isOpen { replace(link) } else { beginNext(on: link) }
    }

    private func replace(_ link: PutLink) {
        guard begun < uploads else { return }
        if link.isOpen { link.close("") }
        do throws(SystemError) { links[link.index] = try makeLink(link.index) } catch { stop("\(error)") }
    }

    private func report() {
        let cost = meter.end()
        phase = .done
        var report = Report(mode: "put", label: label)
        report.add("way", way.rawValue)
        report.add("connections", connections)
        report.add("uploads", UInt64(ended - failed), at: cost)
        report.add("bytes", Int(content.byteCount) * (ended - failed))
        report.add("failed", failed)
        report.add("latency", latency)
        if let server = meter.server { report.add("server_rss_bytes_max", Int(server.residentBytesMax)) }
        report.write()
        loop.stop()
    }

    // MARK: What the links say

    func linkOpened(_ link: Link) {
        if phase == .opening { opening.opened() } else if let link = link as? PutLink { beginNext(on: link) }
    }

    func linkClosed(_ link: Link, _ reason: String) {
        if phase == .opening { stop("connection \(link.index + 1): \(reason)") }
        guard phase == .measuring, let link = link as? PutLink else { return }
        if link.number == 0 { stop("no other connection could be opened: \(reason)") }
        if link.isBusy { end(link, reason: reason) }
    }

    func answered(_ status: Int, on link: PutLink, at now: Int64) {
        guard phase == .measuring else { return }
        if way == .tus, status == 201, let location = link.location, !link.closesAfterAnswer, !link.hasSentContent {
            return send(.patch(location, host: host, byteCount: content.byteCount), on: link)
        }
        let isGood = 200...299 ~= status && link.hasSentContent
        if isGood { latency.add(now - begunAt[link.index]) }
        end(link, reason: isGood ? nil : "the answer was \(status)")
    }
}
