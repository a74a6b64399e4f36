import ArgumentParser

/// The command: a server, its workers, and a client for both.
@main
struct Headway: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "headway",
        abstract:
            "Takes heavy documents over: uploads, work in isolated processes, live progress for all who watch.",
        version: "0.1.0",
        subcommands: [
            ServeCommand.self, UploadCommand.self, WatchCommand.self, ListCommand.self, CancelCommand.self,
            ResultCommand.self, QueueCommand.self, DemoCommand.self, WorkerCommand.self, EmbedCommand.self,
            GuardCommand.self,
        ])
}
