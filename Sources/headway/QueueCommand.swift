import ArgumentParser
import Client
import JSON
import System

/// `headway queue`
struct QueueCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue",
        abstract: "Show the queue; pause it; see to the documents that failed.",
        discussion: "The server must allow it: a token with the scope admin, or serve --admin.",
        subcommands: [Show.self, Pause.self, Resume.self, Dead.self, Inspect.self, Requeue.self],
        defaultSubcommand: Show.self)
}

/// What every order to the queue does: asks, and prints.
private struct QueueCalls {
    let client: ClientOptions
    let transfers: Transfers
    let calls: ServerCalls

    init(_ client: ClientOptions) throws(ClientError) {
        self.client = client
        transfers = try Transfers(server: client.address.shown)
        calls = client.calls
    }

    func ask(_ request: Request) throws(ClientError) -> JSONValue {
        try ServerCalls.parse(try transfers.fetch(request).body, server: client.address.shown)
    }

    func printJSON(_ json: JSONValue) throws(ClientError) {
        let line = json.compactText
        try Terminal.printLine(Terminal.isOutputTerminal ? TerminalText.cleanJSON(line) : line)
    }

    func printStanding(_ json: JSONValue) throws(ClientError) {
        if client.json { return try printJSON(json) }
        func number(_ key: String) -> Int64 { json[key]?.integerValue ?? 0 }
        let state = json["paused"]?.boolValue == true ? "paused" : "running"
        try Terminal.printLine(
            "\(state): \(number("running")) of \(number("workers")) workers busy, \(number("waiting")) waiting, "
                + "\(number("delayed")) waiting for their next try")
    }
}

extension QueueCommand {
    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "How the queue stands.")
        @OptionGroup var client: ClientOptions

        func run() throws {
            try client.end { () throws(ClientError) in
                let calls = try QueueCalls(client)
                try calls.printStanding(try calls.ask(calls.calls.queue()))
                return .complete
            }
        }
    }

    struct Pause: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let nothing new begin; what is at work goes on. It stays so over a restart.")
        @OptionGroup var client: ClientOptions

        func run() throws {
            try client.end { () throws(ClientError) in
                let calls = try QueueCalls(client)
                try calls.printStanding(try calls.ask(calls.calls.pauseQueue(true)))
                return .complete
            }
        }
    }

    struct Resume: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Let documents begin again.")
        @OptionGroup var client: ClientOptions

        func run() throws {
            try client.end { () throws(ClientError) in
                let calls = try QueueCalls(client)
                try calls.printStanding(try calls.ask(calls.calls.pauseQueue(false)))
                return .complete
            }
        }
    }

    struct Dead: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "The documents that failed at work, the newest first, with the reason.")
        @OptionGroup var client: ClientOptions

        func run() throws {
            try client.end { () throws(ClientError) in
                let calls = try QueueCalls(client)
                var cursor: String?
                var count = 0
                repeat {
                    let page = try calls.ask(calls.calls.deadLetters(cursor: cursor))
                    for json in page["documents"]?.arrayValue ?? [] {
                        count += 1
                        if client.json {
                            try calls.printJSON(json)
                        } else if let state = DocumentState(json) {
                            let reason = state.failure.map { "\($0.code): \($0.detail ?? "")" } ?? ""
                            let line = "\(state.id)  \(state.name ?? "")  \(reason)"
                            try Terminal.printLine(TerminalText.clean(line))
                        }
                    }
                    cursor = page["next_cursor"]?.stringValue
                } while cursor != nil
                if count == 0 && !client.json { Terminal.note("Nothing has failed.") }
                return .complete
            }
        }
    }

    struct Inspect: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "All that is known of one that failed, as JSON: its state, its runs, its checkpoint.")
        @Argument(help: "The id of the document.")
        var id: String
        @OptionGroup var client: ClientOptions

        func run() throws {
            try client.end { () throws(ClientError) in
                let calls = try QueueCalls(client)
                try calls.printJSON(try calls.ask(calls.calls.deadLetter(id: id)))
                return .complete
            }
        }
    }

    struct Requeue: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Put documents that failed back into the line; they go on behind their last page.")
        @Argument(help: "The ids of the documents.")
        var ids: [String] = []
        @Flag(help: "All that failed at work.")
        var all = false
        @OptionGroup var client: ClientOptions

        func validate() throws {
            if ids.isEmpty != all { throw ValidationError("Give ids, or --all.") }
        }

        func run() throws {
            try client.end { () throws(ClientError) in
                let calls = try QueueCalls(client)
                for id in ids {
                    _ = try calls.ask(calls.calls.retry(id: id))
                    try Terminal.printLine(TerminalText.clean(id))
                }
                guard all else { return .complete }
                var count: Int64 = 0
                var cursor: String?
                repeat {
                    let answer = try calls.ask(calls.calls.requeueDeadLetters(after: cursor))
                    count += answer["requeued"]?.integerValue ?? 0
                    cursor = answer["next_cursor"]?.stringValue
                } while cursor != nil
                try Terminal.printLine("\(count)")
                return .complete
            }
        }
    }
}
