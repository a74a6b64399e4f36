/// Which reply is to be made.
package enum UploadReplyKind: Sendable, Equatable {
    /// To the request that began the upload, with or without content.
    case created(location: String)
    case appended
    /// To HEAD.
    case standing
    /// 104, of the draft alone and only where `UploadDialect.allowsInterim` says so: with a location when the upload
    /// has come to be, without one as progress.
    case interim(location: String?)
    case options
}

/// Status and fields of the replies of both protocols. What is the same in all of them, such as CORS and the date, and
/// what belongs to the document, such as Document-ID, is the server's to add; so is a body, and then the status of a
/// draft's complete upload is that of the body.
package enum UploadReplies {
    static let tusVersion = "1.0.0"
    static let tusExtensions =
        "creation,creation-with-upload,creation-defer-length,checksum,checksum-trailer,expiration,termination,"
        + "concatenation,concatenation-unfinished"
    static let checksumAlgorithms = UploadChecksum.Algorithm.allCases.map(\.rawValue).joined(separator: ",")

    package static func response(
        _ kind: UploadReplyKind, _ standing: UploadStanding, dialect: UploadDialect, nowUnixMilliseconds: Int64
    ) -> (status: Int, fields: HTTPFields) {
        if kind == .options { return options(standing) }
        switch dialect {
        case .tus: return tus(kind, standing)
        case .draft(let interop): return draft(kind, standing, interop, nowUnixMilliseconds)
        }
    }

    // MARK: tus

    private static func tus(_ kind: UploadReplyKind, _ standing: UploadStanding) -> (status: Int, fields: HTTPFields) {
        var fields: HTTPFields = ["Tus-Resumable": tusVersion]
        // Said wherever it is known: a creation with content must, and to every client a 2xx without it is a failure.
        if let offset = standing.offset { fields.set("Upload-Offset", String(offset)) }
        // A part that is complete expires as well, while nothing is made of it.
        if let expires = standing.expiresUnixMilliseconds {
            fields.set("Upload-Expires", HTTPDate.text(unixMilliseconds: expires))
        }
        switch kind {
        case .created(let location):
            fields.set("Location", location)
            return (201, fields)
        case .appended:
            return (204, fields)
        case .standing:
            if let length = standing.length {
                fields.set("Upload-Length", String(length))
            } else if standing.concatenation?.hasPrefix("final") != true {
                fields.set("Upload-Defer-Length", "1")
            }
            if let metadata = standing.metadata { fields.set("Upload-Metadata", metadata) }
            if let concatenation = standing.concatenation { fields.set("Upload-Concat", concatenation) }
            fields.set("Cache-Control", "no-store")
            return (200, fields)
        case .interim, .options:
            preconditionFailure("tus has no interim responses, and one answer to OPTIONS serves both protocols.")
        }
    }

    // MARK: The draft

    private static func draft(
        _ kind: UploadReplyKind, _ standing: UploadStanding, _ interop: Int, _ nowUnixMilliseconds: Int64
    ) -> (status: Int, fields: HTTPFields) {
        var fields = HTTPFields()
        let limit = limit(standing, interop, nowUnixMilliseconds)
        if case .interim(let location) = kind {
            // A client of a draft takes no 104 that does not name its own version.
            fields.set("Upload-Draft-Interop-Version", String(interop))
            if let location {
                fields.set("Location", location)
                if let limit { fields.set("Upload-Limit", limit) }
            } else if let offset = standing.offset {
                fields.set("Upload-Offset", String(offset))
            }
            return (104, fields)
        }
        // The later versions ask for it on HEAD alone, but tus-js-client on every 2xx.
        if let offset = standing.offset { fields.set("Upload-Offset", String(offset)) }
        addCompleteness(standing.isComplete, interop, to: &fields)
        if let limit { fields.set("Upload-Limit", limit) }
        switch kind {
        case .created(let location):
            fields.set("Location", location)
            return (standing.isComplete ? 202 : 201, fields)
        case .appended:
            // Up to -05 the drafts demand 201, later any 2xx will do; a complete upload is a document on its way.
            return (standing.isComplete ? 202 : interop <= 6 ? 201 : 204, fields)
        case .standing, .interim, .options:
            if let length = standing.length { fields.set("Upload-Length", String(length)) }
            fields.set("Cache-Control", "no-store")
            return (204, fields)
        }
    }

    private static func addCompleteness(_ isComplete: Bool, _ interop: Int, to fields: inout HTTPFields) {
        if interop == 3 {
            fields.set("Upload-Incomplete", isComplete ? "?0" : "?1")
        } else {
            fields.set("Upload-Complete", isComplete ? "?1" : "?0")
        }
    }

    /// Upload-Limit, which came with version 6. Version 8 wants it said that there is no limit, as `min-size=0`.
    private static func limit(_ standing: UploadStanding, _ interop: Int, _ nowUnixMilliseconds: Int64) -> String? {
        guard interop >= 6 else { return nil }
        var members: [String] = []
        if let size = standing.sizeLimitBytes { members.append("max-size=\(size)") }
        if !standing.isComplete, let expires = standing.expiresUnixMilliseconds {
            let seconds = max(0, expires - nowUnixMilliseconds) / 1000
            members.append("\(interop == 6 ? "expires" : "max-age")=\(seconds)")
        }
        if members.isEmpty { return interop >= 8 ? "min-size=0" : nil }
        return members.joined(separator: ", ")
    }

    // MARK: Both

    /// One answer, whichever protocol the client is going to speak. 200, because tus-js-client's users know it so.
    private static func options(_ standing: UploadStanding) -> (status: Int, fields: HTTPFields) {
        var fields: HTTPFields = [
            "Tus-Resumable": tusVersion, "Tus-Version": tusVersion, "Tus-Extension": tusExtensions,
            "Tus-Checksum-Algorithm": checksumAlgorithms,
        ]
        if let size = standing.sizeLimitBytes { fields.set("Tus-Max-Size", String(size)) }
        fields.set("Upload-Limit", standing.sizeLimitBytes.map { "max-size=\($0)" } ?? "min-size=0")
        fields.set("Accept-Patch", "\(UploadDialect.tusType), \(UploadDialect.partialType)")
        return (200, fields)
    }

    /// What a refusal of any kind must carry to be understood as one of its protocol.
    package static func refusalFields(_ dialect: UploadDialect) -> HTTPFields {
        switch dialect {
        case .tus: ["Tus-Resumable": tusVersion]
        // From -06 on: the answer comes from the upload, not from what is made of it.
        case .draft(let interop): interop >= 7 ? ["Upload-Complete": "?0"] : HTTPFields()
        }
    }

    /// The same by what a request shows of its protocol, also where it shows a version that is not served.
    package static func refusalFields(of head: RequestHead) -> HTTPFields {
        do throws(UploadFieldError) {
            return try UploadDialect.of(head).map(refusalFields) ?? HTTPFields()
        } catch {
            return refusalFields(.tus)
        }
    }

    /// The fields of 204 to DELETE.
    package static func terminationFields(_ dialect: UploadDialect) -> HTTPFields {
        dialect == .tus ? ["Tus-Resumable": tusVersion] : HTTPFields()
    }
}
