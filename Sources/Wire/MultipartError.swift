/// Why a multipart body cannot be read. The sender's mistake: answer with `status`.
package enum MultipartError: Error, Equatable {
    case boundaryInvalid
    case preambleTooLong(bytesMax: Int)
    case epilogueTooLong(bytesMax: Int)
    case tooManyParts(max: Int)
    case partHeadTooLarge(bytesMax: Int)
    case partHeadMalformed
    case partNameMissing
    case transferEncodingUnsupported
    case truncated

    package var status: Int { self == .transferEncodingUnsupported ? 415 : 400 }

    /// The stable name of the mistake.
    package var code: String {
        switch self {
        case .boundaryInvalid: "bad_multipart_boundary"
        case .preambleTooLong: "multipart_delimiter_missing"
        case .epilogueTooLong: "multipart_epilogue_too_long"
        case .tooManyParts: "too_many_parts"
        case .partHeadTooLarge: "part_head_too_large"
        case .partHeadMalformed: "bad_part_head"
        case .partNameMissing: "part_name_missing"
        case .transferEncodingUnsupported: "part_transfer_encoding_unsupported"
        case .truncated: "multipart_truncated"
        }
    }

    /// One sentence that tells the reader what to do.
    package var detail: String {
        switch self {
        case .boundaryInvalid:
            "Send multipart/form-data with a boundary parameter of 1 to 70 printable characters."
        case .preambleTooLong(let bytesMax):
            "Begin the body with the delimiter that Content-Type names: none came within \(bytesMax) bytes."
        case .epilogueTooLong(let bytesMax):
            "End the body behind the closing delimiter: at most \(bytesMax) bytes may follow."
        case .tooManyParts(let max):
            "Send at most \(max) parts."
        case .partHeadTooLarge(let bytesMax):
            "Keep the fields of a part under \(bytesMax) bytes."
        case .partHeadMalformed:
            "End each delimiter and each field of a part with CRLF and write fields as name, colon and value."
        case .partNameMissing:
            "Give every part Content-Disposition: form-data with a name."
        case .transferEncodingUnsupported:
            "Send the bytes of a part as they are, without Content-Transfer-Encoding."
        case .truncated:
            "Send the whole body again: it ended before its closing delimiter."
        }
    }
}
