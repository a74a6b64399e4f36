/// The rules of an upload that takes as many requests as it needs: what an answer, or none, means for the next step.
///
/// Do what `start` says; tell each answer to `created`, `stands`, `took` or `failed`, and do what that says. After a
/// wait or a pause, `goOn`. Whatever happens between two requests, the server's offset is what counts, so it is asked
/// before the rest is sent.
package struct UploadCourse {
    package enum Step: Equatable, Sendable {
        /// Make the document; its bytes come after.
        case create
        /// Ask how many bytes the server has.
        case ask
        /// Send what is behind this byte.
        case send(offset: Int64)
        /// Nothing for so long; then `goOn`.
        case wait(milliseconds: Int64, Reason)
        /// The server has all of them.
        case finish
        /// The document ended without its bytes: it says itself how.
        case readEnd
        case giveUp(ClientError)
    }

    package enum Reason: Equatable, Sendable {
        case connectionLost
        /// It answers, and asks to be left alone for a while.
        case serverBusy
    }

    package enum Request: Equatable, Sendable {
        case create, ask, send
    }

    /// How long to go on trying while the server takes nothing.
    package static let giveUpSecondsDefault = 600

    private let sizeBytes: Int64
    private let giveUpMilliseconds: Int64
    private var isCreated: Bool
    /// Begun by an earlier run, and not yet found on the server.
    private var isRemembered: Bool
    private var creations = 0
    private var serverBytes: Int64 = 0
    private var troubleSinceMilliseconds: Int64?
    private var mismatches = 0
    private var backoff = Backoff()
    /// Whether this server was ever heard of. One that was never there is not waited for: it may be a wrong address.
    package var isServerKnown = false

    /// `isRemembered`: an earlier run has created the document.
    package init(sizeBytes: Int64, isRemembered: Bool, giveUpMilliseconds: Int64) {
        self.sizeBytes = sizeBytes
        self.giveUpMilliseconds = giveUpMilliseconds
        self.isRemembered = isRemembered
        isCreated = isRemembered
    }

    package mutating func start() -> Step { goOn() }

    package mutating func goOn() -> Step {
        if isCreated { return .ask }
        creations += 1
        return .create
    }

    /// The time of a pause is nobody's trouble.
    package mutating func pause() { settle() }

    package mutating func created() -> Step {
        isServerKnown = true
        isCreated = true
        settle()
        return .send(offset: 0)
    }

    /// The server says where the upload is. `isWhole`: and that its document goes on by itself.
    package mutating func stands(at offset: Int64?, length: Int64?, isWhole: Bool) -> Step {
        isServerKnown = true
        guard let offset, (0...sizeBytes).contains(offset), length == nil || length == sizeBytes else {
            return isRemembered ? beginAgain() : .giveUp(Self.strange)
        }
        isRemembered = false
        if offset > serverBytes || isWhole { settle() }
        serverBytes = offset
        return isWhole ? .finish : .send(offset: offset)
    }

    /// The server has taken a body, perhaps not to the end.
    package mutating func took(
        upTo offset: Int64?, isWhole: Bool, nowMilliseconds: Int64, random: Double
    ) -> Step {
        guard let offset, (0...sizeBytes).contains(offset) else { return .giveUp(Self.strange) }
        if isWhole { return .finish }
        let hasGrown = offset > serverBytes
        serverBytes = offset
        if hasGrown {
            settle()
            return .send(offset: offset)
        }
        return wait(.serverBusy, Self.strange, atLeast: 0, nowMilliseconds, random)
    }

    /// Another way (the events of its document) shows that bytes arrive.
    package mutating func arrived(_ bytes: Int64) {
        guard bytes > serverBytes else { return }
        serverBytes = bytes
        settle()
    }

    /// `random` is 0 to 1, anew each time.
    package mutating func failed(
        _ request: Request, _ error: ClientError, nowMilliseconds: Int64, random: Double
    ) -> Step {
        switch error {
        case .unreachable, .connectionLost:
            if !isServerKnown { return .giveUp(error) }
            return wait(.connectionLost, error, atLeast: 0, nowMilliseconds, random)
        case .refused(let problem):
            isServerKnown = true
            return refused(request, problem, nowMilliseconds: nowMilliseconds, random: random)
        case .unreadableReply, .libraryMissing, .file, .interrupted, .outputClosed, .outputFailed:
            return .giveUp(error)
        }
    }

    private mutating func refused(
        _ request: Request, _ problem: Problem, nowMilliseconds: Int64, random: Double
    ) -> Step {
        let error = ClientError.refused(problem)
        switch (problem.status, request) {
        case (409, .create) where creations > 1 && problem.code == "document_id_in_use":
            // We chose the id: it was made, and only the answer was lost.
            isCreated = true
            return .ask
        case (404, .ask) where isRemembered, (404, .send) where isRemembered, (410, _) where isRemembered:
            return beginAgain()
        case (410, _):
            return problem.code == "upload_expired" ? beginAgain() : .readEnd
        case (409, .ask), (409, .send):
            // Somebody else goes on with it; two that take it from each other would never end.
            if problem.code == "superseded" { return .giveUp(error) }
            mismatches += 1
            return mismatches == 1 ? .ask : wait(.serverBusy, error, atLeast: 0, nowMilliseconds, random)
        case (423, _):
            return wait(.serverBusy, error, atLeast: 0, nowMilliseconds, random)
        case (501, _), (505, _), (507, _):
            return .giveUp(error)
        default:
            guard problem.isPassing else { return .giveUp(error) }
            let seconds = min(problem.retryAfterSeconds ?? 0, Backoff.retryAfterSecondsMax)
            return wait(.serverBusy, error, atLeast: Int64(seconds) * 1000, nowMilliseconds, random)
        }
    }

    private mutating func beginAgain() -> Step {
        isRemembered = false
        isCreated = false
        creations = 0
        serverBytes = 0
        return goOn()
    }

    private mutating func wait(
        _ reason: Reason, _ error: ClientError, atLeast leastMilliseconds: Int64, _ nowMilliseconds: Int64,
        _ random: Double
    ) -> Step {
        let since = troubleSinceMilliseconds ?? nowMilliseconds
        troubleSinceMilliseconds = since
        let left = since + giveUpMilliseconds - nowMilliseconds
        if left <= 0 { return .giveUp(error) }
        let milliseconds = max(leastMilliseconds, backoff.next(random: random))
        return .wait(milliseconds: min(milliseconds, left), reason)
    }

    private mutating func settle() {
        troubleSinceMilliseconds = nil
        mismatches = 0
        backoff.reset()
    }

    private static let strange = ClientError.unreadableReply(
        server: "the server", reason: "its offset does not fit the upload")
}
