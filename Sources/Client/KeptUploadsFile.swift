import Glibc

/// Where `KeptUploads` lie between two runs. Several processes may use it at once.
package struct KeptUploadsFile {
    private let directory: String

    /// `$XDG_STATE_HOME/headway/uploads.json` (XDG Base Directory Specification), else the same below
    /// `~/.local/state`; nil where there is no home.
    package init?(environment: (String) -> String?) {
        func absolute(_ name: String) -> String? { environment(name).flatMap { $0.hasPrefix("/") ? $0 : nil } }
        guard let state = absolute("XDG_STATE_HOME") ?? absolute("HOME").map({ $0 + "/.local/state" }) else {
            return nil
        }
        directory = state + "/headway"
    }

    private var path: String { directory + "/uploads.json" }

    package func read() -> KeptUploads {
        KeptUploads(json: Self.contents(of: path) ?? [])
    }

    /// Changes what is kept; says whether that lasts. Where it cannot (a home that is read-only, a full disk), an
    /// upload still goes on after a lost connection, only not after the end of its process.
    @discardableResult
    package func update(_ change: (inout KeptUploads) -> Void) -> Bool {
        guard makeDirectory() else { return false }
        let lock = open(path + ".lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0 else { return false }
        defer { close(lock) }
        // Held for the time of one small write; a signal may interrupt the wait.
        while flock(lock, LOCK_EX) != 0 { if errno != EINTR { return false } }
        var kept = read()
        let before = kept
        change(&kept)
        return kept == before || replace(with: kept.json)
    }

    /// Whole or not at all: a reader never sees half of it.
    private func replace(with bytes: [UInt8]) -> Bool {
        let draft = path + ".new"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        do {
            try Terminal.write(bytes, to: descriptor)
        } catch {
            return false
        }
        return rename(draft, path) == 0
    }

    private func makeDirectory() -> Bool {
        var made = ""
        for step in directory.split(separator: "/") {
            made += "/" + step
            if mkdir(made, 0o700) != 0 && errno != EEXIST && access(made, F_OK) != 0 { return false }
        }
        return true
    }

    private static func contents(of path: String) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while bytes.count <= bytesMax {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count == 0 { return bytes }
            if count < 0 { if errno == EINTR { continue } else { return nil } }
            bytes += buffer[..<count]
        }
        return nil
    }

    /// As many uploads as are kept, with paths of the longest kind, are less.
    private static let bytesMax = 8 << 20
}

extension KeptUploads.Upload {
    /// Whether the process that sends it still runs: then it is that one's.
    package var isSentElsewhere: Bool { kill(process, 0) == 0 || errno == EPERM }
}
