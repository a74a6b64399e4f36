import Core
import Loop
import System

/// Where a document's bytes lie in the data directory.
///
///     incoming/<id>.<upload>     bytes on their way in; swept at start
///     content/<id>               the original, whole and synced
///     results/<id>.<run>.ndjson  chunks and vectors of one run
///     text/<id>.<run>.txt        the text of one run, pages parted by form feeds
///
/// Names are identifiers alone: nothing that a client sends ever becomes part of a path.
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

    package func incomingPath(_ id: DocumentID, upload: UInt64) -> String {
        "\(directory)/incoming/\(id).\(String(upload, radix: 16))"
    }
    package func contentPath(_ id: DocumentID) -> String { "\(contentDirectory)/\(id)" }
    package func resultPath(_ id: DocumentID, run: Int64) -> String {
        "\(resultDirectory)/\(id).\(String(run, radix: 16)).ndjson"
    }
    package func textPath(_ id: DocumentID, run: Int64) -> String {
        "\(textDirectory)/\(id).\(String(run, radix: 16)).txt"
    }

    package func removeAll(of id: DocumentID) {
        let content = contentPath(id)
        disk.submit { try? Files.remove(content) }
        removeOutputs(of: id, except: nil)
    }

    package func removeOutputs(of id: DocumentID, except run: Int64?) {
        let kept = run.map { Set([resultPath(id, run: $0), textPath(id, run: $0)]) } ?? []
        let prefix = "\(id)."
        let folders = [resultDirectory, textDirectory]
        disk.submit {
            // What cannot be removed now is removed with the document's next run or with the document.
            for folder in folders {
                for name in (try? Files.names(in: folder)) ?? [] where name.hasPrefix(prefix) {
                    let path = "\(folder)/\(name)"
                    if !kept.contains(path) { try? Files.remove(path) }
                }
            }
        }
    }

    package struct Room: Sendable {
        /// What uploads may still take: the smaller of 5 % and 1 GiB stays free.
        package var spareBytes: Int64
        /// What the disk could hold if it were empty.
        package var totalBytes: Int64
    }

    package func room() throws(SystemError) -> Room {
        let space = try Files.space(at: directory)
        return Room(
            spareBytes: space.freeBytes - min(space.totalBytes / 20, Self.keptFreeBytesMax),
            totalBytes: space.totalBytes)
    }

    package static let keptFreeBytesMax: Int64 = 1 << 30
}
