import ArgumentParser
import Client

/// `headway watch ID…`, `headway watch --all`
struct WatchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Follow documents, live, until every one is complete, failed or cancelled.",
        discussion: """
            Connects again by itself when the connection breaks, and goes on where it was.
            With --all it goes on until Ctrl-C; its exit status is then 130, as always.

            \(Outcome.table)
            """)

    @Argument(help: ArgumentHelp("The ids of the documents.", valueName: "id"))
    var ids: [String] = []

    @Flag(help: "Follow every document, those that will come included, until Ctrl-C.")
    var all = false

    @Option(
        help: ArgumentHelp(
            "Give up when the server was out of reach for so long (default: never).", valueName: "seconds"))
    var timeout: Double?

    @OptionGroup var client: ClientOptions

    func validate() throws {
        if all && !ids.isEmpty { throw ValidationError("Give either ids or --all.") }
        if !all && ids.isEmpty { throw ValidationError("Give the ids of documents, or --all.") }
        if ids.contains(where: \.isEmpty) { throw ValidationError("An id is empty.") }
        if let timeout, !(timeout >= 0 && timeout <= Self.timeoutSecondsMax) {
            throw ValidationError("--timeout takes 0 to \(Int(Self.timeoutSecondsMax)) seconds.")
        }
    }

    /// A year.
    static let timeoutSecondsMax: Double = 31_536_000

    func run() throws {
        try client.end { () throws(ClientError) in
            let timeoutMilliseconds = timeout.map { Int64($0 * 1000) }
            if all {
                let session = try client.session(rows: [], kind: .endless)
                return try session.watchAll(timeoutMilliseconds: timeoutMilliseconds)
            }
            let session = try client.session(rows: ids.map { ProgressRow(name: $0) })
            return try session.watch(ids, timeoutMilliseconds: timeoutMilliseconds)
        }
    }
}
