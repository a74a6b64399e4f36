import System

/// Processes that an earlier server of the same data directory left behind because it was killed.
///
/// A child dies with the server that started it; what that child has started itself may not. All of them bear the mark
/// of their server's run, which stands in one small file. It need not be synced: a machine that loses its power loses
/// its processes as well.
enum LeftoverProcesses {
    static let fileName = "processes"
    static let waitMilliseconds: Int64 = 5000

    /// Ends them, and writes down the mark of this run. Before the first child is started, and with the directory
    /// locked.
    static func end(in dataDirectory: String) throws(SystemError) -> (found: Int, left: Int) {
        let path = "\(dataDirectory)/\(fileName)"
        var outcome = (found: 0, left: 0)
        if let text = Files.contents(of: path, bytesMax: 64),
            let family = ProcessMark.Family(String(decoding: text, as: UTF8.self).filter { !$0.isWhitespace })
        {
            outcome = family.end(waitMilliseconds: waitMilliseconds)
        }
        // Beside it, then in its place: a server that is killed here leaves the old one or the new one.
        let new = "\(path).new"
        try Files.remove(new)
        do {
            let file = try Files.open(new, .createNew)
            try DescriptorIO.writeAll(file.raw, Array("\(ProcessMark.family.text)\n".utf8))
        }
        try Files.rename(new, to: path)
        return outcome
    }
}
