import Glibc

/// How far processes have read certain files: the furthest place that any of their descriptors was seen at
/// (`/proc/PID/fdinfo`, proc(5)). What is mapped into memory, or was opened, read and closed between two looks, is not
/// seen.
package struct ReadingPosition: Sendable {
    private var sizes: [FileKey: Int64] = [:]
    private var furthest: [FileKey: Int64] = [:]

    package init(of files: [FileTree.File]) {
        for file in files { sizes[FileKey(device: file.device, number: file.number)] = file.bytes }
    }

    package var bytesTotal: Int64 { sizes.values.reduce(0, +) }
    package var bytesRead: Int64 { furthest.values.reduce(0, +) }

    /// Looks again. A process that is gone, or may not be looked at, adds nothing.
    package mutating func look(at processIDs: [Int32]) {
        for process in processIDs {
            OpenFiles.each(of: process) { name, status in
                let key = FileKey(status)
                guard let size = sizes[key], let place = Self.place(process, name) else { return }
                furthest[key] = max(furthest[key] ?? 0, min(place, size))
            }
        }
    }

    private static func place(_ process: Int32, _ descriptor: String) -> Int64? {
        guard let bytes = Files.contents(of: "/proc/\(process)/fdinfo/\(descriptor)") else { return nil }
        let line = String(decoding: bytes, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("pos:") }
        return line.flatMap { Int64($0.dropFirst(4).filter { !$0.isWhitespace }) }
    }
}

extension FileTree.File {
    /// The file that is open there.
    package init(_ descriptor: Int32) throws(SystemError) {
        var status = stat()
        _ = try check("fstat") { fstat(descriptor, &status) }
        self.init(
            name: "", bytes: Int64(status.st_size), device: UInt64(status.st_dev), number: UInt64(status.st_ino))
    }
}
