import Loop
import System
import Wire

/// The publishers of a run, over HTTP or WebSocket: each with a connection that is kept and a message made beforehand,
/// in which only the stamp changes.
final class Publishing: HTTPOwner, WebSocketOwner {
    private let url: ServerURL
    private let count: Int
    private let run: UInt32
    private let options: RunOptions
    private let loop: EventLoop
    /// A publisher may have become free.
    private let freed: () -> Void

    private var links: [Link] = []
    private lazy var opening = makeOpening()
    private var isOpen = false
    private var opened: () -> Void = {}
    private var body: [UInt8]
    private var message: [UInt8]
    private let bodyOffset: Int
    private var turn = 0

    /// Messages that were answered with something else than 2xx.
    private(set) var refused = 0

    init(
        to url: ServerURL, count: Int, byteCount: Int, run: UInt32, options: RunOptions, loop: EventLoop,
        freed: @escaping () -> Void
    ) {
        self.url = url
        self.count = count
        self.run = run
        self.options = options
        self.loop = loop
        self.freed = freed
        body = StampedMessage.template(byteCount: byteCount)
        switch url.scheme {
        case .http:
            message = Array(
                """
                POST \(url.target) HTTP/1.1\r\nHost: \(url.address)\r\nContent-Type: application/json\r\n\
                Content-Length: \(byteCount)\r\n\r\n
                """.utf8)
        case .ws: message = MaskedFrame.header(.text, payloadCount: byteCount)
        }
        bodyOffset = message.count
        message += body
    }

    func open(then opened: @escaping () -> Void) {
        self.opened = opened
        opening.start()
    }

    private func makeOpening() -> Opening {
        Opening(count, batch: options.batch, loop: loop) { [self] (index) throws(SystemError) in
            switch url.scheme {
            case .http: links.append(try HTTPLink(to: url, from: nil, index: index, owner: self, loop: loop))
            case .ws: links.append(try WebSocketLink(to: url, from: nil, index: index, owner: self, loop: loop))
            }
        } done: { [self] in
            isOpen = true
            opened()
        }
    }

    /// The next publisher in turn that may send: one that has no request in flight and whom `allows` does not exclude.
    func free(_ allows: (Int) -> Bool) -> Int? {
        for step in 0..<count {
            let index = (turn + step) % count
            let link = links[index]
            if link.isOpen, (link as? HTTPLink)?.isBusy != true, allows(index) { return index }
        }
        return nil
    }

    func publish(_ publisher: Int, sequence: UInt32, sentNanoseconds: Int64) {
        turn = (publisher + 1) % count
        let stamp = MessageStamp(
            run: run, publisher: UInt32(publisher), sequence: sequence, sentNanoseconds: sentNanoseconds)
        if let link = links[publisher] as? HTTPLink {
            StampedMessage.write(stamp, into: &message, at: bodyOffset)
            link.request(message)
        } else {
            StampedMessage.write(stamp, into: &body)
            message.removeLast(body.count)
            MaskedFrame.append(body, to: &message)
            links[publisher].send(message)
        }
    }

    // MARK: What the links say

    func linkOpened(_ link: Link) { opening.opened() }

    func linkClosed(_ link: Link, _ reason: String) { stop("publisher \(link.index + 1): \(reason)") }

    func answered(_ status: Int, on link: HTTPLink, at now: Int64) {
        if !(200...299).contains(status) {
            if refused == 0 { complain("a message was answered with \(status)") }
            refused += 1
        }
        freed()
    }

    /// What a server sends to a publisher, or what it gets as a watcher of its own messages, is of no interest.
    func received(_ frame: FrameScanner.Frame, on link: WebSocketLink, at now: Int64) {}
}
