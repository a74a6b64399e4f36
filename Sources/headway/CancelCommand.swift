import ArgumentParser
import Client
import JSON

/// `headway cancel ID`
struct CancelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "Stop a document; its record stays.",
        discussion: Outcome.table)

    @Argument(help: "The id of the document.")
    var id: String

    @OptionGroup var client: ClientOptions

    func run() throws {
        try client.end { () throws(ClientError) in
            let address = client.address
            let reply = try Transfers(server: address.shown).fetch(client.calls.cancel(id: id))
            let json = try ServerCalls.parse(reply.body, server: address.shown)
            if client.json {
                let line = json.compactText
                try Terminal.printLine(Terminal.isOutputTerminal ? TerminalText.cleanJSON(line) : line)
            } else {
                let state = DocumentState(json)
                if let name = state?.name { Terminal.note("\(TerminalText.clean(name)): cancelled") }
                try Terminal.printLine(TerminalText.clean(state?.id ?? id))
            }
            return .complete
        }
    }
}
