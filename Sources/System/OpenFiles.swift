import Glibc

/// What processes have open (`/proc/PID/fd`, proc(5)).
package enum OpenFiles {
    /// Descriptors of one process that are looked at.
    static let descriptorsMax = 256

    /// Calls with each descriptor and what is open there. A process that is gone, or may not be looked at, has none.
    static func each(of process: Int32, _ body: (_ descriptor: String, stat) -> Void) {
        let names = (try? Files.names(in: "/proc/\(process)/fd")) ?? []
        for name in names.prefix(descriptorsMax) {
            var status = stat()
            if stat("/proc/\(process)/fd/\(name)", &status) == 0 { body(name, status) }
        }
    }

    /// What files take of the disk that have no name any more, and are there as long as one of these processes holds
    /// them open.
    package static func namelessBytes(of processIDs: [Int32]) -> Int64 {
        var sizes: [FileKey: Int64] = [:]
        for process in processIDs {
            each(of: process) { _, status in
                guard status.st_nlink == 0, status.st_mode & S_IFMT == S_IFREG else { return }
                sizes[FileKey(status)] = Int64(status.st_blocks) * 512
            }
        }
        return sizes.values.reduce(0, +)
    }
}

/// Names a file whatever it is called.
struct FileKey: Hashable {
    var device: UInt64
    var number: UInt64

    init(device: UInt64, number: UInt64) {
        self.device = device
        self.number = number
    }

    init(_ status: stat) { self.init(device: UInt64(status.st_dev), number: UInt64(status.st_ino)) }
}
