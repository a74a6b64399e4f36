import Compression
import Core
import Loop
import Wire

/// A WebSocket that sends back what it is sent. A whole message is unmasked and answered where it lies in the read
/// buffer, without any memory of its own.
final class EchoSocket: StreamDelegate, Swept {
    private static let settings = WebSocketSettings(
        role: .server, limits: WebSocketLimits(messageBytesMax: DiagnosticsRoutes.messageBytesMax))

    private let server: LoopServer
    private let stream: SocketStream
    private var connection: WebSocketConnection
    private var heartbeat: Heartbeat
    private let isCompressing: Bool
    var sweepPlace: Int32 = -1

    init(_ stream: SocketStream, _ server: LoopServer, deflate: DeflateParameters?) {
        self.server = server
        self.stream = stream
        isCompressing = deflate != nil
        connection = WebSocketConnection(Self.settings, compression: deflate.map { MessageDeflate($0) })
        heartbeat = Heartbeat(now: stream.loop.nowMilliseconds)
        server.sweeper.add(self)
    }

    func streamReceived(_ bytes: inout MutableSpan<UInt8>) {
        var position = 0
        while !isCompressing, let message = connection.takeMessage(&bytes, at: &position) {
            let frame = WebSocketFrame.placeHeader(message.kind, before: message.range, in: &bytes)
            stream.write(bytes.span.extracting(frame))
        }
        if position < bytes.count {
            connection.receive(bytes.span.extracting(position...))
            takeEvents()
        }
        // A peer that does not read its echoes sends no more until it has.
        if stream.pendingBytes > SocketStream.outputHighWaterBytes { stream.pauseReading() }
    }

    private func takeEvents() {
        var isOver = false
        while let event = connection.nextEvent() {
            switch event {
            case .message(let kind, let payload): connection.send(kind, payload)
            case .ping: break
            case .pong: heartbeat.heard()
            case .closed: isOver = true
            }
        }
        let output = connection.drainOutput()
        if !output.isEmpty { stream.write(output) }
        if isOver {
            heartbeat.beginClosing(now: stream.loop.nowMilliseconds)
            stream.closeAfterFlush()
        }
    }

    func streamDrained() { stream.resumeReading() }
    func streamEnded() { stream.close() }
    func streamClosed() { server.sweeper.remove(self) }

    func drain() {
        guard !heartbeat.isClosing else { return }
        heartbeat.beginClosing(now: stream.loop.nowMilliseconds)
        connection.close(code: 1012, reason: "service restart")
        stream.write(connection.drainOutput())
    }

    func sweep(now: Int64) {
        switch heartbeat.look(now: now) {
        case .nothing: break
        case .ping: stream.write(WebSocketFrame.ping([]))
        case .end: stream.close()
        }
    }
}
