import Blobs
import Compression
import Core
import Documents
import Loop
import System
import Wire

/// Sends a file from the disk, or a part of it, at the pace of the client: one piece is read (and compressed) by a disk
/// thread while the one before it leaves.
final class FileResponse: ResponseProducer, @unchecked Sendable {
    static let pieceBytes = 256 * 1024

    var endsWithPeer: Bool { false }

    private let exchange: Exchange
    private let source: Source
    private var isReading = false
    private var isAtEnd = false
    private var isOver = false

    /// A file by its path, or by its name in a folder that others have filled.
    struct Place: Sendable {
        var path: String
        var folder: String?
    }

    static func send(_ place: Place, _ file: DocumentFile, _ fields: HTTPFields, on exchange: Exchange) {
        var fields = fields
        fields.set("Cache-Control", "no-cache")
        fields.set("Accept-Ranges", "bytes")
        let asked = exchange.head.fields
        // RFC 9110 §14.2: Range is defined for GET alone; HEAD tells what a GET of the whole would.
        let isRanged = exchange.head.method == "GET" && asked["Range"] != nil
        let isCompressible = Exchange.isCompressible(fields["Content-Type"] ?? "")
        // Offsets are counted in the bytes as they are, so whoever asks for a part gets it without a coding.
        let compresses = isCompressible && !isRanged && AcceptField.acceptsGzip(asked["Accept-Encoding"])
        if isCompressible { fields.set("Vary", "Accept-Encoding") }
        // A coded representation is another one, and has a validator of its own (RFC 9110 §8.8.3.3).
        let tag = compresses ? "\"\(file.validator)-gzip\"" : "\"\(file.validator)\""
        fields.set("ETag", tag)
        if let known = asked["If-None-Match"], EntityTag.matches(ifNoneMatch: known, tag: tag) {
            return exchange.respond(304, fields, [])
        }
        let described = fields
        exchange.server.shared.store.disk.submit(from: exchange.loop) {
            Source.open(place, compresses: compresses)
        } then: { result in
            switch result {
            case .failure(let error) where error.isNotFound: missed(file, on: exchange)
            case .failure(let error): exchange.respond(.storage(.failed("\(error)")))
            case .success(let source):
                guard exchange.isAlive else { return }
                let selection =
                    isRanged
                    ? ByteRange.selection(of: source.byteCount, entityTag: tag, for: exchange.head.fields) : .whole
                answer(selection, of: source, described, compresses: compresses, on: exchange)
            }
        }
    }

    /// It may have left between the question and the opening: then the document says so by now.
    private static func missed(_ file: DocumentFile, on exchange: Exchange) {
        let part = file.part
        exchange.server.shared.documents.ask(part.document, from: exchange.loop) { owner, answer in
            owner.file(part, then: answer)
        } then: { (result: Result<DocumentFile, DocumentRefusal>) in
            switch result {
            case .failure(let refusal): exchange.respond(Problem(refusal))
            case .success(let now) where now.isRemoved: exchange.respond(.resultExpired)
            case .success:
                exchange.respond(
                    Problem(404, "bytes_gone", "The document's bytes are no longer on the server's disk."))
            }
        }
    }

    private static func answer(
        _ selection: ByteRange.Selection, of source: Source, _ described: HTTPFields, compresses: Bool,
        on exchange: Exchange
    ) {
        var fields = described
        var status = 200
        var length: Int64? = source.byteCount
        switch selection {
        case .unsatisfiable: return exchange.respond(.rangeNotSatisfiable(byteCount: source.byteCount))
        case .whole:
            if compresses {
                fields.set("Content-Encoding", "gzip")
                length = nil
            }
        case .part(let part):
            status = 206
            fields.set("Content-Range", ByteRange.contentRange(part, of: source.byteCount))
            length = Int64(part.count)
            source.select(part)
        }
        let response = FileResponse(exchange, source)
        exchange.begin(status, fields, length: length, producer: response)
        response.readNext()
    }

    private init(_ exchange: Exchange, _ source: Source) {
        self.exchange = exchange
        self.source = source
    }

    private func readNext() {
        guard !isReading, !isAtEnd, !isOver, !exchange.isResponseComplete else { return }
        isReading = true
        exchange.server.shared.store.disk.submit(from: exchange.loop) { [source] in
            source.next()
        } then: { piece in
            self.took(piece)
        }
    }

    private func took(_ piece: Result<Source.Piece, SystemError>) {
        isReading = false
        guard !isOver else { return }
        switch piece {
        case .failure: exchange.breakOff()
        case .success(let piece):
            exchange.write(piece.bytes)
            if piece.isLast {
                isAtEnd = true
                isOver = true
                exchange.end()
            } else if exchange.unsentBytes <= SocketStream.outputHighWaterBytes {
                readNext()
            }
        }
    }

    func drained() { readNext() }
    func abort() { isOver = true }
    func sweep(now: Int64) {}
    func drain() {}

    /// The open file. Its calls are made by one disk thread at a time.
    private final class Source: @unchecked Sendable {
        struct Piece: Sendable {
            var bytes: [UInt8]
            var isLast: Bool
        }

        let byteCount: Int64
        private let descriptor: OwnedDescriptor
        /// What is still to be sent.
        private var rest: Range<Int64>
        private var encoder: GzipEncoder?

        static func open(_ place: Place, compresses: Bool) -> Result<Source, SystemError> {
            do throws(SystemError) {
                let descriptor =
                    if let folder = place.folder {
                        try FileTree.openFile(place.path, in: folder)
                    } else {
                        try Files.open(place.path, .read)
                    }
                let bytes = try Files.size(descriptor.raw)
                return .success(Source(descriptor, bytes, compresses))
            } catch {
                return .failure(error)
            }
        }

        private init(_ descriptor: consuming OwnedDescriptor, _ bytes: Int64, _ compresses: Bool) {
            self.descriptor = descriptor
            byteCount = bytes
            rest = 0..<bytes
            if compresses { encoder = GzipEncoder() }
        }

        /// Before the first `next`.
        func select(_ part: Range<Int64>) { rest = part }

        func next() -> Result<Piece, SystemError> {
            var failure: SystemError?
            let wanted = min(FileResponse.pieceBytes, rest.count)
            let read = [UInt8](unsafeUninitializedCapacity: wanted) { buffer, count in
                guard wanted > 0 else { return }
                do throws(SystemError) {
                    count = try Files.read(
                        descriptor.raw, at: rest.lowerBound, into: UnsafeMutableRawBufferPointer(buffer))
                } catch {
                    failure = error
                }
            }
            if let failure { return .failure(failure) }
            // A file that became shorter cannot be sent whole; its framing would lie.
            if wanted > 0 && read.isEmpty { return .failure(SystemError("pread", 5)) }
            rest = rest.dropFirst(read.count)
            let isLast = rest.isEmpty
            guard encoder != nil else { return .success(Piece(bytes: read, isLast: isLast)) }
            var output: [UInt8] = []
            read.withUnsafeBytes { encoder?.encode($0, finishes: isLast, into: &output) }
            return .success(Piece(bytes: output, isLast: isLast))
        }
    }
}
