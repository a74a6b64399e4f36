import ArgumentParser
import Client
import JSON
import System

/// `headway list`
struct ListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Show the server's documents, the newest first.",
        discussion: Outcome.table)

    @Option(help: "Only those that are uploading, queued, processing, complete, failed or cancelled.")
    var status: String?

    @Option(help: "How many at most.")
    var limit = 50

    @OptionGroup var client: ClientOptions

    func validate() throws {
        if limit < 1 { throw ValidationError("--limit takes a number of at least 1.") }
    }

    func run() throws {
        try client.end { () throws(ClientError) in
            let documents = try fetch()
            if client.json {
                for json in documents { try Terminal.printLine(safe(json.compactText)) }
                return .complete
            }
            if documents.isEmpty {
                let which = status.map { " with the status \(TerminalText.clean($0))" } ?? ""
                Terminal.note("No documents\(which). Send one with: headway upload FILE")
                return .complete
            }
            var style = LineStyle(environment: Terminal.environment)
            let isTerminal = Terminal.isOutputTerminal
            if !isTerminal { style = LineStyle(hasColor: false, hasUnicode: true) }
            let table = DocumentTable(
                style: style, columns: isTerminal ? Terminal.size(of: 1).columns : nil,
                nowMilliseconds: Clock.unixMilliseconds)
            for line in table.lines(documents.compactMap(DocumentState.init)) { try Terminal.printLine(line) }
            return .complete
        }
    }

    /// Page after page until the limit or the end of the list.
    private func fetch() throws(ClientError) -> [JSONValue] {
        let transfers = try Transfers(server: client.address.shown)
        let calls = client.calls
        var documents: [JSONValue] = []
        var cursor: String?
        repeat {
            let count = min(limit - documents.count, ServerCalls.documentsPerPageMax)
            let reply = try transfers.fetch(calls.list(status: status, limit: count, cursor: cursor))
            let page = try ServerCalls.parse(reply.body, server: client.address.shown)
            guard let listed = page["documents"]?.arrayValue else {
                throw .unreadableReply(server: client.address.shown, reason: "its reply has no list of documents")
            }
            documents += listed.prefix(count)
            cursor = listed.isEmpty ? nil : page["next_cursor"]?.stringValue
        } while cursor != nil && documents.count < limit
        return documents
    }

    private func safe(_ line: String) -> String {
        Terminal.isOutputTerminal ? TerminalText.cleanJSON(line) : line
    }
}
