import System

/// Whether the server before this one ended in good order: a small file, made when a signal asks for the end and taken
/// away at the start, says so. Where it is missing the server died, perhaps of a document that was at work.
enum LastEnd {
    static let fileName = "ended"

    /// Asked once, with the directory locked.
    static func wasDeath(in dataDirectory: String) throws(SystemError) -> Bool {
        let path = "\(dataDirectory)/\(fileName)"
        let hasEnded = Files.contents(of: path, bytesMax: 1) != nil
        guard hasEnded else { return true }
        try Files.remove(path)
        // Or a machine that loses its power would bring it back.
        try Files.syncDirectory(dataDirectory)
        return false
    }

    /// Where it cannot be made the next start takes this for a death, which costs next to nothing.
    static func record(in dataDirectory: String) {
        _ = try? Files.open("\(dataDirectory)/\(fileName)", .createIfMissing)
        try? Files.syncDirectory(dataDirectory)
    }
}
