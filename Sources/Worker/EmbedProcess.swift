import Core
import System
import Transfer
import Wire

// Theory of operation
//
// `headway embed` has the network and no document: it gets texts from workers, each over a socket that the supervisor
// hands it, and answers with vectors. One thread, one place to wait (`HTTPCalls.turn`); what is to be done is decided
// by `EmbeddingDispatch`. It ends when the supervisor does. A worker that sends what is no frame is hung up on.

/// `headway embed`: calls the embedding service for all workers, until its socket closes.
package enum EmbedProcess {
    /// The descriptor that the supervisor gives it.
    package static let socketDescriptor: Int32 = 3

    /// Runs until the server is gone. Returns the exit code.
    package static func run(socket: Int32 = socketDescriptor) -> Int32 {
        SignalSource.ignoreBrokenPipes()
        do throws(SystemError) {
            guard let message = try MessageSocket.receive(socket),
                case .configure(let configuration)? = EmbedOrder(decoding: message.bytes)
            else { return 65 }
            let calls: HTTPCalls
            do throws(LibraryMissing) {
                calls = try HTTPCalls(connectionsMax: configuration.concurrency)
            } catch {
                let detail = "this machine has no libcurl (\(error.reason)): install it with `apt install libcurl4`"
                try MessageSocket.send(socket, EmbedReport.broken(detail: detail).encoded)
                return 69
            }
            // From here on it has the network, and the files that names and certificates are looked up in.
            try Sandbox.enter(.embedder)
            try MessageSocket.send(socket, EmbedReport.ready.encoded)
            let serving = EmbedServing(configuration, calls: calls, socket: socket)
            while try serving.turn() {}
            return 0
        } catch {
            // Without its socket there is nobody to tell, and without its sandbox it must not begin.
            return 74
        }
    }
}

/// The workers, the calls under way, and what has been told of them.
private final class EmbedServing {
    /// Reports of what was counted come at most this often.
    static let reportMilliseconds: Int64 = 250
    static let waitMilliseconds: Int64 = 60_000
    static let readBytes = 64 * 1024

    private let configuration: EmbedConfiguration
    private let calls: HTTPCalls
    private let socket: Int32
    private var dispatch: EmbeddingDispatch
    private var peers: [Int: EmbedPeer] = [:]
    private var nextPeer = 0
    private var running: [Int: HTTPCall] = [:]
    private var told = BreakerReading(state: .closed)
    private var counted = (calls: 0, failures: 0, texts: 0)
    private var lastReportMilliseconds = Int64.min
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: readBytes, alignment: 64)

    init(_ configuration: EmbedConfiguration, calls: HTTPCalls, socket: Int32) {
        self.configuration = configuration
        self.calls = calls
        self.socket = socket
        dispatch = EmbeddingDispatch(concurrency: configuration.concurrency, dimensions: configuration.dimensions)
    }

    deinit { buffer.deallocate() }

    /// Does what is to be done and waits for more. False when the supervisor is gone.
    func turn() throws(SystemError) -> Bool {
        startCalls()
        deliver()
        try report()
        let ids = peers.keys.sorted()
        var watched = [WatchedDescriptor(socket)]
        for id in ids { watched.append(WatchedDescriptor(peers[id]!.raw, wantsToWrite: peers[id]!.hasOutput)) }
        calls.turn(watching: &watched, waitingMilliseconds: waitMilliseconds)
        for (id, state) in zip(ids, watched.dropFirst()) {
            if state.isWritable && !peers[id]!.flush() { hangUp(id) }
            if state.isReadable, peers[id] != nil { read(id) }
        }
        return watched[0].isReadable ? try takeOrder() : true
    }

    private var waitMilliseconds: Int64 {
        let now = Clock.monotonicMilliseconds
        var wait = dispatch.wakeMilliseconds(nowMilliseconds: now).map { max(0, $0 - now) } ?? Self.waitMilliseconds
        if counted.calls > 0 { wait = min(wait, Self.reportMilliseconds) }
        return min(wait, Self.waitMilliseconds)
    }

    // MARK: Supervisor

    private func takeOrder() throws(SystemError) -> Bool {
        guard let message = try MessageSocket.receive(socket) else { return false }
        guard case .serve? = EmbedOrder(decoding: message.bytes), message.descriptors.count == 1 else {
            for descriptor in message.descriptors { _ = OwnedDescriptor(owning: descriptor) }
            return true
        }
        nextPeer += 1
        peers[nextPeer] = EmbedPeer(OwnedDescriptor(owning: message.descriptors[0]))
        return true
    }

    private func report() throws(SystemError) {
        let now = Clock.monotonicMilliseconds
        let reading = dispatch.breaker.reading(nowMilliseconds: now)
        if reading != told {
            told = reading
            let report = EmbedReport.breaker(
                state: reading.state.rawValue, detail: reading.detail,
                nextTryMilliseconds: reading.nextTryMilliseconds.map { max(0, $0 - now) })
            try MessageSocket.send(socket, report.encoded)
        }
        guard counted.calls > 0, now - Self.reportMilliseconds >= lastReportMilliseconds else { return }
        lastReportMilliseconds = now
        let report = EmbedReport.counted(
            calls: counted.calls, failures: counted.failures, texts: counted.texts, dimensions: dispatch.dimensions)
        counted = (0, 0, 0)
        try MessageSocket.send(socket, report.encoded)
    }

    // MARK: Workers

    private func read(_ id: Int) {
        guard let peer = peers[id], let frames = peer.read(into: buffer) else { return hangUp(id) }
        for frame in frames {
            guard case .texts(let batch, let texts) = frame,
                dispatch.submit(texts, batch: batch, from: id, nowMilliseconds: Clock.monotonicMilliseconds)
            else { return hangUp(id) }
        }
    }

    private func deliver() {
        while let answer = dispatch.nextAnswer() {
            guard let peer = peers[answer.peer] else { continue }
            if !peer.send(answer.frame.encoded) { hangUp(answer.peer) }
        }
    }

    private func hangUp(_ id: Int) {
        peers[id] = nil
        let now = Clock.monotonicMilliseconds
        for call in dispatch.leave(id, nowMilliseconds: now) {
            if let running = running.removeValue(forKey: call) { calls.cancel(running) }
            dispatch.cancelled(call, nowMilliseconds: now)
        }
    }

    // MARK: Calls

    private func startCalls() {
        while let call = dispatch.nextCall(nowMilliseconds: Clock.monotonicMilliseconds) {
            var fields = [("Content-Type", "application/json"), ("Accept", "application/json")]
            if let key = configuration.key { fields.append(("Authorization", "Bearer \(key)")) }
            let body = EmbeddingRequest.body(
                model: configuration.model,
                dimensions: configuration.asksForDimensions ? configuration.dimensions : nil, texts: call.texts)
            let request = HTTPRequest(
                postTo: configuration.url, headers: fields, body: body,
                timeoutMilliseconds: configuration.timeoutMilliseconds)
            let receiver = EmbeddingReceiver(
                textCount: call.texts.count, dimensions: dispatch.dimensions, configuration: configuration
            ) { [unowned self] result in ended(call, result) }
            running[call.id] = calls.start(request, receiver: receiver)
        }
    }

    private func ended(_ call: EmbeddingDispatch.Call, _ result: Result<EmbeddingVectors, EmbeddingFault>) {
        running[call.id] = nil
        counted.calls += 1
        let now = Clock.monotonicMilliseconds
        switch result {
        case .success(let vectors):
            counted.texts += call.texts.count
            dispatch.succeeded(call.id, vectors, nowMilliseconds: now)
        case .failure(let fault):
            counted.failures += 1
            let randomness = Double(Randomness.integer() >> 11) / Double(1 << 53)
            dispatch.failed(call.id, fault, randomness: randomness, nowMilliseconds: now)
        }
    }
}

/// A worker's end of things: its socket, what has come of a frame, and what could not be sent yet.
private final class EmbedPeer {
    private let descriptor: OwnedDescriptor
    private var decoder = EmbeddingFrameDecoder(payloadBytesMax: EmbeddingFrame.textsBytesMax)
    /// Frames that wait for the worker to read: no more than it has batches under way.
    private var output: [[UInt8]] = []
    private var sentOfFirst = 0

    init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }

    var raw: Int32 { descriptor.raw }
    var hasOutput: Bool { !output.isEmpty }

    /// The frames that are whole now; nil when the worker is gone or sends what is none.
    func read(into buffer: UnsafeMutableRawBufferPointer) -> [EmbeddingFrame]? {
        guard case .bytes(let count)? = try? DescriptorIO.read(descriptor.raw, into: buffer) else { return nil }
        decoder.receive(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        var frames: [EmbeddingFrame] = []
        do throws(EmbeddingFrameDecoder.Malformed) {
            while let frame = try decoder.nextFrame() { frames.append(frame) }
        } catch {
            return nil
        }
        return frames
    }

    /// False when the worker is gone.
    func send(_ bytes: [UInt8]) -> Bool {
        output.append(bytes)
        return flush()
    }

    func flush() -> Bool {
        while let first = output.first {
            guard let sent = try? DescriptorIO.send(descriptor.raw, first[sentOfFirst...]) else { return false }
            if sent == 0 { return true }
            sentOfFirst += sent
            guard sentOfFirst == first.count else { continue }
            output.removeFirst()
            sentOfFirst = 0
        }
        return true
    }
}
