import Blobs
import Core
import Documents
import JSON
import System
import Wire

/// A form with a file in it (RFC 7578): the file's bytes go where a raw upload's go; the fields may come before or
/// after.
final class MultipartUpload: BodyConsumer, @unchecked Sendable {
    static let fieldBytesMax = 64 * 1024

    private enum Part {
        case none
        case field(name: String, bytes: [UInt8])
        /// Its bytes wait until the document is made.
        case fileWaiting
        case file(any FileIntake)
    }

    private let exchange: Exchange
    private let reply: UploadReply
    private let boundaryBytes: Int
    private var decoder: MultipartDecoder
    private var request: NewDocument
    private var part: Part = .none
    private var upload: (any FileIntake)?
    private var metadataCameLate = false
    private var held: [UInt8] = []
    private var isBodyComplete = false
    private var isOver = false
    /// Of the request, before the bytes that are being taken.
    private var takenBytes: Int64 = 0
    private var bytesBeforeFile: Int64 = 0

    init(_ exchange: Exchange, boundary: String, _ request: NewDocument, reply: UploadReply) {
        self.exchange = exchange
        self.request = request
        self.reply = reply
        boundaryBytes = boundary.utf8.count
        decoder = MultipartDecoder(boundary: boundary)
    }

    func receive(_ bytes: Span<UInt8>) {
        guard !isOver else { return }
        if case .fileWaiting = part {
            bytes.withUnsafeBufferPointer { held.append(contentsOf: $0) }  // copied: outlives the read buffer
            return
        }
        do throws(MultipartError) {
            try take(bytes)
        } catch {
            fail(Problem(error.status, error.code, error.detail))
        }
        takenBytes += Int64(bytes.count)
    }

    private func take(_ bytes: Span<UInt8>) throws(MultipartError) {
        var position = 0
        while !isOver {
            switch try decoder.next(bytes, at: &position) {
            case .needMore: return
            // What follows is still held against the bound for it.
            case .finished: break
            case .partBegan(let head):
                bytesBeforeFile = takenBytes + Int64(position)
                begin(head)
                if case .fileWaiting = part {
                    bytes.extracting(position..<bytes.count).withUnsafeBufferPointer { held.append(contentsOf: $0) }
                    return
                }
            case .data(let range): append(bytes.extracting(range))
            case .heldData(let earlier): append(earlier.span)
            case .partEnded: endPart()
            }
        }
    }

    // Within the file disk threads may read the socket: only its end has to be found.
    var directSink: ContentSink? {
        guard !isOver, case .file(let upload) = part, decoder.isDataReadable else { return nil }
        return upload.directSink
    }

    func attachDirectly(_ socket: consuming OwnedDescriptor) {
        guard let sink = directSink else { return }
        let (scanner, undecided) = decoder.lendData()
        sink.attach(socket, scanner: scanner, undecided: undecided)
    }

    func tookDirectly() { upload?.tookDirectly() }

    private func begin(_ head: MultipartPart) {
        guard head.name == "file" || head.filename != nil else {
            part = .field(name: head.name, bytes: [])
            return
        }
        guard upload == nil else {
            return fail(
                Problem(400, "one_file_only", "A form holds one file; upload the others in requests of their own."))
        }
        do throws(Problem) { try request.declare(field: head.contentType) } catch { return fail(error) }
        if let name = head.filename { request.name = name }
        part = .fileWaiting
        exchange.pauseBody()
        Upload.intake(exchange, request, total: estimatedTotal, reply: reply, fieldsMayFollow: true) { [self] result in
            switch result {
            case .failure(let problem): fail(problem)
            case .success(let upload): fileReady(upload)
            }
        }
    }

    /// What is left of the request, less the closing delimiter: the file's size when it is the last part, and a little
    /// more than that when fields follow.
    private var estimatedTotal: Int64? {
        guard let length = exchange.contentLength else { return nil }
        // CRLF, two hyphens, the boundary, two hyphens, CRLF.
        return max(0, length - bytesBeforeFile - Int64(boundaryBytes + 8))
    }

    private func fileReady(_ upload: any FileIntake) {
        self.upload = upload
        guard !isOver else { return upload.abort() }
        part = .file(upload)
        let bytes = held
        held = []
        receive(bytes.span)
        exchange.resumeBody()
    }

    private func append(_ bytes: Span<UInt8>) {
        switch part {
        case .none, .fileWaiting: break
        case .file(let upload): upload.receive(bytes)
        case .field(let name, var value):
            guard value.count + bytes.count <= Self.fieldBytesMax else {
                return fail(Problem(413, "field_too_large", "The field \(name) may have \(Self.fieldBytesMax) bytes."))
            }
            bytes.withUnsafeBufferPointer { value.append(contentsOf: $0) }
            part = .field(name: name, bytes: value)
        }
    }

    private func endPart() {
        defer { part = .none }
        guard case .field(let name, let bytes) = part else { return }
        do throws(Problem) {
            try set(name, String(decoding: bytes, as: UTF8.self))
        } catch {
            fail(error)
        }
    }

    private func set(_ name: String, _ text: String) throws(Problem) {
        switch name {
        case "metadata":
            guard let value = try? JSONValue.parse(text) else {
                throw Problem(400, "bad_metadata", "The field metadata is not JSON.")
            }
            try request.setMetadata(value)
            metadataCameLate = upload != nil
        case "pipeline":
            guard upload == nil || text == request.pipeline.name else {
                throw Problem(400, "pipeline_too_late", "Send the field pipeline before the file.")
            }
            try request.setPipeline(text)
        case "webhook_url": try request.setWebhook(text)
        case "priority":
            guard upload == nil else {
                throw Problem(400, "priority_too_late", "Send the field priority before the file.")
            }
            try request.setPriority(text)
        case "password":
            guard upload == nil else {
                throw Problem(400, "password_too_late", "Send the field password before the file.")
            }
            try request.setPassword(text)
        case "document_id":
            guard upload == nil else {
                throw Problem(400, "document_id_too_late", "Send the field document_id before the file.")
            }
            try request.setID(text)
        default: break
        }
    }

    func finish() {
        isBodyComplete = true
        guard !isOver else { return }
        do throws(MultipartError) {
            try decoder.finish()
        } catch {
            return fail(Problem(error.status, error.code, error.detail))
        }
        guard let upload else {
            return fail(Problem(400, "file_missing", "The form holds no file. Send it as a part named file."))
        }
        if metadataCameLate { upload.lateMetadata = request.metadata }
        isOver = true
        upload.finish()
    }

    func abort() {
        guard !isOver else { return }
        isOver = true
        upload?.abort()
    }

    private func fail(_ problem: Problem) {
        guard !isOver else { return }
        isOver = true
        if let upload {
            upload.refuse(problem, DocumentError(.uploadInterrupted, problem.detail))
        } else {
            exchange.respond(problem)
        }
    }
}

extension PartDataScanner: ContentScanner {
    package func contentExtent(of bytes: Span<UInt8>) -> ContentExtent {
        let extent = extent(of: bytes)
        return ContentExtent(byteCount: extent.byteCount, isEnd: extent.isEnd)
    }
}
