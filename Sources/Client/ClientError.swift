/// What can go wrong between a command and the server, each with the sentence for people and the exit status.
package enum ClientError: Error, Equatable {
    /// The server answered, and the answer is no.
    case refused(Problem)
    /// No connection came about. `server` is the URL the user knows.
    case unreachable(server: String, reason: String)
    /// The connection was there and broke.
    case connectionLost(server: String, reason: String)
    /// The server answered with what is not in its contract; probably another server listens there.
    case unreadableReply(server: String, reason: String)
    /// This machine has no libcurl that could be loaded.
    case libraryMissing(reason: String)
    /// A file of ours: reading it failed.
    case file(name: String, reason: String)
    /// A signal ended the command.
    case interrupted(signal: Int32)
    /// Whoever read our standard output has gone.
    case outputClosed
    /// Standard output takes no more: a full disk, above all.
    case outputFailed(reason: String)

    package var words: String {
        switch self {
        case .refused(let problem):
            problem.words
        case .unreachable(let server, let reason):
            "could not connect to \(server)\(reason.isEmpty ? "" : " (\(reason))"): "
                + "is the server running? start it with `headway serve`"
        case .connectionLost(let server, let reason):
            "the connection to \(server) was lost\(reason.isEmpty ? "" : ": \(reason)")"
        case .unreadableReply(let server, let reason):
            "\(server) does not answer as a Headway server does: \(reason)"
        case .libraryMissing(let reason):
            "libcurl, which talks to servers, could not be loaded (\(reason)): install it with `apt install libcurl4`"
        case .file(let name, let reason):
            "\(TerminalText.clean(name)): \(reason)"
        case .interrupted:
            "interrupted"
        case .outputClosed:
            "standard output was closed"
        case .outputFailed(let reason):
            "the output could not be written: \(reason)"
        }
    }

    /// As `words`, where the file's name stands in front already.
    package var wordsBesideName: String {
        if case .file(_, let reason) = self { reason } else { words }
    }

    package var outcome: Outcome {
        switch self {
        case .refused(let problem): problem.status == 404 ? .notFound : .refused
        case .unreachable, .connectionLost, .unreadableReply: .unreachable
        case .libraryMissing: .libraryMissing
        case .file: .unreadableFile
        case .interrupted(let signal): .interrupted(signal: signal)
        case .outputClosed: .outputClosed
        case .outputFailed: .unwritableOutput
        }
    }
}
