import Core
import Loop
import System

/// A file and how much of it counts.
package struct ContentSource: Sendable {
    package var path: String
    package var bytes: Int64

    package init(path: String, bytes: Int64) {
        self.path = path
        self.bytes = bytes
    }
}

extension BlobStore {
    /// Copies files one behind the other into the content of `id`, and makes it last. The kernel copies, and shares the
    /// blocks where the file system can (copy_file_range(2)); the copy is then read once for its digest, if that is
    /// wanted.
    package func join(
        _ sources: [ContentSource], into id: DocumentID, token: Int64, isHashed: Bool = true, loop: EventLoop,
        then completion: @escaping @Sendable (Result<ContentReceipt, SystemError>) -> Void
    ) {
        let file = ContentFile(path: contentPath(id, token: token), startBytes: 0)
        disk.submit { [self] in
            let digest = RunningDigest()
            var bytes: Int64 = 0
            do throws(SystemError) {
                try file.open()
                for source in sources {
                    let part = try Files.open(source.path, .read)
                    try Files.copy(part.raw, to: file.raw, at: bytes, byteCount: source.bytes)
                    bytes += source.bytes
                }
                if isHashed { try digest.catchUp(file.raw, to: bytes, bytesMax: .max) }
                let receipt = ContentReceipt(
                    token: token, bytes: bytes, sha256: isHashed ? digest.finish() : nil, prefix: try file.prefix())
                sync(file, needsName: true) { failure in
                    if failure != nil { file.remove() } else { file.close() }
                    loop.post { completion(failure.map(Result.failure) ?? .success(receipt)) }
                }
            } catch {
                let failure = error
                file.remove()
                loop.post { completion(.failure(failure)) }
            }
        }
    }
}
