import Formats

extension FormatError {
    /// The one answer for it: a document error's code (docs/errors.md), and what to do next.
    var failure: (code: String, detail: String) {
        switch self {
        case .damaged(let reason):
            (
                "unreadable",
                "The document cannot be read: \(reason). Open it where it was made, save it anew and upload it again."
            )
        case .encrypted:
            (
                "password_protected",
                "The document opens only with a password, or is locked to a reader. Remove that and upload it again."
            )
        case .expandsBeyond(let bound):
            (
                "expansion_exceeded",
                "The document \(bound.sentence). Save it anew, or in parts, and upload that."
            )
        case .otherKind(let found):
            ("unsupported_type", "The upload is \(found). Send the document itself, of a type that is taken.")
        case .sourceFailed(let reason):
            ("storage_failed", "The document could not be read from the disk (\(reason)). Try again.")
        }
    }
}

extension ExpansionBound {
    fileprivate var sentence: String {
        let limits = ArchiveLimits.default
        return switch self {
        case .entryBytes: "has a part that unpacks to more than \(limits.entryBytesMax >> 20) MiB"
        case .archiveBytes: "unpacks to more than \(limits.unpackedBytesMax >> 20) MiB"
        case .ratio: "unpacks to more than \(limits.ratioMax) times its size, as no real one does"
        }
    }
}
