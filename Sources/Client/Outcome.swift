/// How a command ends, for scripts: one number per answer.
package enum Outcome: Equatable, Sendable {
    case complete, failed, cancelled, notFound, unreachable, refused, unreadableFile, unwritableOutput, libraryMissing
    case interrupted(signal: Int32)
    case outputClosed

    package var code: Int32 {
        switch self {
        case .complete: 0
        case .failed: 1
        case .cancelled: 3
        case .notFound: 4
        case .unreachable: 5
        case .refused: 6
        case .unreadableFile: 66  // EX_NOINPUT of sysexits, beside ArgumentParser's 64 for usage.
        case .libraryMissing: 69  // EX_UNAVAILABLE.
        case .unwritableOutput: 74  // EX_IOERR.
        case .interrupted(let signal): 128 + signal  // As a shell tells it: 130 for Ctrl-C.
        case .outputClosed: 128 + 13
        }
    }

    /// The status of a document that reached its end.
    package init(_ status: DocumentState.Status) {
        switch status {
        case .failed: self = .failed
        case .cancelled: self = .cancelled
        default: self = .complete
        }
    }

    /// The one answer for several documents: the gravest.
    package static func gravest(_ all: [Outcome]) -> Outcome {
        all.max { $0.gravity < $1.gravity } ?? .complete
    }

    private var gravity: Int {
        switch self {
        case .complete: 0
        case .cancelled: 1
        case .failed: 2
        case .notFound: 3
        case .unreadableFile: 4
        case .refused: 5
        case .unreachable: 6
        case .libraryMissing: 7
        case .unwritableOutput: 8
        case .outputClosed: 9
        case .interrupted: 10
        }
    }

    /// For the discussion in `--help`.
    package static let table = """
        EXIT STATUS
          0    complete (upload without --watch: accepted)
          1    a document failed
          3    a document was cancelled
          4    no such document
          5    the server could not be reached, or the connection was lost
          6    the server refused; its reason is shown
          64   wrong usage
          66   a file could not be read
          69   this machine has no libcurl
          74   the output could not be written
          130  interrupted with Ctrl-C
        Of several documents the gravest counts: 130, 74, 5, 6, 66, 4, 1, 3, 0.
        """
}
