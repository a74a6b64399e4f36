import Core
import Documents
import System

/// The files of one run: the document's bytes to read, result and text to write.
struct RunFiles: ~Copyable, Sendable {
    let content: OwnedDescriptor
    let result: OwnedDescriptor
    let text: OwnedDescriptor
    /// What they hold already, as this run's own; nil where it begins at the beginning.
    let checkpoint: Checkpoint?

    /// Opens them, and takes over what an earlier run has made: a copy, so that nothing which still has the old files
    /// open can reach the new ones. Blocks.
    init(_ lease: Lease, _ paths: any RunPaths) throws(SystemError) {
        let (id, run) = (lease.document, lease.run)
        let content = try Files.open(paths.contentPath(id, token: lease.contentToken), .read)
        let result = try Files.open(paths.resultPath(id, run: run), .createNew)
        let text = try Files.open(paths.textPath(id, run: run), .createNew)
        var taken: Checkpoint?
        if let point = lease.checkpoint {
            do throws(SystemError) {
                try Self.copy(paths.resultPath(id, run: point.run), to: result.raw, byteCount: point.resultBytes)
                try Self.copy(paths.textPath(id, run: point.run), to: text.raw, byteCount: point.textBytes)
                try Files.syncDirectory(paths.resultDirectory)
                try Files.syncDirectory(paths.textDirectory)
                taken = point
                taken?.run = run
            } catch {
                // Out of space is the disk's trouble, and another try may find some.
                if error.isNoSpace { throw error }
                try Files.truncate(result.raw)
                try Files.truncate(text.raw)
            }
        }
        self.content = consume content
        self.result = consume result
        self.text = consume text
        checkpoint = taken
    }

    /// The document's bytes alone; the rest is closed.
    consuming func takeContent() -> OwnedDescriptor { content }

    private static func copy(_ path: String, to target: Int32, byteCount: Int64) throws(SystemError) {
        guard byteCount > 0 else { return }
        let source = try Files.open(path, .read)
        try Files.copy(source.raw, to: target, at: 0, byteCount: byteCount)
        try Files.sync(target)
    }
}

/// A file between an extractor that writes it and a worker that reads it meanwhile. It has no name, so it is gone with
/// whoever has it open.
struct SpoolFile: ~Copyable, Sendable {
    let writing: OwnedDescriptor
    let reading: OwnedDescriptor

    /// Blocks.
    init(path: String) throws(SystemError) {
        let writing = try Files.open(path, .createNew)
        let reading = try Self.openAnew(path)
        self.writing = consume writing
        self.reading = consume reading
    }

    /// Each side has a place of its own in the file; then the name is taken away.
    private static func openAnew(_ path: String) throws(SystemError) -> OwnedDescriptor {
        defer { try? Files.remove(path) }
        return try Files.open(path, .read)
    }
}

/// Carries open descriptors from a disk thread to the loop.
final class RunFilesBox: @unchecked Sendable {
    var files: RunFiles?
    var failure: SystemError?

    init(_ files: consuming RunFiles) { self.files = consume files }

    init(_ lease: Lease, _ paths: any RunPaths) {
        do throws(SystemError) { files = try RunFiles(lease, paths) } catch { failure = error }
    }
}
