import Core
import Documents
import JSON
import System

/// The folders of one run of commands: `0`, `1`, … for what each stage makes, and `temporary`.
///
/// A run that goes on from another takes its folder by renaming it; nothing that belonged to the other one lives any
/// more. If the server is killed before that is on record, the folder is nobody's, and the work begins anew.
struct StageFolders: Sendable {
    let path: String
    /// Stages whose output is there, whole.
    private(set) var finishedCount = 0

    func output(_ index: Int) -> String { "\(path)/\(index)" }
    var temporary: String { "\(path)/temporary" }

    /// Blocks.
    init(_ lease: Lease, _ paths: any RunPaths) throws(SystemError) {
        // Commands start in their folder: a relative path would lead elsewhere from there.
        guard let above = Files.wholePath(paths.stagesDirectory) else {
            throw SystemError("realpath(\(paths.stagesDirectory))")
        }
        let name = paths.stagesPath(lease.document, run: lease.run).split(separator: "/").last ?? ""
        path = "\(above)/\(name)"
        if let point = lease.checkpoint, point.units > 0 {
            do throws(SystemError) {
                try Files.rename(paths.stagesPath(lease.document, run: point.run), to: path)
                finishedCount = min(Int(clamping: point.units), lease.stageNames.count)
                // A run that was about to be complete may have removed what its last stage did not need any more.
                _ = try FileTree.files(in: output(finishedCount - 1))
                for index in finishedCount..<lease.stageNames.count { try FileTree.remove(output(index)) }
                try FileTree.remove(temporary)
            } catch {
                finishedCount = 0
                try FileTree.remove(path)
            }
        }
        if finishedCount == 0 { try Files.makeDirectory(path) }
        try Files.syncDirectory(above)
    }

    /// Makes the folders of a stage that is about to run. Blocks.
    func make(_ index: Int) throws(SystemError) {
        try FileTree.remove(output(index))
        try FileTree.remove(temporary)
        try Files.makeDirectory(output(index))
        try Files.makeDirectory(temporary)
    }

    /// Makes what a stage has left last. Blocks.
    func keep(_ index: Int) throws(SystemError) {
        try FileTree.remove(temporary)
        try FileTree.sync(output(index))
        try Files.syncDirectory(path)
    }

    /// Removes what a stage has left that did not come to a good end. Blocks.
    func discard(_ index: Int) throws(SystemError) {
        try FileTree.remove(temporary)
        try FileTree.remove(output(index))
    }

    /// Removes what only later stages needed, and lists what the last one made, one JSON object a line, in `list`.
    /// Blocks.
    func finish(last: Int, list: String, id: DocumentID) throws(SystemError) -> RunVerdict {
        let files = try FileTree.files(in: output(last)).filter { !$0.name.hasPrefix(".") }
        if files.isEmpty {
            return .failed(
                DocumentError(.stageFailed, "The last stage ended well and left no file in its output directory."))
        }
        if let odd = files.first(where: { !OutputName.isServable($0.name) }) {
            let name = odd.name.unicodeScalars.map { $0.value < 0x20 ? "?" : String($0) }.joined()
            return .failed(
                DocumentError(
                    .stageFailed,
                    "The last stage left a file of a name that cannot be served (\(name)). Names are text without "
                        + "control characters and backslashes."))
        }
        let lines = files.flatMap { Self.line($0, id) }
        let result = try Files.open(list, .createOrTruncate)
        try DescriptorIO.writeAll(result.raw, lines)
        try Files.sync(result.raw)
        for index in 0..<last { try FileTree.remove(output(index)) }
        return .complete(units: 0, chunks: Int64(files.count))
    }

    private static func line(_ file: FileTree.File, _ id: DocumentID) -> [UInt8] {
        var line = JSONWriter()
        line.beginObject()
        line.key("name"); line.string(file.name)
        line.key("bytes"); line.integer(file.bytes)
        line.key("content_type"); line.string(OutputName.contentType(of: file.name))
        line.key("url"); line.string("/v1/documents/\(id)/files/\(OutputName.escaped(file.name))")
        line.endObject()
        return line.bytes + [UInt8(ascii: "\n")]
    }
}
