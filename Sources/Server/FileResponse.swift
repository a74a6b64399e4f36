import Blobs
import Compression
import Core
import Documents
import Loop
import System
import Wire

/// Sends a file from the disk at the pace of the client: one piece is read (and compressed) by a disk thread while the
/// one before it leaves.
final class FileResponse: ResponseProducer, @unchecked Sendable {
    static let pieceBytes = 256 * 1024

    var endsWithPeer: Bool { false }

    private let exchange: Exchange
    private let source: Source
    private var isReading = false
    private var isAtEnd = false
    private var isOver = false

    static func send(_ path: String, _ file: DocumentFile, _ fields: HTTPFields, on exchange: Exchange) {
        var fields = fields
        let tag = "\"\(file.validator)\""
        fields.set("Cache-Control", "no-cache")
        let type = fields["Content-Type"] ?? ""
        let compresses =
            Exchange.isCompressible(type) && AcceptField.acceptsGzip(exchange.head.fields["Accept-Encoding"])
        if Exchange.isCompressible(type) { fields.set("Vary", "Accept-Encoding") }
        // A coded representation is another one, and has a validator of its own (RFC 9110 §8.8.3.3).
        fields.set("ETag", compresses ? "\"\(file.validator)-gzip\"" : tag)
        if let asked = exchange.head.fields["If-None-Match"],
            EntityTag.matches(ifNoneMatch: asked, tag: compresses ? "\"\(file.validator)-gzip\"" : tag)
        {
            return exchange.respond(304, fields, [])
        }
        let described = fields
        exchange.server.shared.store.disk.submit(from: exchange.loop) {
            Source.open(path, compresses: compresses)
        } then: { result in
            switch result {
            case .failure(let error):
                exchange.respond(
                    error.isNotFound
                        ? Problem(404, "bytes_gone", "The document's bytes are no longer on the server's disk.")
                        : .storage(.failed("\(error)")))
            case .success(let source):
                guard exchange.isAlive else { return }
                var fields = described
                if compresses { fields.set("Content-Encoding", "gzip") }
                let response = FileResponse(exchange, source)
                exchange.begin(200, fields, length: compresses ? nil : source.bytes, producer: response)
                response.readNext()
            }
        }
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

        let bytes: Int64
        private let descriptor: OwnedDescriptor
        private var offset: Int64 = 0
        private var encoder: GzipEncoder?

        static func open(_ path: String, compresses: Bool) -> Result<Source, SystemError> {
            do throws(SystemError) {
                let descriptor = try Files.open(path, .read)
                let bytes = try Files.size(descriptor.raw)
                return .success(Source(descriptor, bytes, compresses))
            } catch {
                return .failure(error)
            }
        }

        private init(_ descriptor: consuming OwnedDescriptor, _ bytes: Int64, _ compresses: Bool) {
            self.descriptor = descriptor
            self.bytes = bytes
            if compresses { encoder = GzipEncoder() }
        }

        func next() -> Result<Piece, SystemError> {
            var failure: SystemError?
            let wanted = Int(min(Int64(FileResponse.pieceBytes), bytes - offset))
            let read = [UInt8](unsafeUninitializedCapacity: wanted) { buffer, count in
                guard wanted > 0 else { return }
                do throws(SystemError) {
                    count = try Files.read(descriptor.raw, at: offset, into: UnsafeMutableRawBufferPointer(buffer))
                } catch {
                    failure = error
                }
            }
            if let failure { return .failure(failure) }
            // A file that became shorter cannot be sent whole; its framing would lie.
            if wanted > 0 && read.isEmpty { return .failure(SystemError("pread", 5)) }
            offset += Int64(read.count)
            let isLast = offset == bytes
            guard encoder != nil else { return .success(Piece(bytes: read, isLast: isLast)) }
            var output: [UInt8] = []
            read.withUnsafeBytes { encoder?.encode($0, finishes: isLast, into: &output) }
            return .success(Piece(bytes: output, isLast: isLast))
        }
    }
}
