import Core
import Loop
import System
import Wire

/// What a process of this binary says over its socket.
protocol ChildReport {
    /// Nil when the bytes are none.
    init?(decoding bytes: [UInt8])
}

extension WorkerReport: ChildReport {}
extension EmbedReport: ChildReport {}

typealias WorkerLink = ChildLink<WorkerReport>
typealias EmbedLink = ChildLink<EmbedReport>

/// The supervisor's end of a `headway worker` or of `headway embed`: its process and its socket.
final class ChildLink<Report: ChildReport>: EventHandler, @unchecked Sendable {
    private let loop: EventLoop
    private let child: SupervisedChild
    private let socket: OwnedDescriptor
    private var registration: EventLoop.Registration?
    private let reported: (Report) -> Void
    private let ended: (Ending) -> Void

    var processID: Int32 { child.process.processID }

    fileprivate init(
        program: String, command: String, limits: ProcessLimits, lowPriority: Bool, loop: EventLoop,
        reported: @escaping (Report) -> Void, ended: @escaping (Ending) -> Void
    ) throws(SystemError) {
        self.loop = loop
        self.reported = reported
        self.ended = ended
        let pair = try DescriptorPair.messageSocket()
        let null = try Files.open("/dev/null", .read)
        // No proxy, no key, nothing of the server's own environment.
        let process = try ChildProcess.spawn(
            path: program, arguments: [command], environment: ["LANG=C.UTF-8", "SWIFT_BACKTRACE=enable=no"],
            descriptors: [null.raw, null.raw, 2, pair.second.raw], limits: limits, lowPriority: lowPriority,
            confinement: .enteredByItself)
        child = SupervisedChild(process, loop: loop)
        try DescriptorIO.setNonBlocking(pair.first.raw, true)
        let raw = pair.first.raw
        socket = pair.takeFirst()
        registration = try loop.register(raw, for: .read, handler: self)
        try child.conclude { [weak self] in self?.exited($0) }
    }

    func handle(_ readiness: Readiness) {
        guard registration != nil else { return }
        // One message an event: the loop is level-triggered, and other work gets its turn in between.
        do throws(SystemError) {
            guard let message = try MessageSocket.receive(socket.raw) else { return endDeaf() }
            for descriptor in message.descriptors { _ = OwnedDescriptor(owning: descriptor) }
            guard let report = Report(decoding: message.bytes) else { return kill() }
            reported(report)
        } catch {
            endDeaf()
        }
    }

    /// A process that can no longer be heard is of no use, even if it lives.
    private func endDeaf() {
        stopListening()
        kill()
    }

    private func stopListening() {
        if let registration { loop.deregister(registration) }
        registration = nil
    }

    private func exited(_ ending: Ending) {
        // Its last words, such as why it cannot work, may still wait in the socket.
        while registration != nil, let message = try? MessageSocket.receive(socket.raw) {
            if let report = Report(decoding: message.bytes) { reported(report) }
        }
        stopListening()
        ended(ending)
    }

    fileprivate func send(_ bytes: [UInt8], _ descriptors: [Int32]) throws(SystemError) {
        try MessageSocket.send(socket.raw, bytes, descriptors: descriptors)
    }

    /// Bounds what it writes to a file from now on: a worker is older than its run, and knows no limit but memory.
    func limitFiles(toBytes bytesMax: Int64) { child.process.limitFiles(toBytes: bytesMax) }

    func kill() { child.kill() }
}

extension ChildLink<WorkerReport> {
    private static var openFilesMax: Int64 { 64 }

    convenience init(
        program: String, memoryBytesMax: Int64, loop: EventLoop, reported: @escaping (WorkerReport) -> Void,
        ended: @escaping (Ending) -> Void
    ) throws(SystemError) {
        try self.init(
            program: program, command: "worker",
            limits: ProcessLimits(dataBytesMax: memoryBytesMax, openFilesMax: Self.openFilesMax), lowPriority: true,
            loop: loop, reported: reported, ended: ended)
    }

    func send(_ assignment: WorkerAssignment, _ descriptors: [Int32]) throws(SystemError) {
        try send(assignment.encoded, descriptors)
    }

    func send(_ order: WorkerOrder, _ descriptors: [Int32] = []) throws(SystemError) {
        try send(order.encoded, descriptors)
    }
}

extension ChildLink<EmbedReport> {
    /// A descriptor for each run, and one for each connection to the service.
    private static var openFilesMax: Int64 { 1024 }

    convenience init(
        program: String, memoryBytesMax: Int64, loop: EventLoop, reported: @escaping (EmbedReport) -> Void,
        ended: @escaping (Ending) -> Void
    ) throws(SystemError) {
        try self.init(
            program: program, command: "embed",
            limits: ProcessLimits(dataBytesMax: memoryBytesMax, openFilesMax: Self.openFilesMax), lowPriority: false,
            loop: loop, reported: reported, ended: ended)
    }

    func send(_ order: EmbedOrder, _ descriptors: [Int32]) throws(SystemError) {
        try send(order.encoded, descriptors)
    }
}
