import ArgumentParser
import System

/// What the server starts where its children may start others; of no use to people.
struct GuardCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "guard", abstract: "End what a server that started this process leaves behind when it is killed.",
        shouldDisplay: false)

    @Argument(help: "The number that all processes of the server's run bear.")
    var family: String

    func run() throws {
        guard let family = ProcessMark.Family(family) else { throw ExitCode(64) }
        // Nobody writes to it: it ends with the server.
        var byte: [UInt8] = [0]
        var isOver = false
        while !isOver {
            isOver = byte.withUnsafeMutableBytes { (try? DescriptorIO.read(0, into: $0)).map { $0 == .end } ?? true }
        }
        _ = family.end(waitMilliseconds: LeftoverProcesses.waitMilliseconds)
    }
}
