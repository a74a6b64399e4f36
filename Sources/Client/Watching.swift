/// The rules of watching over connections that come and go: of one document, or of all.
///
/// Connect where `start` says; pass each connection to `connected`, each state to `receive` (or to `receiveNews`, where
/// one stream tells of many documents) and each end of a connection to `connectionEnded`, and do what they answer. A
/// terminal state ends the watch of a document, whatever becomes of the connection.
package struct Watching {
    package enum Action: Equatable, Sendable {
        case connect(after: String?)
        /// Connect again after so long; ask `connectAgain` then.
        case wait(milliseconds: Int64)
        case finish(ClientError)
    }

    package enum ConnectionEnd: Equatable {
        /// The server ended the stream, though nothing terminal had come.
        case closed
        /// It could not be made, or it broke.
        case trouble(ClientError)
    }

    private var backoff = Backoff()
    private var after: String?
    private var offlineSinceMilliseconds: Int64?
    private let timeoutMilliseconds: Int64?

    /// `timeoutMilliseconds`: give up when the server was out of reach for so long; nil is never.
    package init(timeoutMilliseconds: Int64? = nil) {
        self.timeoutMilliseconds = timeoutMilliseconds
    }

    private var connectedAtMilliseconds: Int64?

    package var isOffline: Bool { offlineSinceMilliseconds != nil }

    package func start() -> Action { .connect(after: after) }

    package func connectAgain() -> Action { .connect(after: after) }

    /// The server has begun to answer.
    package mutating func connected(nowMilliseconds: Int64) {
        offlineSinceMilliseconds = nil
        connectedAtMilliseconds = nowMilliseconds
    }

    /// Something new of some document, on a stream that has no place to resume.
    package mutating func receiveNews() {
        offlineSinceMilliseconds = nil
        backoff.reset()
    }

    package mutating func receive(_ state: DocumentState) {
        offlineSinceMilliseconds = nil
        // Only news make the waits short again: a server that closes after every repeated state is not hammered.
        if let place = state.resumePoint, place != after {
            after = place
            backoff.reset()
        }
    }

    /// `random` is 0 to 1, anew each time.
    package mutating func connectionEnded(_ end: ConnectionEnd, nowMilliseconds: Int64, random: Double) -> Action {
        var leastMilliseconds: Int64 = 0
        var error = ClientError.connectionLost(server: "the server", reason: "it ended the stream")
        if case .trouble(let trouble) = end {
            error = trouble
            // What will be the same next time is final; what passes is waited for.
            switch trouble {
            case .refused(let problem):
                guard problem.isPassing else { return .finish(trouble) }
                leastMilliseconds = Int64(min(problem.retryAfterSeconds ?? 0, Backoff.retryAfterSecondsMax)) * 1000
            case .unreachable, .connectionLost:
                break
            case .unreadableReply, .libraryMissing, .file, .interrupted, .outputClosed, .outputFailed:
                return .finish(trouble)
            }
        }
        // A connection that stood for long was a good one, though there was nothing to tell: a proxy cuts those.
        if let connected = connectedAtMilliseconds, nowMilliseconds - connected >= Backoff.mostMilliseconds {
            backoff.reset()
        }
        connectedAtMilliseconds = nil
        let since = offlineSinceMilliseconds ?? nowMilliseconds
        offlineSinceMilliseconds = since
        var wait = max(leastMilliseconds, backoff.next(random: random))
        if let timeoutMilliseconds {
            let left = since + timeoutMilliseconds - nowMilliseconds
            if left <= 0 { return .finish(error) }
            wait = min(wait, left)
        }
        return .wait(milliseconds: wait)
    }
}

/// Waits that double up to a most, each cut by chance to between half and all of it, so that watchers whom one restart
/// has cut off do not come back as one crowd.
package struct Backoff {
    private var tries = 0

    package static let firstMilliseconds: Int64 = 500
    package static let mostMilliseconds: Int64 = 15_000
    /// A `Retry-After` beyond this is not waited out.
    package static let retryAfterSecondsMax = 120

    package init() {}

    package mutating func next(random: Double) -> Int64 {
        let full = min(Self.mostMilliseconds, Self.firstMilliseconds << min(tries, 10))
        tries += 1
        return full / 2 + Int64(Double(full / 2) * min(1, max(0, random)))
    }

    package mutating func reset() {
        tries = 0
    }
}
