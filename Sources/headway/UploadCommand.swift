import ArgumentParser
import Client

/// `headway upload FILE…`
struct UploadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "upload",
        abstract: "Send documents to the server; with --watch, follow them to their ends.",
        discussion: """
            Prints the id of each document to standard output, in the order of the files. The file name - is standard
            input: pdftk … | headway upload - --name report.pdf

            A lost connection is waited out, and the upload goes on at the byte the server has. So it does when this
            command was ended and is given again with the same files; what was begun is kept for a week in
            $XDG_STATE_HOME/headway (or ~/.local/state/headway). On a terminal, the key p pauses the uploads; p again
            goes on.

            \(Outcome.table)
            """)

    @Argument(
        help: ArgumentHelp("The files to send; - is standard input.", valueName: "file"), completion: .file())
    var files: [String]

    @Flag(name: .shortAndLong, help: "Stay until every document is complete, failed or cancelled.")
    var watch = false

    @Option(help: "The name for standard input; its ending tells the type.")
    var name = "stdin"

    @Option(help: ArgumentHelp("A pipeline that the server has besides its own.", valueName: "name"))
    var pipeline: String?

    @Option(help: "How soon they are wanted: \(DocumentWishes.priorities.joined(separator: ", ")).")
    var priority: String?

    @Option(
        help: ArgumentHelp(
            "The password that opens the documents. Better set \(DocumentWishes.passwordVariable): what stands in a "
                + "command, every user of the machine can list.", valueName: "secret"))
    var password: String?

    @Option(help: ArgumentHelp("How many files are sent at once.", valueName: "n"))
    var parallel = Session.uploadsAtOnceDefault

    @Option(
        help: ArgumentHelp(
            "Give up when the server took nothing for so long; 0 is at once.", valueName: "seconds"))
    var giveUpSeconds = UploadCourse.giveUpSecondsDefault

    @Flag(
        inversion: .prefixedNo,
        help: "Go on where a lost connection or an earlier run left off; without it, each file is one request.")
    var resume = true

    @OptionGroup var client: ClientOptions

    func validate() throws {
        if !(1...Session.uploadsAtOnceMax).contains(parallel) {
            throw ValidationError("--parallel takes 1 to \(Session.uploadsAtOnceMax).")
        }
        if !(0...Self.giveUpSecondsMax).contains(giveUpSeconds) {
            throw ValidationError("--give-up-seconds takes 0 to \(Self.giveUpSecondsMax).")
        }
        if files.count(where: { $0 == "-" }) > 1 {
            throw ValidationError("Standard input can be sent only once.")
        }
        if name.isEmpty { throw ValidationError("The name must not be empty.") }
        if let priority, !DocumentWishes.priorities.contains(priority) {
            throw ValidationError("--priority takes \(DocumentWishes.priorities.joined(separator: ", ")).")
        }
        // Which words are wrong stays untold.
        if let wrong = wishes.password?.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7f }), wrong {
            throw ValidationError("The documents' password holds a control character.")
        }
    }

    private var wishes: DocumentWishes {
        DocumentWishes(
            pipeline: pipeline, priority: priority,
            password: password
                ?? Terminal.environment(DocumentWishes.passwordVariable).flatMap { $0.isEmpty ? nil : $0 })
    }

    func run() throws {
        try client.end { () throws(ClientError) in
            let rows = files.map { path in
                let last = path.split(separator: "/").last.map(String.init) ?? path
                return ProgressRow(name: path == "-" ? name : last)
            }
            let session = try client.session(rows: rows)
            var options = Session.UploadOptions()
            options.standardInputName = name
            options.watching = watch
            options.wishes = wishes
            options.resumes = resume
            options.atOnce = parallel
            options.giveUpMilliseconds = Int64(giveUpSeconds) * 1000
            if resume { session.keptUploads = KeptUploadsFile(environment: Terminal.environment) }
            return try session.upload(files, options: options)
        }
    }

    private static let giveUpSecondsMax = 7 * 86_400
}

/// What every command that talks to a server takes.
struct ClientOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("The server's URL. HEADWAY_SERVER sets another default.", valueName: "url"))
    var server = Terminal.environment("HEADWAY_SERVER").flatMap { $0.isEmpty ? nil : $0 } ?? ServerAddress.defaultText

    @Option(
        help: ArgumentHelp(
            "The token that the server asks for. Better set \(AccessToken.variable): what stands in a command, every "
                + "user of the machine can list.", valueName: "secret"))
    var token: String?

    @Flag(help: "Print the server's own objects, one JSON object a line, and draw nothing.")
    var json = false

    func validate() throws {
        if ServerAddress(server) == nil {
            throw ValidationError(
                "'\(TerminalText.clean(server))' is no server URL; one looks like http://127.0.0.1:8080")
        }
        // Which words are wrong stays untold: they may be most of a secret.
        if let token, AccessToken(token) == nil {
            throw ValidationError("--token takes a secret without blanks, of ASCII characters.")
        }
        if token == nil, let secret = Self.secretOfEnvironment, AccessToken(secret) == nil {
            throw ValidationError("\(AccessToken.variable) holds blanks or what is no ASCII character.")
        }
    }

    private static var secretOfEnvironment: String? {
        Terminal.environment(AccessToken.variable).flatMap { $0.isEmpty ? nil : $0 }
    }

    private var accessToken: AccessToken? { (token ?? Self.secretOfEnvironment).flatMap { AccessToken($0) } }

    var calls: ServerCalls { ServerCalls(address: address, token: accessToken) }

    var address: ServerAddress {
        guard let address = ServerAddress(server) else { preconditionFailure("validate() lets no other through") }
        return address
    }

    func session(rows: [ProgressRow], kind: ProgressBoard.Kind = .fixed) throws(ClientError) -> Session {
        try Session(
            address: address, token: accessToken, rows: rows, mode: Console.mode(json: json), printsJSON: json,
            kind: kind)
    }

    /// Runs a command's work and ends the process with the status of its outcome, after saying what went wrong.
    func end(_ work: () throws(ClientError) -> Outcome) throws {
        let status: Outcome
        do {
            status = try work()
        } catch {
            switch error {
            case .outputClosed, .interrupted: break  // Nobody reads it; the session has said what matters.
            default: Terminal.note("headway: \(error.words)")
            }
            status = error.outcome
        }
        if status != .complete { throw ExitCode(status.code) }
    }
}
