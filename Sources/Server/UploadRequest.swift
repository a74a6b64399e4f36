import Core
import Documents
import Hub
import JSON
import Loop
import System
import Wire

/// A request of one of the two resumable dialects, and how it is answered there.
struct UploadRequest: Sendable {
    let exchange: Exchange
    let dialect: UploadDialect
    let id: DocumentID
    /// The upload was made by this request: its answer says where it is.
    var isCreation = false
    /// Besides, it is there, and can be gone on with whatever becomes of this request.
    var isOnRecord = false
    /// A sum of the body follows it (tus, "Checksum trailer").
    var trailerChecksumFollows = false
    /// The request does not show which dialect its client speaks; the answer is in the words of both.
    var answersBoth = false

    var location: String { Self.location(of: id, on: exchange) }

    static func location(of id: DocumentID, on exchange: Exchange) -> String {
        exchange.publicURL + "/v1/uploads/\(id)"
    }

    /// Whether 104 may be sent; tus has none.
    var takesInterim: Bool { UploadDialect.allowsInterim(exchange.head) }
    /// Whether it may be sent while bytes come.
    var takesProgress: Bool { UploadDialect.allowsProgress(exchange.head) }

    // MARK: Answers

    func standing(_ grant: UploadGrant, isComplete: Bool = false) -> UploadStanding {
        var standing = UploadStanding(
            offset: grant.upload.acknowledgedBytes, length: grant.length, isComplete: isComplete,
            expiresUnixMilliseconds: grant.dueMilliseconds, sizeLimitBytes: sizeLimitBytes,
            metadata: grant.upload.metadataText, concatenation: grant.upload.concatenationText)
        if case .concatenation = grant.upload.form { standing.offset = nil }
        return standing
    }

    var sizeLimitBytes: Int64? { exchange.sizeLimitBytes }

    private func send(_ kind: UploadReplyKind, _ standing: UploadStanding, adding event: EncodedEvent? = nil) {
        let reply = UploadReplies.response(
            kind, standing, dialect: dialect, nowUnixMilliseconds: exchange.server.now.unixMilliseconds)
        var fields = reply.fields
        if answersBoth {
            let other = UploadReplies.response(
                kind, standing, dialect: .finalForm, nowUnixMilliseconds: exchange.server.now.unixMilliseconds)
            for (name, value) in other.fields.pairs where fields[name] == nil { fields.set(name, value) }
        }
        guard let event else { return exchange.respond(reply.status, fields, []) }
        fields.set("Document-ID", id.description)
        fields.set("Content-Location", "\(exchange.publicURL)/v1/documents/\(id)")
        fields.set("Link", "<\(exchange.publicURL)/v1/documents/\(id)/events>; rel=\"monitor\"")
        // A tus client wants an empty answer; the draft leaves it to the resource.
        if case .draft = dialect, kind != .standing {
            exchange.respond(reply.status, json: StateReply.encode(event, on: exchange), fields: fields)
        } else {
            exchange.respond(reply.status, fields, [])
        }
    }

    func answerCreated(_ standing: UploadStanding) { send(.created(location: location), standing) }

    /// More is to come, or a part is whole.
    func answer(_ grant: UploadGrant, isComplete: Bool) {
        send(isCreation ? .created(location: location) : .appended, standing(grant, isComplete: isComplete))
    }

    /// The upload is whole and its document waits for a worker.
    func answerComplete(_ event: EncodedEvent, bytes: Int64, metadata: String? = nil) {
        let standing = UploadStanding(
            offset: bytes, length: bytes, isComplete: true, expiresUnixMilliseconds: nil,
            sizeLimitBytes: sizeLimitBytes, metadata: metadata, concatenation: nil)
        let kind: UploadReplyKind =
            exchange.isHead ? .standing : isCreation ? .created(location: location) : .appended
        send(kind, standing, adding: event)
    }

    func answerStanding(_ standing: UploadStanding, document event: EncodedEvent? = nil) {
        send(.standing, standing, adding: event)
    }

    func interim(_ grant: UploadGrant, location: String? = nil) {
        guard takesInterim else { return }
        let reply = UploadReplies.response(
            .interim(location: location), standing(grant), dialect: dialect,
            nowUnixMilliseconds: exchange.server.now.unixMilliseconds)
        exchange.interim(reply.status, reply.fields)
    }

    /// Refuses an append to an upload that is at `offset`.
    func refuse(_ refusal: AppendRefusal, at offset: Int64) {
        switch refusal {
        case .mismatchingOffset(let expected, let provided):
            refuse(.offsetMismatch(expected: expected, provided: provided))
        case .inconsistentLength: refuse(.inconsistentLength(offset: offset))
        case .beyondLength(let length): respond(.beyondLength(length))
        case .beyondLimit(let limit): respond(.tooLarge(limitBytes: limit))
        }
    }

    func refuse(_ refusal: UploadRefusal) {
        var problem = Problem(
            refusal.status(dialect), refusal.code, refusal.detail, fields: ["Cache-Control": "no-store"],
            members: refusal.members)
        problem.type = refusal.type(dialect)
        for (name, value) in refusal.fields(dialect).pairs { problem.fields[name] = value }
        exchange.respond(located(problem))
    }

    /// A client goes on with what its own request created, if it is told where that is.
    private func located(_ problem: Problem) -> Problem {
        var problem = problem
        if isOnRecord { problem.fields["Location"] = location }
        return problem
    }

    /// Refuses what the body brought. Where that is the body's own fault, what the request created goes with it: its
    /// client has another upload to make, and nobody else knows of this one.
    func refuseBody(_ problem: Problem) {
        guard isOnRecord, [400, 413, 460].contains(problem.status) else { return respond(problem) }
        takeBack(problem)
    }

    /// Removes what the request created, then refuses it.
    func takeBack(_ problem: Problem) {
        var upload = self
        upload.isOnRecord = false
        exchange.server.shared.documents.ask(id, from: exchange.loop) { [id] owner, answer in
            owner.delete(id, then: answer)
        } then: { [upload] (_: DocumentRefusal?) in
            upload.respond(problem)
        }
    }

    func respond(_ problem: Problem) {
        var problem = located(problem)
        if exchange.isHead && problem.code == "superseded" {
            // Who only asks how far it is asks again; a client would take the conflict for the upload's end.
            problem.status = 423
            problem.fields["Retry-After"] = problem.fields["Retry-After"] ?? "5"
        }
        exchange.respond(problem)
    }

    func refuse(_ error: UploadFieldError) {
        var problem = Problem(error.status, error.code, error.detail)
        problem.type = error.type(dialect)
        for (name, value) in error.fields.pairs { problem.fields[name] = value }
        respond(problem)
    }
}

extension Problem {
    static func beyondLength(_ length: Int64) -> Problem {
        Problem(
            413, "beyond_length",
            "The body is longer than what is left of the upload's \(length) bytes. Send that much.",
            members: ["upload_length": .integer(length)])
    }
    static let checksumMismatch = Problem(
        460, "checksum_mismatch", "The bytes are not what Upload-Checksum says; none of them was kept. Send them again."
    )
}
