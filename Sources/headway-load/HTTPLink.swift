import Loop
import System

protocol HTTPOwner: LinkOwner {
    /// The answer to the request that was sent on this link is there, all of it.
    func answered(_ status: Int, on link: HTTPLink, at now: Int64)
}

/// A connection that is kept and has one request in flight at most (RFC 9112 §9.3).
final class HTTPLink: Link {
    private unowned let answers: any HTTPOwner
    private var scanner = ResponseScanner()
    private(set) var isBusy = false
    private var closesAfterAnswer = false
    /// The ETag of the last answer that had one, as sent; kept only if asked for, as it costs an allocation.
    private(set) var entityTag: String?
    var keepsEntityTag = false

    init(
        to url: ServerURL, from source: String?, index: Int, owner: any HTTPOwner, loop: EventLoop
    ) throws(SystemError) {
        answers = owner
        try super.init(to: url.address, from: source, index: index, owner: owner, loop: loop)
    }

    func request(_ bytes: [UInt8]) {
        precondition(!isBusy, "one request at a time")
        isBusy = true
        send(bytes)
    }

    override func received(_ bytes: UnsafeRawBufferPointer, at now: Int64) {
        do throws(ResponseFault) {
            _ = try scanner.scan(bytes) { head in
                if keepsEntityTag { entityTag = head.field("etag") ?? entityTag }
                closesAfterAnswer = head.field("connection") == "close"
            } end: { status in
                isBusy = false
                if closesAfterAnswer { return close("the server does not keep the connection") }
                answers.answered(status, on: self, at: now)
            }
        } catch {
            close(error.description)
        }
    }
}
