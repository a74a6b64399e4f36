import Core
import Loop
import System
import Wire

/// The supervisor's end of `headway embed`: its process and its socket.
final class EmbedLink: EventHandler, @unchecked Sendable {
    private let loop: EventLoop
    private let process: ChildProcess
    private let socket: OwnedDescriptor
    private var registration: EventLoop.Registration?
    private var exitWait: DescriptorWait?
    private let reported: (EmbedReport) -> Void
    private let ended: (Ending) -> Void

    /// A descriptor for each run, and one for each connection to the service.
    static let openFilesMax: Int64 = 1024

    init(
        program: String, memoryBytesMax: Int64, loop: EventLoop, reported: @escaping (EmbedReport) -> Void,
        ended: @escaping (Ending) -> Void
    ) throws(SystemError) {
        self.loop = loop
        self.reported = reported
        self.ended = ended
        let pair = try DescriptorPair.messageSocket()
        let null = try Files.open("/dev/null", .read)
        // No proxy, no key, nothing of the server's own environment.
        process = try ChildProcess.spawn(
            path: program, arguments: ["embed"], environment: ["LANG=C.UTF-8", "SWIFT_BACKTRACE=enable=no"],
            descriptors: [null.raw, null.raw, 2, pair.second.raw],
            limits: ProcessLimits(dataBytesMax: memoryBytesMax, openFilesMax: Self.openFilesMax),
            confinement: .enteredByItself)
        try DescriptorIO.setNonBlocking(pair.first.raw, true)
        let raw = pair.first.raw
        socket = pair.takeFirst()
        registration = try loop.register(raw, for: .read, handler: self)
        exitWait = try DescriptorWait(process.exitDescriptor, loop: loop) { [weak self] in self?.exited() }
    }

    func handle(_ readiness: Readiness) {
        guard registration != nil else { return }
        do throws(SystemError) {
            guard let message = try MessageSocket.receive(socket.raw) else { return endDeaf() }
            for descriptor in message.descriptors { _ = OwnedDescriptor(owning: descriptor) }
            guard let report = EmbedReport(decoding: message.bytes) else { return kill() }
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

    private func exited() {
        process.killTree()
        let ending: Ending
        do throws(SystemError) {
            guard let end = try process.reap() else { return }
            ending = Ending(end)
        } catch {
            // Somebody else has reaped it; how it ended is not known, that it ended is.
            ending = .signal(0)
        }
        // Why it cannot work may still wait in the socket.
        while registration != nil, let message = try? MessageSocket.receive(socket.raw) {
            if let report = EmbedReport(decoding: message.bytes) { reported(report) }
        }
        stopListening()
        exitWait?.cancel()
        exitWait = nil
        ended(ending)
    }

    func send(_ order: EmbedOrder, _ descriptors: [Int32]) throws(SystemError) {
        try MessageSocket.send(socket.raw, order.encoded, descriptors: descriptors)
    }

    func kill() { process.killTree() }
}
