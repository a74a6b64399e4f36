import CLinux
import Glibc

/// Files and directories. Every call may block on the disk: call them on a disk thread, never on a loop.
package enum Files {
    package enum Access { case read, readWrite, createIfMissing, createNew, createOrTruncate, append }

    package static func open(_ path: String, _ access: Access) throws(SystemError) -> OwnedDescriptor {
        let flags: Int32 =
            switch access {
            case .read: O_RDONLY
            case .readWrite: O_RDWR
            case .createIfMissing: O_RDWR | O_CREAT
            // EXCL: two writers of one document are a mistake that must show itself.
            case .createNew: O_RDWR | O_CREAT | O_EXCL
            case .createOrTruncate: O_RDWR | O_CREAT | O_TRUNC
            case .append: O_WRONLY | O_CREAT | O_APPEND
            }
        return OwnedDescriptor(owning: try check("open(\(path))") { Glibc.open(path, flags | O_CLOEXEC, 0o640) })
    }

    /// mkdir(2); false when there was one already.
    @discardableResult
    package static func makeDirectory(_ path: String) throws(SystemError) -> Bool {
        do {
            _ = try check("mkdir(\(path))") { mkdir(path, 0o750) }
            return true
        } catch {
            if error.isAlreadyThere { return false }
            throw error
        }
    }

    /// Every missing directory on the way, as `mkdir -p`. Each that is made is durable on return: what is synced inside
    /// a directory is lost with it when its own name in its parent is.
    package static func makeDirectories(_ path: String) throws(SystemError) {
        var built = path.hasPrefix("/") ? "/" : ""
        for part in path.split(separator: "/") {
            let parent = built.isEmpty ? "." : built
            built += built.isEmpty || built.hasSuffix("/") ? String(part) : "/" + part
            if try makeDirectory(built) { try syncDirectory(parent) }
        }
    }

    /// fdatasync would do for bytes, but the size of a new file is what makes them readable again: fsync(2).
    package static func sync(_ descriptor: Int32) throws(SystemError) {
        _ = try check("fsync") { fsync(descriptor) }
    }

    /// A new name in a directory survives a power cut only after the directory itself is synced (fsync(2), notes).
    package static func syncDirectory(_ path: String) throws(SystemError) {
        let directory = OwnedDescriptor(
            owning: try check("open(\(path))") { Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) })
        try sync(directory.raw)
    }

    package static func size(_ descriptor: Int32) throws(SystemError) -> Int64 {
        var status = stat()
        _ = try check("fstat") { fstat(descriptor, &status) }
        return Int64(status.st_size)
    }

    package static func size(path: String) throws(SystemError) -> Int64 {
        var status = stat()
        _ = try check("stat(\(path))") { stat(path, &status) }
        return Int64(status.st_size)
    }

    /// When the content last changed, in nanoseconds since 1970: with the size, a validator for caches.
    package static func modifiedNanoseconds(path: String) throws(SystemError) -> Int64 {
        var status = stat()
        _ = try check("stat(\(path))") { stat(path, &status) }
        return Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
    }

    package static func truncate(_ descriptor: Int32, to byteCount: Int64 = 0) throws(SystemError) {
        _ = try check("ftruncate") { ftruncate(descriptor, off_t(byteCount)) }
    }

    package static func truncate(path: String, to byteCount: Int64) throws(SystemError) {
        _ = try check("truncate(\(path))") { Glibc.truncate(path, off_t(byteCount)) }
    }

    /// copy_file_range(2), until `byteCount` bytes from the source's beginning are in the target behind `offset`.
    package static func copy(_ source: Int32, to target: Int32, at offset: Int64, byteCount: Int64) throws(SystemError)
    {
        var (from, to) = (Int64(0), offset)
        while from < byteCount {
            let count = try check("copy_file_range") {
                hw_copy_file_range(source, &from, target, &to, Int(byteCount - from))
            }
            // EIO: the source has less than it should have.
            guard count > 0 else { throw SystemError("copy_file_range", 5) }
        }
    }

    /// pwrite(2), until all of it is written.
    package static func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, at offset: Int64)
        throws(SystemError)
    {
        var written = 0
        while written < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[written...])
            written += try check("pwrite") {
                pwrite(descriptor, rest.baseAddress!, rest.count, off_t(offset) + off_t(written))
            }
        }
    }

    package static func remove(_ path: String) throws(SystemError) {
        do { _ = try check("unlink(\(path))") { unlink(path) } } catch { if !error.isNotFound { throw error } }
    }

    /// link(2): a second name for a file, on the same file system. EMLINK where it has as many as it may.
    package static func link(_ path: String, as newPath: String) throws(SystemError) {
        _ = try check("link(\(path))") { Glibc.link(path, newPath) }
    }

    /// rename(2): replaces what has the new name, atomically.
    package static func rename(_ path: String, to newPath: String) throws(SystemError) {
        _ = try check("rename(\(path))") { Glibc.rename(path, newPath) }
    }

    /// realpath(3): the whole path, without links in it.
    package static func wholePath(_ path: String) -> String? {
        guard let pointer = realpath(path, nil) else { return nil }
        defer { free(pointer) }
        return String(cString: pointer)
    }

    package static func names(in directory: String) throws(SystemError) -> [String] {
        var names: [String] = []
        try eachName(in: directory) { names.append($0) }
        return names
    }

    /// Calls with the name of every entry (readdir(3)).
    package static func eachName(in directory: String, _ body: (String) -> Void) throws(SystemError) {
        guard let stream = opendir(directory) else { throw SystemError("opendir(\(directory))") }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { body(name) }
        }
    }

    /// pread(2): up to the buffer's size from `offset`; 0 at the end of the file.
    package static func read(
        _ descriptor: Int32, at offset: Int64, into buffer: UnsafeMutableRawBufferPointer
    ) throws(SystemError) -> Int {
        try check("pread") { pread(descriptor, buffer.baseAddress!, buffer.count, off_t(offset)) }
    }

    /// `byteCount` bytes from `offset`; fewer where the file ends before.
    package static func read(_ descriptor: Int32, at offset: Int64, byteCount: Int) throws(SystemError) -> [UInt8] {
        var failure: SystemError?
        let bytes = [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            do throws(SystemError) {
                while count < byteCount {
                    let rest = UnsafeMutableRawBufferPointer(
                        rebasing: UnsafeMutableRawBufferPointer(buffer)[count..<byteCount])
                    let more = try read(descriptor, at: offset + Int64(count), into: rest)
                    if more == 0 { return }
                    count += more
                }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }

    /// Whether a file has this text in its first `bytesMax` bytes. Blocks; about as fast as memory is read.
    package static func contains(
        _ descriptor: Int32, _ text: String, bytesMax: Int64
    ) throws(SystemError) -> Bool {
        let wanted = Array(text.utf8)
        // No larger: the allocator keeps a few of what each thread frees.
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 * 1024, alignment: 64)
        defer { buffer.deallocate() }
        var offset: Int64 = 0
        // Each piece begins with the last bytes of the one before: the text may lie across both.
        while offset < bytesMax {
            let count = try read(descriptor, at: offset, into: buffer)
            guard count >= wanted.count else { return false }
            if hw_contains(buffer.baseAddress!, count, wanted, wanted.count) { return true }
            offset += Int64(count - wanted.count + 1)
        }
        return false
    }

    /// A whole small file, such as those of /proc; nil when it cannot be read or is larger than `bytesMax`.
    package static func contents(of path: String, bytesMax: Int = 1 << 20) -> [UInt8]? {
        guard let file = try? open(path, .read) else { return nil }
        var bytes: [UInt8] = []
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 16 * 1024, alignment: 16)
        defer { piece.deallocate() }
        while true {
            guard let outcome = try? DescriptorIO.read(file.raw, into: piece) else { return nil }
            guard case .bytes(let count) = outcome else { return bytes }
            bytes.append(contentsOf: piece[..<count])
            if bytes.count > bytesMax { return nil }
        }
    }

    /// The first bytes of a file; fewer where it is shorter or cannot be read.
    package static func beginning(of path: String, byteCount: Int) -> [UInt8] {
        guard let file = try? open(path, .read) else { return [] }
        return [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            count = (try? read(file.raw, at: 0, into: UnsafeMutableRawBufferPointer(buffer))) ?? 0
        }
    }

    /// Starts writing dirty pages out and drops those that are clean: a large upload must not fill the page cache.
    package static func pushOut(_ descriptor: Int32, from start: Int64, count: Int64, dropBefore: Int64) {
        _ = hw_sync_file_range_write(descriptor, start, count)
        if dropBefore > 0 { _ = posix_fadvise(descriptor, 0, off_t(dropBefore), POSIX_FADV_DONTNEED) }
    }

    package struct Space: Sendable {
        package var freeBytes: Int64
        package var totalBytes: Int64
    }

    package static func space(at path: String) throws(SystemError) -> Space {
        var status = Glibc.statvfs()
        _ = try check("statvfs(\(path))") { statvfs(path, &status) }
        return Space(
            freeBytes: Int64(status.f_bavail) * Int64(status.f_frsize),
            totalBytes: Int64(status.f_blocks) * Int64(status.f_frsize))
    }

    /// Takes the lock of a directory for this process, or nil when another one holds it (flock(2)). The kernel lets go
    /// of it when the holder ends, however it ends.
    package static func lockDirectory(_ path: String) throws(SystemError) -> OwnedDescriptor? {
        let file = OwnedDescriptor(
            owning: try check("open(\(path)/lock)") { Glibc.open(path + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o640) })
        if flock(file.raw, LOCK_EX | LOCK_NB) == 0 { return file }
        if errno == EWOULDBLOCK { return nil }
        throw SystemError("flock(\(path)/lock)")
    }

    /// Whether a directory is there and can be written, or could be made where it is to be.
    package static func canHoldDirectory(_ path: String) -> Bool {
        var status = stat()
        if stat(path, &status) == 0 { return status.st_mode & S_IFMT == S_IFDIR && access(path, W_OK | X_OK) == 0 }
        guard errno == ENOENT else { return false }
        var parts = path.split(separator: "/", omittingEmptySubsequences: true)
        guard !parts.isEmpty else { return false }
        parts.removeLast()
        let parent = parts.joined(separator: "/")
        if path.hasPrefix("/") { return canHoldDirectory("/\(parent)") }
        return canHoldDirectory(parent.isEmpty ? "." : parent)
    }

    package static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }
}
