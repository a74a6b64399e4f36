import JSON
import Testing

@testable import Core

/// What a key that was used before means, for every way its document can stand; and what makes two calls the same.
@Suite("Idempotency keys")
struct IdempotencyTests {
    enum Way: CaseIterable, Sendable {
        case oneRequest, describedFirst
    }

    struct Row: Sendable, CustomStringConvertible {
        var description: String
        var changes: [DocumentChange]
        var way: Way
        var isHeld = false
        var waitsForHolder = false
        var standing: KeyStanding
    }

    static let completed = DocumentChange.uploadCompleted(bytes: 9, sha256: "ab", contentType: "text/plain")
    static let interrupted = DocumentChange.failed(DocumentError(.uploadInterrupted, "It was cut off."))
    static let expired = DocumentChange.failed(DocumentError(.uploadExpired, "Nothing came."))
    static let unusable = DocumentChange.uploadUnusable(
        bytes: 9, sha256: "ab", DocumentError(.unsupportedType, "It is a picture."))

    static let table: [Row] = [
        Row(description: "one request, running", changes: [], way: .oneRequest, standing: .inUse),
        Row(description: "cut off", changes: [interrupted], way: .oneRequest, standing: .free),
        Row(description: "cancelled on the way", changes: [.cancelled], way: .oneRequest, standing: .free),
        Row(description: "unusable", changes: [unusable], way: .oneRequest, standing: .taken),
        Row(description: "waiting", changes: [completed], way: .oneRequest, standing: .taken),
        Row(description: "cancelled later", changes: [completed, .cancelled], way: .oneRequest, standing: .taken),
        Row(description: "at work", changes: [completed, .leased], way: .oneRequest, standing: .taken),
        Row(
            description: "failed at work",
            changes: [completed, .leased, .failed(DocumentError(.crashed, "It ended."))],
            way: .oneRequest, standing: .taken),
        Row(
            description: "complete", changes: [completed, .leased, .completed(units: 1, chunks: 1)], way: .oneRequest,
            standing: .taken),
        Row(description: "described", changes: [], way: .describedFirst, standing: .taken),
        Row(
            description: "described, its bytes on their way", changes: [], way: .describedFirst, isHeld: true,
            standing: .taken),
        Row(
            description: "an upload whose bytes are on their way", changes: [], way: .describedFirst, isHeld: true,
            waitsForHolder: true, standing: .inUse),
        Row(
            description: "an upload that nobody holds", changes: [], way: .describedFirst, waitsForHolder: true,
            standing: .taken),
        Row(description: "expired", changes: [expired], way: .describedFirst, standing: .free),
        Row(description: "cancelled before its bytes", changes: [.cancelled], way: .describedFirst, standing: .free),
        Row(
            description: "an upload that is whole", changes: [completed], way: .describedFirst, waitsForHolder: true,
            standing: .taken),
    ]

    @Test("a key stands as its document does", arguments: table)
    func standing(row: Row) throws {
        var document = Document.sample(awaitsContent: row.way == .describedFirst)
        try document.apply(row.changes)
        // The owner names the file before the change that makes it the document's.
        if row.changes.contains(Self.completed) { document.contentToken = 7 }
        #expect(
            KeyStanding(document, isHeld: row.isHeld, waitsForHolder: row.waitsForHolder) == row.standing)
    }

    @Test("a key is forgotten after a day, not before")
    func lifetime() {
        let named = KeyedDocument(document: .sample, createdAtMilliseconds: 1000)
        #expect(!named.isForgotten(at: 1000 + KeyStanding.lifetimeMilliseconds - 1))
        #expect(named.isForgotten(at: 1000 + KeyStanding.lifetimeMilliseconds))
    }

    static func document(awaitsContent: Bool = false) throws -> Document {
        let metadata: JSONObject = ["a": .integer(1), "b": .number(100)]
        var document = Document(
            id: .sample, epoch: "9f3c", name: "a.txt", contentType: "text/plain", bytesTotal: 9, pipeline: .document,
            metadata: metadata, awaitsContent: awaitsContent, at: .start)
        try document.apply([completed])
        return document
    }

    static func content(awaitsContent: Bool = false) -> CreationContent {
        CreationContent(
            chosenID: nil, name: "a.txt", declaredType: "text/plain",
            metadata: ["b": .number(100), "a": .integer(1)], pipeline: "document", awaitsContent: awaitsContent,
            announcedBytes: 9, sha256: awaitsContent ? nil : "ab")
    }

    @Test("the same content is the same, also of a document that is read from its record", arguments: Way.allCases)
    func same(way: Way) throws {
        let awaitsContent = way == .describedFirst
        let document = try Self.document(awaitsContent: awaitsContent)
        #expect(Self.content(awaitsContent: awaitsContent).created(document))
        #expect(Self.content(awaitsContent: awaitsContent).created(try document.restored()))
    }

    @Test("what came later changes nothing of what was announced")
    func announced() throws {
        var document = Document.sample(bytesTotal: nil, awaitsContent: true)
        document.upload.metadataText = "x"
        try document.apply([
            .uploadContinued(token: 7, length: 50),
            .uploadCompleted(bytes: 50, sha256: nil, contentType: "application/pdf"),
        ])
        let restored = try document.restored()
        #expect(restored.announcedBytes == nil && restored.announcedType == nil)
        #expect(restored.declaredBytes == 50 && restored.contentType == "application/pdf")
    }

    static let variations: [@Sendable (inout CreationContent) -> Void] = [
        { $0.name = "b.txt" }, { $0.declaredType = nil }, { $0.declaredType = "text/markdown" },
        { $0.metadata = [:] }, { $0.metadata["a"] = .integer(2) }, { $0.pipeline = "pictures" },
        { $0.sha256 = "cd" }, { $0.awaitsContent = true },
        { $0.chosenID = DocumentID("0190b6c2-7e4a-7c3a-9d1e-0a1b2c3d4e60") },
    ]

    @Test("one other field is other content", arguments: variations.indices)
    func other(index: Int) throws {
        var content = Self.content()
        Self.variations[index](&content)
        #expect(!content.created(try Self.document()))
    }

    @Test("the announced length and the form count where bytes come later")
    func otherUpload() throws {
        let document = try Self.document(awaitsContent: true)
        var content = Self.content(awaitsContent: true)
        content.announcedBytes = 10
        #expect(!content.created(document))
        content = Self.content(awaitsContent: true)
        content.form = .part
        #expect(!content.created(document))
        content = Self.content()
        content.announcedBytes = 10
        #expect(content.created(try Self.document()))
    }
}
