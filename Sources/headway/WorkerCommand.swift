import ArgumentParser
import Worker

/// What the server starts; of no use to people.
struct WorkerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker", abstract: "Work for a server that started this process.", shouldDisplay: false)

    func run() throws {
        throw ExitCode(WorkerProcess.run())
    }
}
