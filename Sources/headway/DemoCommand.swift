import ArgumentParser
import Client
import Glibc
import JSON

/// `headway demo`: a server, a document, its progress and its result, in one command.
struct DemoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Start a server, send it a document, show its progress and the first of its result.",
        discussion: """
            On a terminal the server then runs on until Ctrl-C, so that its page can be tried. Elsewhere the command
            ends as soon as the document has: with 0 when it is complete.
            """)

    @Argument(help: "The document to send; without it, the sample.", completion: .file())
    var file: String?

    @Flag(help: "Send the sample document that comes with Headway.")
    var sample = false

    @Option(help: ArgumentHelp("Where the server keeps its documents.", valueName: "directory"))
    var data = "./headway-data"

    @Option(
        help: ArgumentHelp(
            "Where the server listens; the next free port when this one is taken.", valueName: "address:port"))
    var listen = "127.0.0.1:8080"

    /// How much of the result is shown.
    static let chunksShown = 3
    static let chunkCharactersShown = 200

    func validate() throws {
        if sample && file != nil { throw ValidationError("Give either a file or --sample.") }
    }

    func run() throws {
        let style = LineStyle(environment: Terminal.environment)
        var status: Outcome
        do {
            Interrupts.install()
            let path = try file ?? Self.samplePath()
            _ = try UploadSource(path: path, standardInputName: "stdin")  // Better now than after the server's start.
            let server = try ServerProcess(arguments: [
                "serve", "--listen", listen, "--data", data, "--next-free-port", "--log-level", "warning",
            ])
            defer { server.stop() }
            let url = try server.waitUntilListening()
            status = try show(path, server: server, url: url, style: style)
        } catch let ending as ServerProcess.Ending {
            // What went wrong the server has said itself, on the standard error that we share.
            Terminal.note("headway: the server ended before it took connections")
            throw ExitCode(ending.code == 0 ? 1 : ending.code)
        } catch let error as ClientError {
            if case .interrupted = error {} else { Terminal.note("headway: \(error.words)") }
            status = error.outcome
        }
        if status != .complete { throw ExitCode(status.code) }
    }

    private func show(
        _ path: String, server: ServerProcess, url: String, style: LineStyle
    ) throws(ClientError) -> Outcome {
        guard let address = ServerAddress(url) else {
            throw .unreadableReply(server: url, reason: "it says to listen on what is no URL")
        }
        try Terminal.printLine("Headway listens on \(address.shown), its data is in \(data)")
        let name = path.split(separator: "/").last.map(String.init) ?? path
        let session = try Session(
            address: address, token: Terminal.environment(AccessToken.variable).flatMap { AccessToken($0) },
            rows: [ProgressRow(name: name)], mode: Console.mode(json: false), printsJSON: false)
        session.outlivesCommand = false
        session.transfers.onReadable(server.output) {
            if server.drain() { return }
            session.transfers.onReadable(server.output, nil)
            session.stop(.connectionLost(server: address.shown, reason: "the server has ended"))
        }
        var options = Session.UploadOptions()
        options.watching = true
        options.printsIDs = false
        let status = try session.upload([path], options: options)
        let id = session.knownIDs.first
        if status == .complete, let id { try showResult(id, session: session, style: style) }
        try Terminal.printLine("The page: \(address.shown)/")
        guard Terminal.isInputTerminal && Terminal.isOutputTerminal else { return status }

        if let id {
            let command = "\(CommandLine.arguments[0]) result --server \(address.shown) \(id)"
            try Terminal.printLine("Here, in another terminal: \(command)")
        }
        try Terminal.printLine("The server runs on; Ctrl-C ends it.")
        while Interrupts.taken == nil {
            session.transfers.turn(waitingMilliseconds: 60_000)
            if server.endingIfAny != nil {
                throw .connectionLost(server: address.shown, reason: "the server has ended")
            }
        }
        try Terminal.printLine("")
        return status
    }

    private func showResult(_ id: String, session: Session, style: LineStyle) throws(ClientError) {
        var lines = LineSplitter()
        var shown = 0
        try Terminal.printLine("")
        try session.transfers.stream(session.calls.result(id: id)) { bytes throws(ClientError) in
            for line in lines.receive(bytes) where shown < Self.chunksShown {
                guard let json = try? JSONValue.parse(line), let chunk = ChunkText(json) else { continue }
                let columns = Terminal.size(of: 1).columns
                let output =
                    Terminal.isOutputTerminal ? style : LineStyle(hasColor: false, hasUnicode: style.hasUnicode)
                for text in chunk.lines(columns: columns, style: output, charactersMax: Self.chunkCharactersShown) {
                    try Terminal.printLine(text)
                }
                try Terminal.printLine("")
                shown += 1
            }
            return shown < Self.chunksShown
        }
    }

    /// The sample of a checkout (the executable lies somewhere under it) or of an installation.
    private static func samplePath() throws(ClientError) -> String {
        var directory = try ServerProcess.ownDirectory()
        var candidates = [sampleInCheckout, directory + "/../share/headway/sample.pdf"]
        while let slash = directory.lastIndex(of: "/") {
            candidates.append(directory + "/" + sampleInCheckout)
            directory = String(directory[..<slash])
        }
        guard let found = candidates.first(where: { access($0, R_OK) == 0 }) else {
            throw .file(
                name: sampleInCheckout, reason: "the sample is not there; give a file of your own: headway demo FILE")
        }
        return found
    }

    private static let sampleInCheckout = "docs/sample.pdf"
}
