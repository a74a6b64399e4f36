import Loop
import System
import Wire

protocol WebSocketOwner: LinkOwner {
    /// A message: text or binary.
    func received(_ frame: FrameScanner.Frame, on link: WebSocketLink, at now: Int64)
    /// What one read brought has all been handed out.
    func readEnded(on link: WebSocketLink, at now: Int64)
}

extension WebSocketOwner {
    func readEnded(on link: WebSocketLink, at now: Int64) {}
}

/// The client's end of a WebSocket (RFC 6455): shakes hands, counts frames, answers pings.
final class WebSocketLink: Link {
    /// The example of RFC 6455 §1.3, so that the proof can be checked without a digest.
    private static let key = "dGhlIHNhbXBsZSBub25jZQ=="
    private static let proof = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

    private let request: [UInt8]
    private unowned let frames: any WebSocketOwner
    private var handshake: ResponseScanner? = ResponseScanner(keepsUpgrade: true)
    private var scanner = FrameScanner()
    /// The server took permessage-deflate up (RFC 7692).
    private(set) var isCompressed = false

    init(
        to url: ServerURL, from source: String?, offersCompression: Bool = false, index: Int,
        owner: any WebSocketOwner, loop: EventLoop
    ) throws(SystemError) {
        var head = "GET \(url.target) HTTP/1.1\r\nHost: \(url.address)\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        head += "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: \(Self.key)\r\n"
        // As browsers offer it.
        if offersCompression { head += "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n" }
        request = Array((head + "\r\n").utf8)
        frames = owner
        try super.init(to: url.address, from: source, index: index, owner: owner, loop: loop)
    }

    override func connected() { send(request) }

    override func received(_ bytes: UnsafeRawBufferPointer, at now: Int64) {
        guard handshake != nil else { return scan(bytes, at: now) }
        let used = shakeHands(bytes)
        if isOpen && used < bytes.count { scan(UnsafeRawBufferPointer(rebasing: bytes[used...]), at: now) }
    }

    private func scan(_ bytes: UnsafeRawBufferPointer, at now: Int64) {
        do throws(FrameFault) {
            try scanner.scan(bytes) { frame in
                if frame.isControl { answer(frame) } else { frames.received(frame, on: self, at: now) }
            }
        } catch {
            return close(error.description)
        }
        frames.readEnded(on: self, at: now)
    }

    private func answer(_ frame: FrameScanner.Frame) {
        switch frame.opcode {
        case WebSocketOpcode.ping.rawValue: send(MaskedFrame.frame(.pong, Array(frame.prefix)))
        case WebSocketOpcode.close.rawValue:
            let code = frame.prefix.count >= 2 ? Int(frame.prefix[0]) << 8 | Int(frame.prefix[1]) : 1005
            close("the server closed the WebSocket with \(code)")
        default: break
        }
    }

    /// Returns how many bytes belonged to the handshake.
    private func shakeHands(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard var scanner = handshake else { return 0 }
        var refusal: String?
        var isDone = false
        var used = bytes.count
        do throws(ResponseFault) {
            used = try scanner.scan(bytes) { head in
                if head.status != 101 {
                    refusal = "the server answered the handshake with \(head.status)"
                } else if head.field("sec-websocket-accept") != Self.proof {
                    refusal = "the server's Sec-WebSocket-Accept is wrong"
                } else {
                    isDone = true
                    isCompressed = head.field("sec-websocket-extensions")?.contains("permessage-deflate") ?? false
                }
            } end: { _ in
            }
        } catch {
            refusal = error.description
        }
        if let refusal {
            close(refusal)
        } else if isDone {
            handshake = nil
            if isCompressed { self.scanner = FrameScanner(acceptsCompressed: true) }
            opened()
        } else {
            handshake = scanner
        }
        return used
    }
}
