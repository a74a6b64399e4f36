import JSON

/// Why an upload's state does not allow what a request wants: the refusals for which the draft has names.
package enum UploadRefusal: Sendable, Equatable {
    case offsetMismatch(expected: Int64, provided: Int64)
    case inconsistentLength(offset: Int64)
    case completed(offset: Int64)

    /// The `type` of the problem (RFC 9457 §3.1.1), as far as the client's version of the draft knows it.
    package func type(_ dialect: UploadDialect) -> String {
        guard case .draft(let interop) = dialect else { return Self.untyped }
        switch self {
        case .offsetMismatch: return interop >= 6 ? Self.registry + "mismatching-upload-offset" : Self.untyped
        case .inconsistentLength: return interop >= 7 ? Self.registry + "inconsistent-upload-length" : Self.untyped
        case .completed: return interop >= 6 ? Self.registry + "completed-upload" : Self.untyped
        }
    }

    /// tus has one status for all that does not fit the upload's state; the draft names one for each.
    package func status(_ dialect: UploadDialect) -> Int {
        switch self {
        case .offsetMismatch: 409
        case .inconsistentLength: 400
        case .completed: dialect == .tus ? 409 : 400
        }
    }

    package var code: String {
        switch self {
        case .offsetMismatch: "upload_offset_mismatch"
        case .inconsistentLength: "inconsistent_upload_length"
        case .completed: "upload_completed"
        }
    }

    /// One sentence that tells the reader what to do.
    package var detail: String {
        switch self {
        case .offsetMismatch(let expected, let provided):
            "Go on at byte \(expected), where the upload is; these bytes begin at \(provided)."
        case .inconsistentLength:
            "Keep to the length that was told first: another one, or an end before it, does not fit."
        case .completed:
            "Send no more bytes: the upload is complete."
        }
    }

    /// Members of the problem beside the standard ones, under the draft's names.
    package var members: [String: JSONValue] {
        guard case .offsetMismatch(let expected, let provided) = self else { return [:] }
        return ["expected-offset": .integer(expected), "provided-offset": .integer(provided)]
    }

    /// Always with the true offset, so that a client that lost count can go on at once.
    package func fields(_ dialect: UploadDialect) -> HTTPFields {
        var fields = UploadReplies.refusalFields(dialect)
        fields.set("Upload-Offset", String(offset))
        if case .draft(let interop) = dialect, interop < 7 {
            // The early versions mean the upload itself by it.
            let isComplete = if case .completed = self { true } else { false }
            if interop == 3 {
                fields.set("Upload-Incomplete", isComplete ? "?0" : "?1")
            } else {
                fields.set("Upload-Complete", isComplete ? "?1" : "?0")
            }
        }
        return fields
    }

    private var offset: Int64 {
        switch self {
        case .offsetMismatch(let expected, _): expected
        case .inconsistentLength(let offset), .completed(let offset): offset
        }
    }

    private static let untyped = "about:blank"
    private static let registry = "https://iana.org/assignments/http-problem-types#"
}

extension UploadFieldError {
    /// The `type` of the problem (RFC 9457 §3.1.1), as far as the client's version of the draft knows it.
    package func type(_ dialect: UploadDialect) -> String {
        self == .inconsistentLength ? UploadRefusal.inconsistentLength(offset: 0).type(dialect) : "about:blank"
    }
}
