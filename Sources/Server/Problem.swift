import Core
import Documents
import JSON
import Wire

/// An error as clients see it: `application/problem+json` (RFC 9457) with a stable `code`.
package struct Problem: Error, Sendable, Equatable {
    package var status: Int
    /// A URI that names the kind of problem, where one is registered.
    package var type = "about:blank"
    package var code: String
    package var detail: String
    package var fields: [String: String] = [:]
    /// Members beside the standard ones, such as the limit that was passed.
    package var members: [String: JSONValue] = [:]

    package init(
        _ status: Int, _ code: String, _ detail: String, fields: [String: String] = [:],
        members: [String: JSONValue] = [:]
    ) {
        self.status = status
        self.code = code
        self.detail = detail
        self.fields = fields
        self.members = members
    }

    package func encoded(requestID: String) -> [UInt8] {
        var writer = JSONWriter(reservingBytes: 256)
        writer.beginObject()
        writer.key("type"); writer.string(type)
        writer.key("title"); writer.string(ResponseHead.reasonPhrase(status))
        writer.key("status"); writer.integer(status)
        writer.key("code"); writer.string(code)
        writer.key("detail"); writer.string(detail)
        writer.key("request_id"); writer.string(requestID)
        for (name, value) in members.sorted(by: { $0.key < $1.key }) {
            writer.key(name); writer.value(value)
        }
        writer.endObject()
        return writer.bytes
    }
}

// Each refusal has one answer; this is the table of them.
extension Problem {
    static let notFound = Problem(
        404, "not_found",
        "There is no such document. It may have been deleted; GET /v1/documents lists those there are.")
    static let noSuchFile = Problem(
        404, "no_such_file", "The document's result has no file of that name; GET its result for the list.")
    static func noText(pipeline: String) -> Problem {
        Problem(404, "no_text", "The pipeline \(pipeline) makes files, and no text; GET the document's result.")
    }
    static let noSuchRoute = Problem(
        404, "no_such_route", "There is nothing at this URL. The API begins at /v1/documents.")
    static func methodNotAllowed(_ allowed: [String]) -> Problem {
        Problem(
            405, "method_not_allowed", "This URL takes \(allowed.joined(separator: ", ")).",
            fields: ["Allow": allowed.joined(separator: ", ")])
    }

    static func unsupportedType(_ type: String, accepted: [String]) -> Problem {
        return Problem(
            415, "unsupported_type",
            "Documents of type \(type) are not taken. Send one of \(accepted.joined(separator: ", ")).",
            members: ["accepted_types": .array(accepted.map(JSONValue.string))])
    }

    static func tooLarge(limitBytes: Int64) -> Problem {
        Problem(
            413, "too_large", "The upload is larger than the \(limitBytes) bytes that are taken.",
            members: ["size_limit_bytes": .integer(limitBytes)])
    }

    static func rangeNotSatisfiable(byteCount: Int64) -> Problem {
        Problem(
            416, "range_not_satisfiable", "None of the bytes asked for is there: there are \(byteCount).",
            fields: ["Content-Range": ByteRange.contentRange(ofNoneOf: byteCount), "Accept-Ranges": "bytes"],
            members: ["size_bytes": .integer(byteCount)])
    }

    static let originNotAllowed = Problem(
        403, "origin_not_allowed", "Pages of this origin may not watch here. The server allows it with --allow-origin.")
    static let tooManyWatched = Problem(
        429, "too_many_watched",
        "A connection watches at most \(WatchedDocuments.documentsMax) documents by name. Open another one, or "
            + "watch *.",
        fields: ["Retry-After": "60"])
    static let restarting = Problem(
        503, "restarting", "The server is being restarted. Try again in a few seconds.", fields: ["Retry-After": "2"])
    static let tooManyConnections = Problem(
        503, "too_many_connections", "The server holds as many connections as it may. Try again in a few seconds.",
        fields: ["Retry-After": "5"])
    static let tooManyConnectionsOfClient = Problem(
        429, "too_many_connections_of_client",
        "Your address has as many connections as it may. Close some, or try again in a few seconds.",
        fields: ["Retry-After": "5"])
    static let storageFull = Problem(
        507, "storage_full", "The server has no room for more bytes. Free some disk space there, then try again.")

    static func storage(_ failure: RecordFailure) -> Problem {
        switch failure {
        case .alreadyThere: idInUse
        case .keyTaken: keyInUse
        case .storageFull: storageFull
        case .failed(let words):
            Problem(
                503, "storage_failed", "The server could not put the document on record (\(words)). Try again.",
                fields: ["Retry-After": "5"])
        }
    }

    static let idInUse = Problem(
        409, "document_id_in_use", "A document with this id exists. Choose another id, or leave it out.")

    static let cancelledMeanwhile = Problem(
        409, "already_cancelled", "The document was cancelled while its bytes arrived.")

    static let resultExpired = Problem(
        410, "result_expired",
        "The result has been removed, as the server does some time after a document's end. Upload the document again "
            + "to have it made anew.")

    static let neverUploaded = Problem(
        409, "never_uploaded", "The document's bytes never came whole. Upload them again as a new document.")

    init(_ refusal: DocumentRefusal) {
        switch refusal {
        case .notFound: self = .notFound
        case .idInUse: self = .idInUse
        case .storage(let failure): self = .storage(failure)
        case .conflict(let conflict): self.init(conflict)
        }
    }

    init(_ conflict: DocumentConflict) {
        switch conflict {
        case .alreadyTerminal(let status):
            self.init(
                409, "already_\(status.rawValue)", "The document is \(status.rawValue); nothing more happens to it.")
        case .alreadyUploaded:
            self.init(
                409, "already_uploaded", "The document's bytes are complete. Create another document for other bytes.")
        case .superseded:
            self.init(
                409, "superseded", "Another request began to bring this document's bytes; they are taken from there.")
        case .notTerminal:
            self.init(
                409, "not_finished", "The document is still being worked on. Cancel it first, or wait for its end.")
        case .alreadyComplete:
            self.init(409, "already_complete", "The document is complete. Upload it again to process it again.")
        case .neverUploaded: self = .neverUploaded
        case .isPart:
            self.init(
                409, "part_of_upload",
                "This is a part of another upload. Send its bytes by PATCH to /v1/uploads/, as it was created.")
        case .isConcatenation: self = .concatenationTakesNoBytes
        case .awaitedTooOften:
            self.init(
                409, "part_named_too_often",
                "A part may be named by \(Document.finalsMax) final uploads. Upload it again to use it once more.")
        case .unusableContent:
            self.init(
                409, "unusable_content",
                "Nothing can be made of the document's bytes, as its error says, and they will not change. Upload "
                    + "another document.")
        }
    }
}
