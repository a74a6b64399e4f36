import Core
import Crypto
import Loop
import System

/// What became of an upload's bytes.
package struct ContentReceipt: Sendable {
    /// Names them: the document's once it is on the document's record.
    package var token: Int64
    package var bytes: Int64
    package var sha256: String?
}

/// Takes an upload's bytes from a loop to the disk, and tells when they are durable.
///
/// Bytes gather in a buffer of `bufferBytes`; full ones are written and hashed by a disk thread, one after the other.
/// At `buffersInFlightMax` the sink is congested: the owner stops reading its socket until `drained` is called. So a
/// connection holds at most (buffersInFlightMax + 1) × bufferBytes, whatever the upload's size. Used on one loop.
package final class ContentSink: @unchecked Sendable {
    package static let bufferBytes = 256 * 1024
    package static let buffersInFlightMax = 2

    private let loop: EventLoop
    private let disk: DiskThreads
    private let file: ContentFile
    private var buffer: [UInt8] = []
    private var waiting: [[UInt8]] = []
    private var isWriting = false
    private var finishing: ((Result<ContentReceipt, SystemError>) -> Void)?
    private var failure: SystemError?
    private var isAbandoned = false

    package private(set) var receivedBytes: Int64 = 0
    /// The first bytes, for judging the type.
    package private(set) var prefix: [UInt8] = []
    /// Called when a congested sink takes bytes again.
    package var drained: (() -> Void)?
    /// Called once when the disk refuses; what comes after is dropped.
    package var failed: ((SystemError) -> Void)?

    package init(store: BlobStore, document: DocumentID, loop: EventLoop) {
        self.loop = loop
        disk = store.disk
        // Never used before, so that two uploads of one document never meet in one file.
        let token = Int64(Randomness.integer() >> 1)
        file = ContentFile(
            token: token, path: store.incomingPath(document, token: token),
            finalPath: store.contentPath(document, token: token), directory: store.contentDirectory)
    }

    package var isCongested: Bool { waiting.count + (isWriting ? 1 : 0) >= Self.buffersInFlightMax }

    package func write(_ bytes: Span<UInt8>) {
        guard failure == nil, !isAbandoned else { return }
        receivedBytes += Int64(bytes.count)
        bytes.withUnsafeBufferPointer { bytes in
            if prefix.count < DocumentType.judgedPrefixBytes {
                prefix.append(contentsOf: bytes.prefix(DocumentType.judgedPrefixBytes - prefix.count))
            }
            var rest = bytes[...]
            while !rest.isEmpty {
                if buffer.capacity < Self.bufferBytes { buffer.reserveCapacity(Self.bufferBytes) }
                let part = rest.prefix(Self.bufferBytes - buffer.count)
                buffer.append(contentsOf: part)
                rest = rest.dropFirst(part.count)
                if buffer.count == Self.bufferBytes { handOver() }
            }
        }
    }

    private func handOver() {
        waiting.append(buffer)
        buffer = []
        writeNext()
    }

    private func writeNext() {
        guard !isWriting, failure == nil else { return }
        if waiting.isEmpty {
            if finishing != nil { finishNow() }
            return
        }
        isWriting = true
        let piece = waiting.removeFirst()
        disk.submit(from: loop) { [file] in
            file.append(piece)
        } then: { failure in
            self.wrote(failure)
        }
    }

    private func wrote(_ failure: SystemError?) {
        isWriting = false
        if isAbandoned {
            discard()
        } else if let failure {
            fail(failure)
        } else {
            let wasCongested = waiting.count + 1 >= Self.buffersInFlightMax
            writeNext()
            if wasCongested && !isCongested { drained?() }
        }
    }

    private func fail(_ error: SystemError) {
        failure = error
        waiting = []
        buffer = []
        discard()
        if let finishing {
            self.finishing = nil
            finishing(.failure(error))
        } else {
            failed?(error)
        }
    }

    /// No more bytes come. `completion` is told when they are on the disk under their final name: file synced, renamed,
    /// directory synced.
    package func finish(then completion: @escaping @Sendable (Result<ContentReceipt, SystemError>) -> Void) {
        if let failure { return completion(.failure(failure)) }
        finishing = completion
        if !buffer.isEmpty { handOver() } else { writeNext() }
    }

    private func finishNow() {
        isWriting = true
        disk.submit(from: loop) { [file] in
            file.finish()
        } then: { result in
            self.finished(result)
        }
    }

    private func finished(_ result: Result<ContentReceipt, SystemError>) {
        isWriting = false
        if isAbandoned { return discard() }
        let completion = finishing
        finishing = nil
        completion?(result)
    }

    /// The upload is given up, or its bytes did not become the document's: they are removed, whatever name they have.
    package func abandon() {
        guard !isAbandoned else { return }
        isAbandoned = true
        waiting = []
        buffer = []
        drained = nil
        failed = nil
        finishing = nil
        // After a failure the file has been discarded already, and must not be twice.
        if !isWriting && failure == nil { discard() }
    }

    private func discard() {
        disk.submit { [file] in file.discard() }
    }
}

/// The file under an upload. Its calls are made by one disk thread at a time, in order.
private final class ContentFile: @unchecked Sendable {
    /// Dirty pages are pushed out in steps of this size and dropped behind.
    static let pushOutBytes: Int64 = 4 << 20

    private let token: Int64
    private let path: String
    private let finalPath: String
    private let directory: String
    private var descriptor: OwnedDescriptor?
    private var digest = Digest(.sha256)
    private var bytes: Int64 = 0
    private var pushedOutBytes: Int64 = 0
    private var isRenamed = false

    init(token: Int64, path: String, finalPath: String, directory: String) {
        self.token = token
        self.path = path
        self.finalPath = finalPath
        self.directory = directory
    }

    private func open() throws(SystemError) -> Int32 {
        if let raw = descriptor?.raw { return raw }
        let opened = try Files.open(path, .createNew)
        let raw = opened.raw
        descriptor = consume opened
        return raw
    }

    func append(_ piece: [UInt8]) -> SystemError? {
        do throws(SystemError) {
            let raw = try open()
            try DescriptorIO.writeAll(raw, piece)
            piece.withUnsafeBytes { digest.update($0) }
            bytes += Int64(piece.count)
            if bytes - pushedOutBytes >= Self.pushOutBytes {
                Files.pushOut(raw, from: pushedOutBytes, count: bytes - pushedOutBytes, dropBefore: pushedOutBytes)
                pushedOutBytes = bytes
            }
            return nil
        } catch {
            return error
        }
    }

    func finish() -> Result<ContentReceipt, SystemError> {
        do throws(SystemError) {
            let raw = try open()
            try Files.sync(raw)
            try Files.rename(path, to: finalPath)
            isRenamed = true
            try Files.syncDirectory(directory)
            descriptor = nil
            return .success(
                ContentReceipt(token: token, bytes: bytes, sha256: Digest.hexadecimal(digest.finish())))
        } catch {
            discard()
            return .failure(error)
        }
    }

    func discard() {
        descriptor = nil
        // Swept at the next start if it cannot be removed now.
        try? Files.remove(isRenamed ? finalPath : path)
    }
}
