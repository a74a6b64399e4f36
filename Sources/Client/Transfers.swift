import CCurl
import Glibc

/// All exchanges of a command with the server, on one thread: a libcurl multi handle and the loop's one place to wait.
///
/// Start requests, then call `turn` again and again; observers are called from `turn`, after libcurl is done with its
/// own, so they may start and cancel transfers freely. Signals wake it: look at `Interrupts.taken` after each turn.
package final class Transfers {
    private let multi: UnsafeMutableRawPointer
    private var running: [UnsafeMutableRawPointer: Transfer] = [:]
    private var readers: [Int32: () -> Void] = [:]
    private let server: String

    /// `server`: its URL as messages name it.
    package init(server: String) throws(ClientError) {
        if let reason = hw_curl_load() { throw .libraryMissing(reason: String(cString: reason)) }
        guard let multi = hw_curl_multi_init() else { fatalError("curl_multi_init: out of memory") }
        self.multi = multi
        self.server = server
        Interrupts.install()
    }

    deinit {
        for easy in running.keys { hw_curl_multi_remove_handle(multi, easy) }
        running = [:]
        hw_curl_multi_cleanup(multi)
    }

    @discardableResult
    package func start(_ request: Request, observe: @escaping (Transfer.Event) -> Void) -> Transfer {
        let transfer = Transfer(request, server: server, observe: observe)
        running[transfer.easy] = transfer
        hw_curl_multi_add_handle(multi, transfer.easy)
        return transfer
    }

    /// Drops a transfer and closes its connection; its observer hears nothing more. Harmless when it has ended.
    package func cancel(_ transfer: Transfer) {
        guard running.removeValue(forKey: transfer.easy) != nil else { return }
        hw_curl_multi_remove_handle(multi, transfer.easy)
    }

    /// Calls `handler` from `turn` whenever the descriptor can be read or has closed; nil takes it out.
    package func onReadable(_ descriptor: Int32, _ handler: (() -> Void)?) {
        readers[descriptor] = handler
    }

    /// Waits for something to happen, at most so long, and lets it happen.
    package func turn(waitingMilliseconds: Int64) {
        var waits = [wait(for: Interrupts.descriptor)]
        let readable = Array(readers.keys)
        let paused = running.values.filter(\.isPaused)
        waits += readable.map(wait) + paused.compactMap { $0.source.map { wait(for: $0.descriptor) } }
        var count: Int32 = 0
        hw_curl_multi_poll(multi, &waits, UInt32(waits.count), Int32(clamping: max(0, waitingMilliseconds)), &count)

        // libcurl reports POLLIN only; a pipe whose writer has gone says POLLHUP. So the descriptors are asked once
        // more.
        var polls = waits.map { pollfd(fd: $0.fd, events: Int16(POLLIN), revents: 0) }
        poll(&polls, nfds_t(polls.count), 0)
        if polls[0].revents != 0 { Interrupts.drain() }
        for (index, descriptor) in readable.enumerated() where polls[1 + index].revents != 0 { readers[descriptor]?() }
        for (index, transfer) in paused.enumerated() where polls[1 + readable.count + index].revents != 0 {
            if running[transfer.easy] != nil { transfer.resume() }
        }

        var left: Int32 = 0
        hw_curl_multi_perform(multi, &left)
        for transfer in Array(running.values) where running[transfer.easy] != nil { transfer.tell() }
        var queued: Int32 = 0
        while let message = hw_curl_multi_info_read(multi, &queued)?.pointee {
            guard message.msg == CURLMSG_DONE, let easy = message.easy_handle,
                let transfer = running.removeValue(forKey: easy)
            else { continue }
            let code = message.data.result
            hw_curl_multi_remove_handle(multi, easy)
            transfer.tellEnd(code)
        }
    }

    /// One request and its whole reply; the short way for commands that ask once. A refusal is thrown.
    package func fetch(_ request: Request) throws(ClientError) -> (head: ReplyHead, body: [UInt8]) {
        var body: [UInt8] = []
        let head = try stream(request) { bytes throws(ClientError) in
            if body.count + bytes.count > Self.replyBytesMax {
                throw .unreadableReply(server: server, reason: "more than \(Self.replyBytesMax) bytes of reply")
            }
            body += bytes
            return true
        }
        return (head, body)
    }

    /// The most `fetch` takes: 500 documents of 64 KiB each fit.
    package static let replyBytesMax = 64 << 20

    /// One request whose reply is taken piece by piece, as long as `receive` says to go on. A refusal is thrown.
    @discardableResult
    package func stream(
        _ request: Request, receive: ([UInt8]) throws(ClientError) -> Bool
    ) throws(ClientError) -> ReplyHead {
        let reply = Reply()
        let transfer = start(request) { reply.take($0) }
        defer { cancel(transfer) }
        while true {
            turn(waitingMilliseconds: 1000)
            if let signal = Interrupts.taken { throw .interrupted(signal: signal) }
            let bytes = reply.takeBytes()
            if transfer.head.isSuccess {
                if !bytes.isEmpty, try !receive(bytes) { return transfer.head }
            } else {
                reply.refusal += bytes.prefix(max(0, Problem.bodyBytesMax - reply.refusal.count))
            }
            guard reply.isEnded else { continue }
            if let error = reply.error { throw error }
            if !transfer.head.isSuccess { throw .refused(Problem(transfer.head, body: reply.refusal)) }
            return transfer.head
        }
    }

    private final class Reply {
        private var bytes: [UInt8] = []
        var refusal: [UInt8] = []
        var isEnded = false
        var error: ClientError?

        func take(_ event: Transfer.Event) {
            switch event {
            case .head: break
            case .body(let more): bytes += more
            case .ended(let error): (isEnded, self.error) = (true, error)
            }
        }

        func takeBytes() -> [UInt8] {
            defer { bytes = [] }
            return bytes
        }
    }

    private func wait(for descriptor: Int32) -> curl_waitfd {
        curl_waitfd(fd: descriptor, events: Int16(CURL_WAIT_POLLIN), revents: 0)
    }
}

extension Problem {
    /// No problem object is longer.
    package static let bodyBytesMax = 64 << 10

    package init(_ head: ReplyHead, body: [UInt8]) {
        self.init(status: head.status, retryAfter: head.headers["retry-after"], body: body)
    }
}

extension Transfers {
    /// One request with a short reply: the head (status 0 where there was none), at most `Problem.bodyBytesMax` of the
    /// body, and what went wrong, a refusal included.
    @discardableResult
    func exchange(_ request: Request, then: @escaping (ReplyHead, [UInt8], ClientError?) -> Void) -> Transfer {
        var head = ReplyHead()
        var body: [UInt8] = []
        return start(request) { event in
            switch event {
            case .head(let whole): head = whole
            case .body(let bytes): body += bytes.prefix(max(0, Problem.bodyBytesMax - body.count))
            case .ended(let error):
                let refusal = head.isSuccess ? nil : ClientError.refused(Problem(head, body: body))
                then(head, body, error ?? refusal)
            }
        }
    }
}
