import CCurl

/// libcurl could not be loaded.
package struct LibraryMissing: Error, Equatable {
    package var reason: String
}

/// A descriptor to wait for besides the calls' own, and what came of it.
package struct WatchedDescriptor {
    package var raw: Int32
    package var wantsToWrite: Bool
    package fileprivate(set) var isReadable = false
    package fileprivate(set) var isWritable = false

    package init(_ raw: Int32, wantsToWrite: Bool = false) {
        self.raw = raw
        self.wantsToWrite = wantsToWrite
    }
}

/// All exchanges of a process with services, on one thread: a libcurl multi handle, its connections kept alive between
/// calls, and the one place to wait.
///
/// Start calls, then call `turn` again and again. Receivers are called from `turn`; `ended` may start and cancel calls,
/// `received` may not.
package final class HTTPCalls {
    private let multi: UnsafeMutableRawPointer
    private var running: [UnsafeMutableRawPointer: HTTPCall] = [:]

    /// `connectionsMax` are open at once, and kept alive.
    package init(connectionsMax: Int) throws(LibraryMissing) {
        if let reason = hw_curl_load() { throw LibraryMissing(reason: String(cString: reason)) }
        guard let multi = hw_curl_multi_init() else { throw LibraryMissing(reason: "curl_multi_init: out of memory") }
        self.multi = multi
        hw_curl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, connectionsMax)
        hw_curl_multi_set_long(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, connectionsMax)
    }

    deinit {
        for easy in running.keys { hw_curl_multi_remove_handle(multi, easy) }
        running = [:]
        hw_curl_multi_cleanup(multi)
    }

    @discardableResult
    package func start(_ request: HTTPRequest, receiver: any HTTPReceiver) -> HTTPCall {
        let call = HTTPCall(request, receiver: receiver)
        running[call.easy] = call
        hw_curl_multi_add_handle(multi, call.easy)
        return call
    }

    /// Drops a call; its receiver hears nothing more. Harmless when it has ended.
    package func cancel(_ call: HTTPCall) {
        guard running.removeValue(forKey: call.easy) != nil else { return }
        hw_curl_multi_remove_handle(multi, call.easy)
    }

    /// Waits for something to happen, at most so long, and lets the calls' part of it happen. What came of the watched
    /// descriptors is written into them; a socket whose other end has gone is readable.
    package func turn(watching descriptors: inout [WatchedDescriptor], waitingMilliseconds: Int64) {
        var left: Int32 = 0
        // What was just started has to be set going before there is anything to wait for.
        hw_curl_multi_perform(multi, &left)
        if !finishEnded() {
            var waits = descriptors.map { watched in
                let events = CURL_WAIT_POLLIN | (watched.wantsToWrite ? CURL_WAIT_POLLOUT : 0)
                return curl_waitfd(fd: watched.raw, events: Int16(events), revents: 0)
            }
            var count: Int32 = 0
            let milliseconds = Int32(clamping: max(0, waitingMilliseconds))
            hw_curl_multi_poll(multi, &waits, UInt32(waits.count), milliseconds, &count)
            for index in descriptors.indices {
                descriptors[index].isReadable = waits[index].revents & Int16(CURL_WAIT_POLLIN) != 0
                descriptors[index].isWritable = waits[index].revents & Int16(CURL_WAIT_POLLOUT) != 0
            }
            hw_curl_multi_perform(multi, &left)
            _ = finishEnded()
        }
    }

    /// Whether a call had ended.
    private func finishEnded() -> Bool {
        var ended: [(HTTPCall, CURLcode)] = []
        var queued: Int32 = 0
        while let message = hw_curl_multi_info_read(multi, &queued)?.pointee {
            guard message.msg == CURLMSG_DONE, let easy = message.easy_handle,
                let call = running.removeValue(forKey: easy)
            else { continue }
            let code = message.data.result
            hw_curl_multi_remove_handle(multi, easy)
            ended.append((call, code))
        }
        for (call, code) in ended { call.receiver.ended(call.result(of: code)) }
        return !ended.isEmpty
    }
}
