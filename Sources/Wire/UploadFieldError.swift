/// Why the fields of a resumable upload cannot be used. Always the client's mistake: answer with `status`, `fields` and
/// those of `UploadReplies.refusalFields`; nothing of the content was taken.
package enum UploadFieldError: Error, Equatable, Sendable {
    case tusVersionUnsupported
    case fieldRepeated(name: String)
    case contentTypeWrong(wanted: String)
    case offsetMissing
    case offsetInvalid
    case lengthMissing
    case lengthInvalid
    case deferralInvalid
    case lengthAndDeferral
    case inconsistentLength
    case completeMissing
    case completeInvalid
    case metadataInvalid
    case checksumInvalid
    case checksumAlgorithmUnknown
    case checksumTrailerMissing
    case concatenationInvalid
    case tooManyParts
    case finalWithLength
    case finalWithContent

    package var status: Int { answer.status }

    /// The stable name of the mistake.
    package var code: String { answer.code }

    /// One sentence that tells the reader what to do.
    package var detail: String { answer.detail }

    /// What the answer must carry beside the problem.
    package var fields: HTTPFields {
        switch self {
        case .tusVersionUnsupported: ["Tus-Version": UploadReplies.tusVersion]
        // RFC 5789 §2.2: says what would be taken.
        case .contentTypeWrong(let wanted): ["Accept-Patch": wanted]
        default: HTTPFields()
        }
    }

    private var answer: (status: Int, code: String, detail: String) {
        switch self {
        case .tusVersionUnsupported:
            (412, "tus_version_unsupported", "Send Tus-Resumable: 1.0.0, or the fields of the IETF draft.")
        case .fieldRepeated(let name):
            (400, "upload_field_repeated", "Send the field \(name) once.")
        case .contentTypeWrong(let wanted):
            (415, "bad_upload_content_type", "Send the bytes of an upload with Content-Type: \(wanted).")
        case .offsetMissing:
            (400, "upload_offset_missing", "Say by Upload-Offset where these bytes belong; HEAD tells how far it is.")
        case .offsetInvalid:
            (400, "bad_upload_offset", "Send Upload-Offset as decimal digits and nothing else.")
        case .lengthMissing:
            (400, "upload_length_missing", "Send Upload-Length, or Upload-Defer-Length: 1 while it is not known.")
        case .lengthInvalid:
            (400, "bad_upload_length", "Send Upload-Length as decimal digits and nothing else.")
        case .deferralInvalid:
            (400, "bad_upload_defer_length", "Send Upload-Defer-Length: 1 or leave the field out.")
        case .lengthAndDeferral:
            (400, "upload_length_and_deferral", "Send either Upload-Length or Upload-Defer-Length, not both.")
        case .inconsistentLength:
            (400, "inconsistent_upload_length", "Say one length: by Upload-Length, and by the last content's end.")
        case .completeMissing:
            (400, "upload_complete_missing", "Say by Upload-Complete whether more is to come (?0) or not (?1).")
        case .completeInvalid:
            (400, "bad_upload_complete", "Send ?1 or ?0 as Upload-Complete, or as Upload-Incomplete in version 3.")
        case .metadataInvalid:
            (400, "bad_upload_metadata", "Send Upload-Metadata as name, space and base 64, with commas between pairs.")
        case .checksumInvalid:
            (400, "bad_upload_checksum", "Send Upload-Checksum as algorithm, space and the whole digest in base 64.")
        case .checksumAlgorithmUnknown:
            (400, "checksum_algorithm_unknown", "Use one of \(UploadReplies.checksumAlgorithms) for Upload-Checksum.")
        case .checksumTrailerMissing:
            (400, "checksum_trailer_missing", "Send Upload-Checksum behind the content, as Trailer announced it.")
        case .concatenationInvalid:
            (
                400, "bad_upload_concat",
                "Send Upload-Concat: partial, or final; and URLs of uploads, a space between two."
            )
        case .tooManyParts:
            (
                400, "too_many_parts",
                "Make an upload of at most \(UploadConcatenation.partsMax) parts; larger parts make fewer."
            )
        case .finalWithLength:
            (400, "final_upload_with_length", "Leave the length of a final upload out: its parts tell it.")
        case .finalWithContent:
            (403, "final_upload_with_content", "Send no bytes for a final upload: its parts have them.")
        }
    }
}
