import Core
import Loop
import System

/// Where a document's bytes lie in the data directory.
///
///     incoming/<id>.<upload>     bytes on their way in; swept at start
///     content/<id>.<upload>      the original, whole and synced
///     results/<id>.<run>.ndjson  chunks and vectors of one run
///     text/<id>.<run>.txt        the text of one run, pages parted by form feeds
///
/// Names are identifiers alone: nothing that a client sends ever becomes part of a path. An upload and a run have a
/// number that nothing else ever had, and the record names the ones that count. So files are removed by their exact
/// name, at any time and in any order; nothing that is made meanwhile can be hit.
package final class BlobStore: DocumentBytes {
    package let directory: String
    package let disk: DiskThreads

    /// Makes the folders and empties `incoming`. Blocks; called once at start.
    package init(directory: String, disk: DiskThreads) throws(SystemError) {
        self.directory = directory
        self.disk = disk
        for folder in ["incoming", "content", "results", "text"] { try Files.makeDirectories("\(directory)/\(folder)") }
        try Files.syncDirectory(directory)
        for name in try Files.names(in: "\(directory)/incoming") { try Files.remove("\(directory)/incoming/\(name)") }
    }

    package var contentDirectory: String { "\(directory)/content" }
    package var resultDirectory: String { "\(directory)/results" }
    package var textDirectory: String { "\(directory)/text" }

    package func incomingPath(_ id: DocumentID, token: Int64) -> String {
        "\(directory)/incoming/\(id).\(String(token, radix: 16))"
    }
    /// A record without a token is of a time when content was named by the document alone.
    package func contentPath(_ id: DocumentID, token: Int64?) -> String {
        "\(contentDirectory)/\(id)" + (token.map { "." + String($0, radix: 16) } ?? "")
    }
    package func resultPath(_ id: DocumentID, run: Int64) -> String {
        "\(resultDirectory)/\(id).\(String(run, radix: 16)).ndjson"
    }
    package func textPath(_ id: DocumentID, run: Int64) -> String {
        "\(textDirectory)/\(id).\(String(run, radix: 16)).txt"
    }

    package func removeContent(of id: DocumentID, token: Int64?) {
        remove([contentPath(id, token: token)])
    }

    package func removeOutput(of id: DocumentID, token: Int64) {
        remove([resultPath(id, run: token), textPath(id, run: token)])
    }

    private func remove(_ paths: [String]) {
        // What cannot be removed now is removed at the next start.
        disk.submit { for path in paths { try? Files.remove(path) } }
    }

    /// Removes what an earlier process left behind: files of documents that are gone, of uploads that lost their right
    /// and of runs that did not become the result. `kept` is all that the record names. Blocks; called once at start,
    /// before anything is uploaded or run.
    package func sweep(keeping kept: [DocumentID: KeptBytes]) throws(SystemError) -> Int {
        var removed = 0
        for folder in [contentDirectory, resultDirectory, textDirectory] {
            for name in try Files.names(in: folder) {
                // What is not named as ours is not ours to remove.
                guard let parts = Self.parts(of: name), !isKept(parts, in: folder, kept) else { continue }
                try Files.remove("\(folder)/\(name)")
                removed += 1
            }
        }
        return removed
    }

    private func isKept(
        _ parts: (id: DocumentID, token: Int64?), in folder: String, _ kept: [DocumentID: KeptBytes]
    ) -> Bool {
        guard let bytes = kept[parts.id] else { return false }
        return bytes.isUnknown || parts.token == (folder == contentDirectory ? bytes.content : bytes.output)
    }

    /// `<id>`, `<id>.<token>` or `<id>.<token>.<kind>`.
    private static func parts(of name: String) -> (id: DocumentID, token: Int64?)? {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 3, let id = DocumentID(String(parts[0])) else { return nil }
        guard parts.count > 1 else { return (id, nil) }
        guard let token = Int64(parts[1], radix: 16) else { return nil }
        return (id, token)
    }

    /// The space of the disk, as the kernel has it in memory (statvfs(2)).
    package func space() throws(SystemError) -> Files.Space { try Files.space(at: directory) }
}
