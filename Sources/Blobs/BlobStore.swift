import Core
import Loop
import Synchronization
import System

/// Where a document's bytes lie in the data directory.
///
///     content/<id>.<upload>      the original, or as much of it as has come
///     results/<id>.<run>.ndjson  chunks and vectors of one run
///     text/<id>.<run>.txt        the text of one run, pages parted by form feeds
///     stages/<id>.<run>/<stage>/ what a command of a pipeline of one's own made in one run
///
/// Names are identifiers alone: nothing that a client sends ever becomes part of a path. An upload and a run have a
/// number that nothing else ever had, and the record names the ones that count. So files are removed by their exact
/// name, at any time and in any order; nothing that is made meanwhile can be hit.
package final class BlobStore: DocumentBytes {
    package let directory: String
    package let disk: DiskThreads
    /// Syncs wait for the disk and use no core: they have threads of their own, so that writing goes on, and several,
    /// so that they share the commits of the file system's journal.
    let syncThreads: DiskThreads
    let contentNames: DirectorySync
    let resultNames: DirectorySync
    let textNames: DirectorySync
    let digests = SuspendedDigests()
    let intakeBuffers = IntakeBuffers()
    package let counters = DiskCounters()

    package static let syncThreadCount = 8

    /// Makes the folders. Blocks; called once at start.
    package init(directory: String, disk: DiskThreads) throws(SystemError) {
        self.directory = directory
        self.disk = disk
        for folder in ["content", "results", "text", "stages"] { try Files.makeDirectories("\(directory)/\(folder)") }
        try Files.syncDirectory(directory)
        syncThreads = try DiskThreads(count: Self.syncThreadCount, name: "sync")
        contentNames = DirectorySync(path: "\(directory)/content", threads: syncThreads, counters: counters)
        resultNames = DirectorySync(path: "\(directory)/results", threads: syncThreads, counters: counters)
        textNames = DirectorySync(path: "\(directory)/text", threads: syncThreads, counters: counters)
    }

    package var contentDirectory: String { "\(directory)/content" }
    package var resultDirectory: String { "\(directory)/results" }
    package var textDirectory: String { "\(directory)/text" }
    package var stagesDirectory: String { "\(directory)/stages" }

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
    package func stagesPath(_ id: DocumentID, run: Int64) -> String {
        "\(stagesDirectory)/\(id).\(String(run, radix: 16))"
    }
    package func spoolPath(_ id: DocumentID, run: Int64, index: Int) -> String {
        "\(textDirectory)/\(id).\(String(run, radix: 16)).part\(index)"
    }

    /// Makes a file's bytes last, and its name where that is new. Calls back on a thread of its own.
    func sync(_ file: ContentFile, needsName: Bool, then completion: @escaping @Sendable (SystemError?) -> Void) {
        syncThreads.submit { [self] in
            do throws(SystemError) {
                // A request without a byte has opened nothing yet.
                try file.open()
                counters.fileSyncs.add(1, ordering: .relaxed)
                try Files.sync(file.raw)
            } catch {
                return completion(error)
            }
            if needsName { contentNames.request(completion) } else { completion(nil) }
        }
    }

    package func makeContentDurable(
        of id: DocumentID, token: Int64, bytes: Int64, then completion: @escaping @Sendable (RecordFailure?) -> Void
    ) {
        let file = ContentFile(path: contentPath(id, token: token), startBytes: bytes)
        sync(file, needsName: true) { error in
            completion(error.map { $0.isNoSpace ? .storageFull : .failed("\($0)") })
        }
    }

    package func cutContent(
        of id: DocumentID, token: Int64, to bytes: Int64, then completion: @escaping @Sendable () -> Void
    ) {
        disk.submit { [self] in
            let path = contentPath(id, token: token)
            if let size = try? Files.size(path: path), size > bytes { try? Files.truncate(path: path, to: bytes) }
            completion()
        }
    }

    package func removeContent(of id: DocumentID, token: Int64?) {
        remove([contentPath(id, token: token)])
    }

    package func removeOutput(of id: DocumentID, token: Int64) {
        remove([resultPath(id, run: token), textPath(id, run: token)])
        disk.submit { [self] in try? FileTree.remove(stagesPath(id, run: token)) }
    }

    private func remove(_ paths: [String]) {
        // What cannot be removed now is removed at the next start.
        disk.submit { for path in paths { try? Files.remove(path) } }
    }

    /// All files there are that are named as ours; what is not named so is not ours to remove. Blocks; called once at
    /// start, before anything is uploaded or run.
    package func leftovers() throws(SystemError) -> Leftovers {
        var files: [Leftovers.File] = []
        for folder in Folder.allCases {
            try Files.eachName(in: path(folder)) { name in
                if let parts = Self.parts(of: name) {
                    files.append(Leftovers.File(folder: folder, id: parts.id, token: parts.token))
                }
            }
        }
        return Leftovers(files: files)
    }

    fileprivate enum Folder: UInt8, CaseIterable { case content, results, text, stages }

    private func path(_ folder: Folder) -> String {
        switch folder {
        case .content: contentDirectory
        case .results: resultDirectory
        case .text: textDirectory
        case .stages: stagesDirectory
        }
    }

    /// What was there when the server started: 40 bytes a file, of which there may be many.
    package struct Leftovers: Sendable {
        fileprivate struct File: Sendable {
            var folder: Folder
            var id: DocumentID
            var token: Int64?
        }
        fileprivate var files: [File]
    }

    private func path(_ file: Leftovers.File) -> String {
        switch (file.folder, file.token) {
        case (.content, let token): contentPath(file.id, token: token)
        case (.results, let token?): resultPath(file.id, run: token)
        case (.text, let token?): textPath(file.id, run: token)
        case (.stages, let token?): stagesPath(file.id, run: token)
        // Nothing of ours is named so.
        case (.results, nil): "\(resultDirectory)/\(file.id)"
        case (.text, nil): "\(textDirectory)/\(file.id)"
        case (.stages, nil): "\(stagesDirectory)/\(file.id)"
        }
    }

    package struct SweepOutcome: Sendable {
        package var removed = 0
        /// Uploads whose file is gone or has less than what is on record: the disk lost it.
        package var short: [DocumentID] = []
        /// Uploads whose file has more than what is on record.
        package var long: [DocumentID] = []
    }

    /// Removes, of what an earlier process left behind, the files of documents that are gone, of uploads that lost
    /// their right and of runs that did not become the result; and says which uploads have less or more than what is on
    /// record. `kept` is all that the record names. Blocks, beside everything else: no new file has an old one's name.
    /// So a file that is kept may be growing, and only its document's owner may cut it (`DocumentOwner.cutBack`).
    package func sweep(_ leftovers: Leftovers, keeping kept: [DocumentID: KeptBytes]) throws(SystemError)
        -> SweepOutcome
    {
        var outcome = SweepOutcome()
        for file in leftovers.files {
            if !isKept(file, kept) {
                if file.folder == .stages { try FileTree.remove(path(file)) } else { try Files.remove(path(file)) }
                outcome.removed += 1
            }
        }
        for (id, bytes) in kept {
            guard let acknowledged = bytes.acknowledgedBytes, let token = bytes.content else { continue }
            let size = (try? Files.size(path: contentPath(id, token: token))) ?? 0
            if size < acknowledged { outcome.short.append(id) }
            if size > acknowledged { outcome.long.append(id) }
        }
        return outcome
    }

    private func isKept(_ file: Leftovers.File, _ kept: [DocumentID: KeptBytes]) -> Bool {
        guard let bytes = kept[file.id] else { return false }
        return bytes.isUnknown || file.token == (file.folder == .content ? bytes.content : bytes.output)
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
