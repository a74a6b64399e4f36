import Loop
import System

protocol PutOwner: LinkOwner {
    /// The answer to the request that was sent on this link is there, all of it.
    func answered(_ status: Int, on link: PutLink, at now: Int64)
}

/// A connection that carries one upload after the other. Content goes from its file into the socket by sendfile(2), so
/// that hundreds of uploads cost this tool next to no memory and little time.
final class PutLink: Link {
    /// How much one link sends before others have their turn.
    private static let turnBytesMax = 4 << 20
    /// With a rate, how often it is looked whether more may leave.
    private static let paceMilliseconds: Int64 = 20

    private unowned let answers: any PutOwner
    private let content: UploadedContent
    private let bytesPerSecond: Double?
    private var scanner = ResponseScanner()
    private var tail: [UInt8] = []
    private var contentBytes: Int64 = 0
    private var sentBytes: Int64 = 0
    private var begunAt: Int64 = 0
    private var isPaced = false
    /// From the request's first byte until its answer.
    private(set) var isBusy = false
    /// Location of the last answer that had one.
    private(set) var location: String?
    private(set) var closesAfterAnswer = false
    /// Which upload this is about.
    var number = 0

    init(
        to url: ServerURL, index: Int, content: UploadedContent, bytesPerSecond: Double?, owner: any PutOwner,
        loop: EventLoop
    ) throws(SystemError) {
        answers = owner
        self.content = content
        self.bytesPerSecond = bytesPerSecond
        try super.init(to: url.address, from: nil, index: index, owner: owner, loop: loop)
    }

    /// Sends `head`, then the content where the request has it, then `tail`.
    func request(head: [UInt8], hasContent: Bool, tail: [UInt8] = []) {
        precondition(!isBusy, "one request at a time")
        isBusy = true
        self.tail = tail
        contentBytes = hasContent ? content.byteCount : 0
        sentBytes = 0
        begunAt = Clock.monotonicNanoseconds
        send(head)
        tellOfRoom(hasContent)
    }

    /// Whether the last request had content, and all of it left.
    var hasSentContent: Bool { contentBytes > 0 && isContentSent }

    private var isContentSent: Bool { sentBytes == contentBytes }

    override func roomCame() {
        var left = min(Self.turnBytesMax, allowedBytes)
        while !isContentSent, left > 0, let socket {
            let count = Int(min(Int64(left), contentBytes - sentBytes))
            switch content.send(to: socket, from: sentBytes, count: count) {
            case .wouldBlock: return
            case .closed: return close("the server reset the connection")
            case .bytes(let sent):
                sentBytes += Int64(sent)
                left -= sent
            }
        }
        if isContentSent {
            tellOfRoom(false)
            send(tail)
        } else if bytesPerSecond != nil {
            waitForAllowance()
        }
    }

    /// How much may leave by now.
    private var allowedBytes: Int {
        guard let bytesPerSecond else { return .max }
        let seconds = Double(Clock.monotonicNanoseconds - begunAt) / 1e9
        return Int(bytesPerSecond * seconds) - Int(sentBytes)
    }

    private func waitForAllowance() {
        guard !isPaced else { return }
        isPaced = true
        tellOfRoom(false)
        loop.schedule(afterMilliseconds: Self.paceMilliseconds) { [weak self] in
            guard let self else { return }
            isPaced = false
            if isBusy && !isContentSent { tellOfRoom(true) }
        }
    }

    override func received(_ bytes: UnsafeRawBufferPointer, at now: Int64) {
        do throws(ResponseFault) {
            _ = try scanner.scan(bytes) { head in
                location = head.field("location") ?? location
                closesAfterAnswer = head.field("connection") == "close"
            } end: { status in
                // An answer before the end of the content is a refusal, and the rest would not be read.
                if !isContentSent { closesAfterAnswer = true }
                isBusy = false
                tellOfRoom(false)
                answers.answered(status, on: self, at: now)
            }
        } catch {
            close(error.description)
        }
    }
}
