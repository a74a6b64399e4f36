import ArgumentParser
import Client
import JSON

/// `headway result ID`
struct ResultCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "result",
        abstract: "Print what was made of a complete document.",
        discussion: """
            Into a pipe or a file, and with --json: the chunks as the server has them, one JSON object a line.
            On a terminal: each chunk with its pages, to read. With --text: the text, its pages parted by form feeds.

            \(Outcome.table)
            """)

    @Argument(help: "The id of the document.")
    var id: String

    @Flag(help: "The document's text in place of its chunks.")
    var text = false

    @OptionGroup var client: ClientOptions

    func validate() throws {
        if text && client.json { throw ValidationError("--text and --json exclude each other.") }
    }

    func run() throws {
        try client.end { () throws(ClientError) in
            let transfers = try Transfers(server: client.address.shown)
            let calls = client.calls
            let request = text ? calls.text(id: id) : calls.result(id: id)
            guard Terminal.isOutputTerminal else {
                try transfers.stream(request) { bytes throws(ClientError) in
                    try Terminal.write(bytes, to: 1)
                    return true
                }
                return .complete
            }
            var printer = ResultPrinter(readsText: text, readsJSON: client.json)
            try transfers.stream(request) { bytes throws(ClientError) in
                try printer.receive(bytes)
                return true
            }
            try printer.end()
            return .complete
        }
    }
}

/// Shows a result on a terminal, line by line as it comes, with nothing in it that the terminal might obey.
private struct ResultPrinter {
    /// A chunk's line grows with the dimensions of its embedding; a longer one is not shown.
    static let lineBytesMax = 16 << 20

    private let readsText: Bool
    private let readsJSON: Bool
    private let style = LineStyle(environment: Terminal.environment)
    private var lines: LineSplitter

    init(readsText: Bool, readsJSON: Bool) {
        self.readsText = readsText
        self.readsJSON = readsJSON
        lines = LineSplitter(lineBytesMax: Self.lineBytesMax, keepsEmptyLines: readsText)
    }

    mutating func receive(_ bytes: [UInt8]) throws(ClientError) {
        for line in lines.receive(bytes) { try show(line) }
    }

    mutating func end() throws(ClientError) {
        if let line = lines.end() { try show(line) }
    }

    private func show(_ bytes: [UInt8]) throws(ClientError) {
        let line = String(decoding: bytes, as: UTF8.self)
        if readsText { return try Terminal.printLine(style.fit(TerminalText.cleanParagraphs(line))) }
        if readsJSON { return try Terminal.printLine(TerminalText.cleanJSON(line)) }
        guard let json = try? JSONValue.parse(bytes), let chunk = ChunkText(json) else { return }
        for line in chunk.lines(columns: Terminal.size(of: 1).columns, style: style) { try Terminal.printLine(line) }
        try Terminal.printLine("")
    }
}
