import CLinux
import Glibc

// Theory of operation
//
// A folder that a stranger filled: links that lead elsewhere, folders within folders without end, folders that nobody
// may list, names that are no text. Everything is reached from the descriptor of the folder above it and by its plain
// name, as bytes, and no link is followed; so no name, however it is made, leads out of the tree or hides a file in it.
// Processes that could still change it have ended, or it is only measured.

/// All that lies below one folder. Every call may block on the disk.
package enum FileTree {
    /// Folders within folders that are looked into.
    package static let depthMax = 32

    package struct Usage: Sendable, Equatable {
        package var bytes: Int64 = 0
        package var entries = 0
        /// It is deeper than `depthMax`, or has more entries than were to be counted.
        package var isBeyondCount = false
    }

    /// What it takes of the disk, counted up to so many entries.
    package static func usage(of path: String, entriesMax: Int) -> Usage {
        var usage = Usage()
        guard let folder = try? openFolder(AT_FDCWD, path) else { return usage }
        measure(folder.raw, depth: 0, entriesMax, &usage)
        return usage
    }

    private static func measure(_ folder: Int32, depth: Int, _ entriesMax: Int, _ usage: inout Usage) {
        guard depth < depthMax, let names = try? names(in: folder) else {
            usage.isBeyondCount = true
            return
        }
        for name in names {
            guard usage.entries < entriesMax else {
                usage.isBeyondCount = true
                return
            }
            // What is gone meanwhile takes nothing.
            guard let status = status(folder, name) else { continue }
            usage.entries += 1
            usage.bytes += Int64(status.st_blocks) * 512
            if isFolder(status), let inner = try? openFolder(folder, name) {
                measure(inner.raw, depth: depth + 1, entriesMax, &usage)
            }
        }
    }

    package struct File: Sendable, Equatable {
        package var name: String
        package var bytes: Int64
        /// Names the file whatever it is called.
        package var device: UInt64
        package var number: UInt64
    }

    /// The regular files that lie in the folder itself, by their names. One that is no text is told with U+FFFD, and is
    /// nobody's to open.
    package static func files(in path: String) throws(SystemError) -> [File] {
        let folder = try openFolder(AT_FDCWD, path)
        var files: [File] = []
        for name in try names(in: folder.raw) {
            guard let status = status(folder.raw, name), status.st_mode & S_IFMT == S_IFREG else { continue }
            files.append(
                File(
                    name: text(name), bytes: Int64(status.st_size), device: UInt64(status.st_dev),
                    number: UInt64(status.st_ino)))
        }
        return files.sorted { $0.name < $1.name }
    }

    /// Makes all of it last, files first.
    package static func sync(_ path: String) throws(SystemError) {
        let folder = try openFolder(AT_FDCWD, path)
        try sync(folder.raw, depth: 0)
    }

    private static func sync(_ folder: Int32, depth: Int) throws(SystemError) {
        guard depth < depthMax else { throw SystemError("fsync", ELOOP) }
        for name in try names(in: folder) {
            guard let status = status(folder, name) else { continue }
            if isFolder(status) {
                let inner = try openFolder(folder, name)
                try sync(inner.raw, depth: depth + 1)
            } else if status.st_mode & S_IFMT == S_IFREG {
                let file = OwnedDescriptor(
                    owning: try check("openat(\(text(name)))") {
                        openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0)
                    })
                try Files.sync(file.raw)
            }
        }
        try Files.sync(folder)
    }

    /// open(2) of a regular file by a name in a folder: a link, a pipe or a device is not found.
    package static func openFile(_ name: String, in path: String) throws(SystemError) -> OwnedDescriptor {
        let folder = try openFolder(AT_FDCWD, path)
        // NONBLOCK: a pipe without a writer would keep the caller.
        let raw = openat(folder.raw, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0)
        // ELOOP: it is a link. ENXIO: a socket.
        guard raw >= 0 else {
            throw SystemError("openat(\(name))", [ELOOP, ENXIO].contains(errno) ? ENOENT : errno)
        }
        let file = OwnedDescriptor(owning: raw)
        var status = stat()
        _ = try check("fstat") { fstat(file.raw, &status) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw SystemError("openat(\(name))", ENOENT) }
        return file
    }

    /// Removes the folder with all that is in it. It is no error when there is none.
    package static func remove(_ path: String) throws(SystemError) {
        do {
            let folder = try openFolder(AT_FDCWD, path)
            // A folder that lies too deep is brought up, and is met again in the next round.
            while try empty(folder.raw, top: folder.raw, depth: 0) {}
        } catch {
            // A plain file, which has the name as well.
            if error.isNotFound { return }
            if error.number == ENOTDIR || error.number == ELOOP { return try Files.remove(path) }
            throw error
        }
        _ = try check("rmdir(\(path))") { rmdir(path) }
    }

    /// Returns whether something was brought up into `top`.
    private static func empty(_ folder: Int32, top: Int32, depth: Int) throws(SystemError) -> Bool {
        var hasBroughtUp = false
        for name in try names(in: folder) {
            guard let status = status(folder, name) else { continue }
            guard isFolder(status) else {
                _ = try check("unlinkat(\(text(name)))") { unlinkat(folder, name, 0) }
                continue
            }
            if depth == depthMax {
                _ = try check("renameat(\(text(name)))") { renameat(folder, name, top, ".\(Randomness.integer())") }
                hasBroughtUp = true
                continue
            }
            let inner = try openFolder(folder, name)
            if try empty(inner.raw, top: top, depth: depth + 1) { hasBroughtUp = true }
            _ = try check("unlinkat(\(text(name)))") { unlinkat(folder, name, AT_REMOVEDIR) }
        }
        return hasBroughtUp
    }

    // MARK: One folder

    private static func openFolder(
        _ above: Int32, _ name: UnsafePointer<CChar>
    ) throws(SystemError) -> OwnedDescriptor {
        let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
        var raw = openat(above, name, flags, 0)
        if raw < 0, errno == EACCES {
            // Whoever made it may have left its owner no right to look into it.
            fchmodat(above, name, 0o700, 0)
            raw = openat(above, name, flags, 0)
        }
        guard raw >= 0 else { throw SystemError("openat(\(String(cString: name)))") }
        return OwnedDescriptor(owning: raw)
    }

    /// Names as the folder has them, each with the zero at its end: a repaired one would name no file, or another.
    private static func names(in folder: Int32) throws(SystemError) -> [[CChar]] {
        let copy = try check("fcntl") { fcntl(folder, F_DUPFD_CLOEXEC, 3) }
        guard let stream = fdopendir(copy) else {
            close(copy)
            throw SystemError("fdopendir")
        }
        defer { closedir(stream) }
        // The copy shares its place with the folder's own descriptor, which may have been read before.
        rewinddir(stream)
        var names: [[CChar]] = []
        let dot = CChar(bitPattern: UInt8(ascii: "."))
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) {
                    Array(UnsafeBufferPointer(start: $0, count: strlen($0) + 1))
                }
            }
            if name != [dot, 0] && name != [dot, dot, 0] { names.append(name) }
        }
        return names
    }

    private static func text(_ name: [CChar]) -> String {
        String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func status(_ folder: Int32, _ name: [CChar]) -> stat? {
        var status = stat()
        return fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 ? status : nil
    }

    private static func isFolder(_ status: stat) -> Bool { status.st_mode & S_IFMT == S_IFDIR }
}
