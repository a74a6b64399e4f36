import Core
import Loop
import System

extension BlobStore {
    /// Second names in place of copies: link(2) costs no bytes, and the files of a complete document are never written
    /// again. The names last when this answers. What a crash leaves of them no record names: the next start removes it.
    package func share(
        _ source: StoredBytes, as target: StoredBytes, then completion: @escaping @Sendable (SharedFiles) -> Void
    ) {
        let (id, run) = (target.document, target.run)
        let original = contentPath(source.document, token: source.contentToken)
        let content = target.contentToken.map { contentPath(id, token: $0) }
        syncThreads.submit { [self] in
            do throws(SystemError) {
                try Files.link(resultPath(source.document, run: source.run), as: resultPath(id, run: run))
                try Files.link(textPath(source.document, run: source.run), as: textPath(id, run: run))
            } catch {
                removeOutput(of: id, token: run)
                return completion(.nothing)
            }
            makeLast([resultNames, textNames]) { [self] error in
                guard error == nil else {
                    removeOutput(of: id, token: run)
                    return completion(.nothing)
                }
                // Whoever uploaded it has a copy of its own in any case: then the bytes are kept twice.
                guard let content, (try? Files.link(original, as: content)) != nil else { return completion(.output) }
                makeLast([contentNames]) { error in
                    if error != nil { try? Files.remove(content) }
                    completion(error == nil ? .outputAndContent : .output)
                }
            }
        }
    }

    private func makeLast(_ names: ArraySlice<DirectorySync>, then completion: @escaping DirectorySync.Completion) {
        guard let first = names.first else { return completion(nil) }
        first.request { [self] error in
            if error != nil { return completion(error) }
            makeLast(names.dropFirst(), then: completion)
        }
    }
}
