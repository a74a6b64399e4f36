import Core
import JSON
import System
import Wire

/// What a client says of a document before, beside or after its bytes.
struct NewDocument {
    static let nameBytesMax = 255
    static let metadataBytesMax = 16 * 1024
    /// ISO 32000-2, 7.6.4.3.3: no more of a password counts.
    static let passwordBytesMax = 127

    var id: DocumentID?
    var name = "document"
    var metadata = JSONObject()
    var priority = WorkPriority.normal
    /// What opens the document.
    private(set) var password: String?
    var size: Int64?
    /// Whether the sha256 is made: `?digest=none` leaves it out.
    var wantsDigest = true
    /// The call's `Idempotency-Key`, and the right to give it to this document.
    var key: String?
    var reservation: KeyReservation?
    /// As it was declared; nil where the bytes are to be judged.
    private(set) var contentType: String?
    private let pipelines: PipelineCatalog
    private(set) var pipeline = PipelineShape.document

    init(id: DocumentID?, pipelines: PipelineCatalog = PipelineCatalog()) {
        self.id = id
        self.pipelines = pipelines
    }

    /// From a creating call's fields and query.
    init(_ exchange: Exchange) throws(Problem) {
        try self.init(
            query: QueryItems(exchange.head.query), pipelines: exchange.server.shared.configuration.pipelines)
        key = try IdempotentCreation.key(exchange)
        if let text = exchange.head.fields["Document-Password"] { try setPassword(text) }
        // A repeated call is compared by it (API.md).
        if key != nil { wantsDigest = true }
    }

    /// From the query of a creating call.
    init(query: QueryItems, pipelines: PipelineCatalog = PipelineCatalog()) throws(Problem) {
        self.pipelines = pipelines
        if let text = query["id"] ?? query["document_id"] { try setID(text) }
        if let text = query["name"] { name = Self.cleaned(text) }
        if let text = query["pipeline"] { try setPipeline(text) }
        if let text = query["webhook_url"] { try setWebhook(text) }
        if let text = query["priority"] { try setPriority(text) }
        try setDigest(query)
    }

    mutating func setDigest(_ query: QueryItems) throws(Problem) {
        switch query["digest"] {
        case nil, "", "sha256": wantsDigest = true
        case "none": wantsDigest = false
        case let other?:
            throw Problem(400, "bad_digest", "digest is sha256 or none, not \(other).")
        }
    }

    /// What a Content-Type field, or what stands for one in a form or in metadata, says; the pipeline is known by then.
    /// A type that is judged by the bytes declares nothing.
    mutating func declare(field: String?) throws(Problem) {
        switch pipelines.declared(field: field, for: pipeline.name) {
        case .known(let text): contentType = text
        case .judgedByBytes: break
        case .unsupported:
            throw .unsupportedType(field ?? "", accepted: pipelines.acceptedTypes(pipeline.name) ?? [])
        }
    }

    mutating func setID(_ text: String) throws(Problem) {
        guard let parsed = DocumentID(text) else {
            throw Problem(
                400, "malformed_document_id", "document_id is a UUID, such as 0190b6c2-7e4a-7c3a-9d1e-0a1b2c3d4e5f.")
        }
        id = parsed
    }

    mutating func setPipeline(_ text: String) throws(Problem) {
        guard let shape = pipelines.shape(text) else {
            let names = pipelines.names.joined(separator: ", ")
            throw Problem(400, "unknown_pipeline", "There is no pipeline of that name; this server has: \(names).")
        }
        pipeline = shape
    }

    mutating func setPriority(_ text: String) throws(Problem) {
        guard let known = WorkPriority(rawValue: text) else {
            let all = WorkPriority.allCases.map(\.rawValue).joined(separator: ", ")
            throw Problem(400, "bad_priority", "priority is one of \(all).")
        }
        priority = known
    }

    /// An empty one is none.
    mutating func setPassword(_ text: String) throws(Problem) {
        guard text.utf8.count <= Self.passwordBytesMax, !text.utf8.contains(0) else {
            throw Problem(400, "bad_password", "password has at most \(Self.passwordBytesMax) bytes, and no NUL.")
        }
        password = text.isEmpty ? nil : text
    }

    mutating func setWebhook(_ text: String) throws(Problem) {
        guard text.isEmpty else {
            throw Problem(
                422, "webhooks_not_served",
                "This server sends no webhooks. Leave webhook_url out and watch the events URL.")
        }
    }

    mutating func setMetadata(_ value: JSONValue) throws(Problem) {
        guard case .object(let object) = value else {
            throw Problem(400, "bad_metadata", "metadata is a JSON object.")
        }
        guard value.compactBytes.count <= Self.metadataBytesMax else {
            throw Problem(413, "metadata_too_large", "metadata may have \(Self.metadataBytesMax) bytes.")
        }
        metadata = object
    }

    /// The last part of a path, without control characters, not too long. A name is shown, and never opened.
    static func cleaned(_ text: String) -> String {
        let last = text.split(whereSeparator: { $0 == "/" || $0 == "\\" }).last.map(String.init) ?? ""
        let visible = last.unicodeScalars.filter { $0.value >= 0x20 && !(0x7f...0x9f).contains($0.value) }
        let name = String(String.UnicodeScalarView(visible)).cut(utf8BytesMax: nameBytesMax)
        return name.isEmpty ? "document" : name
    }

    /// The document as `exchange` makes it: it belongs to the caller, and takes what the caller's tier takes.
    func document(id: DocumentID, total: Int64?, awaitsContent: Bool, by exchange: Exchange) -> Document {
        let server = exchange.server
        var document = Document(
            id: id, epoch: server.shared.epoch, name: Self.cleaned(name), contentType: contentType, bytesTotal: total,
            pipeline: pipeline, metadata: metadata, awaitsContent: awaitsContent, at: server.now)
        document.owner = exchange.caller.subject
        document.client = exchange.caller.key
        document.priority = priority
        document.password = password
        document.maker = exchange.caller.maker
        document.tierLimitBytes = exchange.caller.tier.limitBytes
        document.upload.isHashed = wantsDigest
        return document
    }

    /// What a repeated call is held against; its bytes are not part of it yet.
    func content(
        awaitsContent: Bool = false, announcedBytes: Int64? = nil, form: ResumableUpload.Form = .whole
    ) -> CreationContent {
        CreationContent(
            chosenID: id, name: Self.cleaned(name), declaredType: contentType, metadata: metadata,
            pipeline: pipeline.name, awaitsContent: awaitsContent, announcedBytes: announcedBytes,
            form: form)
    }

    /// The same with an id for good.
    func withID() -> NewDocument {
        var named = self
        named.id = makeID()
        return named
    }

    /// The chosen id, or a new one.
    func makeID() -> DocumentID {
        id ?? DocumentID(unixMilliseconds: Clock.unixMilliseconds, random: (Randomness.integer(), Randomness.integer()))
    }
}
