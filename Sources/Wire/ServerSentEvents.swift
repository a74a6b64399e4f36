/// The lines of a `text/event-stream` (WHATWG HTML, server-sent events). Events carry no `event:` field, so that they
/// reach `onmessage`.
package enum ServerSentEvents {
    /// One event. Line ends in `data` become several `data:` lines, which the reader joins again with line feeds; an
    /// `id` must be one line without NUL, since those would be ignored or begin a field of their own.
    package static func event(id: String, data: [UInt8]) -> [UInt8] {
        precondition(!id.utf8.contains { $0 < 0x20 }, "An event's id has no control characters.")
        var output: [UInt8] = []
        output.reserveCapacity(id.utf8.count + data.count + 16)
        output.append(contentsOf: "id: ".utf8)
        output.append(contentsOf: id.utf8)
        output.append(contentsOf: "\ndata: ".utf8)
        // The one line that JSON is needs no search octet by octet to be taken apart.
        if !data.contains(ASCII.lineFeed) && !data.contains(ASCII.carriageReturn) {
            output.append(contentsOf: data)
        } else {
            var previous: UInt8 = 0
            for octet in data {
                if octet == ASCII.lineFeed && previous == ASCII.carriageReturn {
                    // The second half of a CRLF, whose first half has ended the line.
                } else if octet == ASCII.lineFeed || octet == ASCII.carriageReturn {
                    output.append(contentsOf: "\ndata: ".utf8)
                } else {
                    output.append(octet)
                }
                previous = octet
            }
        }
        output.append(contentsOf: "\n\n".utf8)
        return output
    }

    /// How long a reader waits before it reconnects.
    package static func retry(milliseconds: Int) -> [UInt8] { Array("retry: \(milliseconds)\n\n".utf8) }

    /// A comment: it keeps proxies from closing an idle stream and reaches no listener.
    package static let heartbeat: [UInt8] = Array(":\n\n".utf8)
}
