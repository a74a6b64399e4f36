import Core
import Loop
import System
import Wire

/// The supervisor's end of a worker: its process and its socket.
final class WorkerLink: EventHandler, @unchecked Sendable {
    private let loop: EventLoop
    private let process: ChildProcess
    private let socket: OwnedDescriptor
    private var registration: EventLoop.Registration?
    private var exitWait: DescriptorWait?
    private let reported: (WorkerReport) -> Void
    private let ended: (Ending) -> Void

    var processID: Int32 { process.processID }

    init(
        program: String, memoryBytesMax: Int64, loop: EventLoop, reported: @escaping (WorkerReport) -> Void,
        ended: @escaping (Ending) -> Void
    ) throws(SystemError) {
        self.loop = loop
        self.reported = reported
        self.ended = ended
        let pair = try DescriptorPair.messageSocket()
        let null = try Files.open("/dev/null", .read)
        process = try ChildProcess.spawn(
            path: program, arguments: ["worker"], environment: ["LANG=C.UTF-8", "SWIFT_BACKTRACE=enable=no"],
            descriptors: [null.raw, null.raw, 2, pair.second.raw],
            limits: ProcessLimits(dataBytesMax: memoryBytesMax, openFilesMax: 64), lowPriority: true,
            confinement: .enteredByItself)
        try DescriptorIO.setNonBlocking(pair.first.raw, true)
        let raw = pair.first.raw
        socket = pair.takeFirst()
        registration = try loop.register(raw, for: .read, handler: self)
        exitWait = try DescriptorWait(process.exitDescriptor, loop: loop) { [weak self] in self?.exited() }
    }

    func handle(_ readiness: Readiness) {
        guard registration != nil else { return }
        // One message an event: the loop is level-triggered, and other work gets its turn in between.
        do throws(SystemError) {
            guard let message = try MessageSocket.receive(socket.raw) else { return endDeaf() }
            for descriptor in message.descriptors { _ = OwnedDescriptor(owning: descriptor) }
            guard let report = WorkerReport(decoding: message.bytes) else { return kill() }
            reported(report)
        } catch {
            endDeaf()
        }
    }

    /// A worker that can no longer be heard is of no use, even if it lives.
    private func endDeaf() {
        stopListening()
        kill()
    }

    private func stopListening() {
        if let registration { loop.deregister(registration) }
        registration = nil
    }

    private func exited() {
        // Before it is reaped its number is surely its own.
        process.killTree()
        let ending: Ending
        do throws(SystemError) {
            guard let end = try process.reap() else { return }
            ending = Ending(end)
        } catch {
            // Somebody else has reaped it; how it ended is not known, that it ended is.
            ending = .signal(0)
        }
        // Its last words may still wait in the socket.
        while registration != nil, let message = try? MessageSocket.receive(socket.raw) {
            if let report = WorkerReport(decoding: message.bytes) { reported(report) }
        }
        stopListening()
        exitWait?.cancel()
        exitWait = nil
        ended(ending)
    }

    func send(_ assignment: WorkerAssignment, _ descriptors: [Int32]) throws(SystemError) {
        try MessageSocket.send(socket.raw, assignment.encoded, descriptors: descriptors)
    }

    func send(_ order: WorkerOrder, _ descriptors: [Int32] = []) throws(SystemError) {
        try MessageSocket.send(socket.raw, order.encoded, descriptors: descriptors)
    }

    /// Bounds what it writes to a file from now on: a worker is older than its run, and knows no limit but memory.
    func limitFiles(toBytes bytesMax: Int64) { process.limitFiles(toBytes: bytesMax) }

    func kill() { process.killTree() }
}
