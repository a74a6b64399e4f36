import Core
import Logging
import Loop
import System
import Wire

// Theory of operation
//
// A connection reads requests one after the other and answers them in order: while one is being answered, bytes of the
// next wait in `pending`, and the socket is not read beyond `pendingBytesMax`. A request's head makes an `Exchange`,
// which the router hands to a route; a route either answers or asks for the body, and may do both later. When request
// and response are both complete the next request begins.
//
// A response that comes before its request's body has ended leaves bytes on the way. A short rest is read and dropped;
// for a long one the connection says `Connection: close`, sends the response, shuts down its side and reads on for a
// while, so that the reset which an unread body causes cannot destroy the response at the client (RFC 9112 §9.6).

/// Time and size bounds of connections (DESIGN.md, "Bounds").
package struct ConnectionLimits: Sendable {
    package var idleMilliseconds: Int64 = 75_000
    package var headMilliseconds: Int64 = 10_000
    /// A body slower than `bodyBytesPerSecondMin` for `bodyWindowMilliseconds` is cut off with 408.
    package var bodyWindowMilliseconds: Int64 = 30_000
    package var bodyBytesPerSecondMin: Int64 = 1024
    /// A response of which the client takes nothing for so long is cut off.
    package var sendMilliseconds: Int64 = 60_000
    package var pendingBytesMax = 64 * 1024
    package var droppedBodyBytesMax: Int64 = 64 * 1024
    package var lingerMilliseconds: Int64 = 2000

    package static let `default` = ConnectionLimits()
}

/// One HTTP/1.1 connection on one loop.
package final class HTTPConnection: StreamDelegate, Swept, @unchecked Sendable {
    let server: LoopServer
    let stream: SocketStream
    var decoder = HTTPRequestDecoder()
    var exchange: Exchange?
    var pending: [UInt8] = []
    /// The decoder was stopped and may have more to say even without another byte: the end of a body, above all.
    var isDecodingHeld = false
    private var isProcessing = false
    var hasPeerEnded = false
    var sweepPlace: Int32 = -1
    private var isLingering = false
    private var isClosing = false
    /// Disk threads read the body from the socket (`DirectBody`).
    var isBodyDirect = false
    var isTurnRunning = false

    // What the sweep looks at.
    var lastActivityMilliseconds: Int64
    private var headStartMilliseconds: Int64?
    private var bodyPace = BodyPace()
    var bodyBytes: Int64 = 0

    var loop: EventLoop { stream.loop }
    private var limits: ConnectionLimits { server.shared.configuration.connectionLimits }

    /// Why it was taken for questions after the server's health alone: the answer to all others.
    private let refusal: Problem?

    init(_ stream: SocketStream, server: LoopServer, refusal: Problem? = nil) {
        self.refusal = refusal
        self.stream = stream
        self.server = server
        lastActivityMilliseconds = stream.loop.nowMilliseconds
        stream.delegate = self
        server.sweeper.add(self)
    }

    // MARK: Reading

    package func streamReceived(_ bytes: inout MutableSpan<UInt8>) {
        lastActivityMilliseconds = loop.nowMilliseconds
        if isEnding { return }
        if isDecodingHeld || !pending.isEmpty || isProcessing || isHeldBack {
            bytes.span.withUnsafeBufferPointer { pending.append(contentsOf: $0) }  // copied: outlives the read buffer
            if isHeldBack {
                if pending.count >= limits.pendingBytesMax { stream.pauseReading() }
                return
            }
            proceed()
        } else {
            process(&bytes)
            if stream.isOpen, stream.delegate === self { beginDirectBodyIfWorthwhile() }
        }
    }

    /// The request is read whole and its answer is still being made.
    private var isWaitingForResponse: Bool { exchange?.isRequestComplete ?? false }

    /// A peer that asks and asks without reading its answers gets no more of them made.
    private var isOutputFull: Bool { exchange == nil && stream.pendingBytes > SocketStream.outputHighWaterBytes }

    /// Nothing is decoded now: an answer is being made, the disk lags, or the answers so far are not taken.
    private var isHeldBack: Bool { isWaitingForResponse || exchange?.isBodyPaused == true || isOutputFull }

    /// Nothing that still comes is a request: the answer that is on its way is the last one.
    var isEnding: Bool { isLingering || isClosing }

    /// Goes on with bytes that waited, and with reading.
    func proceed() {
        guard !isProcessing, stream.isOpen, stream.delegate === self, !isEnding else { return }
        while isDecodingHeld || !pending.isEmpty, !isHeldBack, stream.isOpen, stream.delegate === self, !isEnding {
            var bytes = pending
            pending = []
            isDecodingHeld = false
            var span = bytes.mutableSpan
            process(&span)
        }
        guard stream.isOpen, stream.delegate === self, !isEnding else { return }
        if exchange?.isBodyPaused == true || isOutputFull { return stream.pauseReading() }
        if isBodyDirect { return }
        beginDirectBodyIfWorthwhile()
        if isBodyDirect { return }
        if pending.count < limits.pendingBytesMax { stream.resumeReading() }
        if hasPeerEnded && pending.isEmpty && !isDecodingHeld { peerEnded() }
    }

    private func process(_ bytes: inout MutableSpan<UInt8>) {
        isProcessing = true
        defer { isProcessing = false }
        let position = decode(bytes.span)
        // An upgrade takes over the stream in the middle of its bytes.
        guard stream.isOpen, stream.delegate !== self else { return }
        if position < bytes.count {
            var rest = bytes.extracting(position..<bytes.count)
            stream.delegate?.streamReceived(&rest)
        }
        var later = pending
        pending = []
        if !later.isEmpty {
            var span = later.mutableSpan
            stream.delegate?.streamReceived(&span)
        }
    }

    /// Takes requests until the bytes are used up or must wait; returns where it stopped.
    private func decode(_ bytes: Span<UInt8>) -> Int {
        var position = 0
        while stream.isOpen, stream.delegate === self, !isEnding {
            if isHeldBack {
                keep(bytes, from: position)
                return position
            }
            let event: HTTPRequestDecoder.Event
            do throws(HTTPRequestError) {
                event = try decoder.next(bytes, at: &position)
            } catch {
                refuse(error)
                return position
            }
            switch event {
            case .needMore:
                if exchange == nil {
                    headStartMilliseconds =
                        decoder.isBetweenRequests ? nil : headStartMilliseconds ?? loop.nowMilliseconds
                }
                return position
            case .head(let head): begin(head)
            case .body(let range):
                bodyBytes += Int64(range.count)
                exchange?.receiveBody(bytes.extracting(range))
            case .end:
                exchange?.endBody(trailers: decoder.trailers)
                finishIfDone()
            }
        }
        return position
    }

    private func keep(_ bytes: Span<UInt8>, from position: Int) {
        isDecodingHeld = true
        if position < bytes.count {
            // Before what came in the meantime: these bytes are older.
            bytes.extracting(position..<bytes.count).withUnsafeBufferPointer { pending.insert(contentsOf: $0, at: 0) }
        }
        if exchange?.isBodyPaused == true || isOutputFull || pending.count >= limits.pendingBytesMax {
            stream.pauseReading()
        }
    }

    private func begin(_ head: RequestHead) {
        headStartMilliseconds = nil
        bodyBytes = 0
        bodyPace.restart(at: loop.nowMilliseconds, received: 0)
        let exchange = Exchange(head, connection: self)
        self.exchange = exchange
        server.shared.counters.requests.add(1)
        if let refusal, !Router.isProbe(head.path) {
            exchange.respond(refusal, closing: true)
        } else {
            server.router.route(exchange)
        }
    }

    /// The bytes are no request. Where the next one would begin is unknown, so the connection ends with the answer.
    private func refuse(_ error: HTTPRequestError) {
        let problem = Problem(error.status, error.code, error.detail)
        if let exchange {
            exchange.failBody()
            if !exchange.isResponseBegun { exchange.respond(problem, closing: true) } else { stream.close() }
            return
        }
        answerWithoutHead(problem)
    }

    /// Answers what is no whole request, by the fields that have come: whoever may read the answer may read this one.
    private func answerWithoutHead(_ problem: Problem) {
        let head = RequestHead(
            method: "GET", target: "/", path: "/", fields: decoder.fieldsSoFar, keepAlive: false)
        let exchange = Exchange(head, connection: self)
        self.exchange = exchange
        exchange.respond(problem, closing: true)
    }

    // MARK: Ends

    /// Called when the response or the request has become complete.
    func finishIfDone() {
        guard let current = exchange, current.isResponseComplete, stream.isOpen else { return }
        isBodyDirect = false
        if current.closesConnection {
            exchange = nil
            pending = []
            isDecodingHeld = false
            if current.isRequestComplete || hasPeerEnded {
                isClosing = true
                stream.closeAfterFlush()
            } else {
                linger()
            }
            return
        }
        guard current.isRequestComplete else { return }
        exchange = nil
        lastActivityMilliseconds = loop.nowMilliseconds
        if server.shared.isDraining {
            isClosing = true
            return stream.closeAfterFlush()
        }
        if !isProcessing && (isDecodingHeld || !pending.isEmpty || hasPeerEnded) {
            proceed()
        } else if !isProcessing {
            stream.resumeReading()
        }
    }

    private func linger() {
        isLingering = true
        stream.shutdownWriting()
        stream.resumeReading()
        endLingering()
    }

    /// Closes once the answer has left and the peer has had its time to read it; the sweep bounds a peer that never
    /// does.
    private func endLingering() {
        loop.schedule(afterMilliseconds: limits.lingerMilliseconds) { [weak self] in
            guard let self, self.stream.isOpen else { return }
            if self.stream.pendingBytes == 0 { self.stream.close() } else { self.endLingering() }
        }
    }

    package func streamEnded() {
        hasPeerEnded = true
        if isLingering { return stream.pendingBytes == 0 ? stream.close() : stream.closeAfterFlush() }
        if isClosing { return }
        // A watcher that hangs up is gone, whatever else it had sent.
        if exchange?.endsWithPeer == true || (pending.isEmpty && !isDecodingHeld) { peerEnded() }
    }

    private func peerEnded() {
        guard let exchange else { return stream.closeAfterFlush() }
        if !exchange.isRequestComplete {
            // Cut off in the middle of a body: there is nobody to answer.
            exchange.abort()
            self.exchange = nil
            return stream.close()
        }
        // A client that only shut down its sending side still wants its answer; one that watches is gone.
        if exchange.endsWithPeer {
            exchange.abort()
            self.exchange = nil
            stream.close()
        } else {
            exchange.closesConnection = true
        }
    }

    package func streamDrained() {
        exchange?.drained()
        proceed()
    }

    package func streamClosed() {
        server.sweeper.remove(self)
        let last = exchange
        exchange = nil
        last?.abort()
    }

    /// Another protocol takes the stream; this connection is out of it.
    func handOver(to delegate: any StreamDelegate) {
        server.sweeper.remove(self)
        exchange = nil
        stream.delegate = delegate
        stream.resumeReading()
        // What had come before the answer was made belongs to the other protocol. Within `process`, that does it.
        let early = pending
        pending = []
        if isProcessing {
            pending = early
        } else if !early.isEmpty {
            var bytes = early
            var span = bytes.mutableSpan
            delegate.streamReceived(&span)
        }
    }

    // MARK: Sweep

    /// Ends what waits too long. Called once a second.
    func sweep(now: Int64) {
        guard stream.isOpen else { return }
        if stream.pendingBytes > 0 {
            if now - stream.lastProgressMilliseconds > limits.sendMilliseconds { stream.close() }
            return
        }
        guard let exchange else {
            if let start = headStartMilliseconds {
                if now - start > limits.headMilliseconds {
                    answerWithoutHead(
                        Problem(
                            408, "request_timeout",
                            "The request's head did not arrive within \(limits.headMilliseconds / 1000) s."))
                }
            } else if now - lastActivityMilliseconds > limits.idleMilliseconds || server.shared.isDraining {
                stream.close()
            }
            return
        }
        // The end of the peer may have come before the watch began.
        if hasPeerEnded && exchange.endsWithPeer { return peerEnded() }
        let awaitsBody = !exchange.isRequestComplete && (exchange.isTakingBody || exchange.isResponseComplete)
        if awaitsBody && !exchange.isResponseBegun && server.shared.hasDrainingEnded(now: now) {
            exchange.failBody()
            return exchange.respond(.restarting, closing: true)
        }
        // A body that is held back is not the client's slowness.
        if !awaitsBody || exchange.isBodyPaused || isTurnRunning { bodyPace.restart(at: now, received: bodyBytes) }
        if awaitsBody && !exchange.isBodyPaused {
            if exchange.isResponseComplete && server.shared.isDraining { return stream.close() }
            if bodyPace.isTooSlow(
                received: bodyBytes, at: now, windowMilliseconds: limits.bodyWindowMilliseconds,
                bytesPerSecondMin: limits.bodyBytesPerSecondMin)
            {
                if exchange.isResponseBegun { return stream.close() }
                exchange.failBody()
                exchange.respond(
                    Problem(
                        408, "too_slow", "The body arrived at less than \(limits.bodyBytesPerSecondMin) bytes a second."
                    ),
                    closing: true)
            }
        } else {
            exchange.sweep(now: now)
        }
    }

    /// The server stops: an idle connection ends now, one that is being answered when it has been.
    func drain() {
        if exchange == nil { stream.closeAfterFlush() } else { exchange?.drain() }
    }
}
