import ArgumentParser
import Worker

/// What the server starts where an embedding service is configured; of no use to people.
struct EmbedCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "embed", abstract: "Call the embedding service for a server that started this process.",
        shouldDisplay: false)

    func run() throws {
        throw ExitCode(EmbedProcess.run())
    }
}
