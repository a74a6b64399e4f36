import JSON
import System

/// One command's run: its rows on the screen, its exchanges with the server, and the loop that drives both.
///
/// Everything happens on the calling thread. Jobs start transfers and change rows; the session waits, draws, and ends
/// when all jobs have an outcome.
package final class Session {
    package let transfers: Transfers
    package let calls: ServerCalls
    package let console: Console
    /// Where uploads are kept that were begun; nil where none is to be gone on with later.
    package var keptUploads: KeptUploadsFile?
    /// Whether the server has ever answered.
    var isServerKnown = false
    /// Whether an interrupt says how to watch again; not where the server ends with the command.
    package var outlivesCommand = true
    let printsJSON: Bool
    private var isOfflineTold = false
    private var stopReason: ClientError?
    private var ids: [String?]
    private var idsPrinted = 0
    private var idsWanted = false
    private var pauseKey: PauseKey?
    private var isPaused = false
    private var isWatching = false

    package init(
        address: ServerAddress, token: AccessToken? = nil, rows: [ProgressRow], mode: Console.Mode, printsJSON: Bool,
        kind: ProgressBoard.Kind = .fixed
    ) throws(ClientError) {
        transfers = try Transfers(server: address.shown)
        calls = ServerCalls(address: address, token: token)
        console = Console(rows: rows, mode: mode, kind: kind)
        self.printsJSON = printsJSON
        ids = rows.map { _ in nil }
    }

    /// Watches documents to their ends, all at once. Returns the gravest outcome; throws when it was interrupted.
    package func watch(_ documents: [String], timeoutMilliseconds: Int64?) throws(ClientError) -> Outcome {
        let jobs = documents.enumerated().map { index, id in
            WatchJob(id: id, row: index, session: self, timeoutMilliseconds: timeoutMilliseconds)
        }
        return try run(jobs, atOnce: jobs.count)
    }

    /// Watches every document, those that will come included, until it is interrupted or the server refuses. For a
    /// session without rows, whose board is endless.
    package func watchAll(timeoutMilliseconds: Int64?) throws(ClientError) -> Outcome {
        try run([WatchAllJob(session: self, timeoutMilliseconds: timeoutMilliseconds)], atOnce: 1)
    }

    package struct UploadOptions {
        package var standardInputName = "stdin"
        /// Stay with the documents to their ends.
        package var watching = false
        package var printsIDs = true
        /// Go on where a lost connection or an earlier run has left off.
        package var resumes = true
        package var wishes = DocumentWishes()
        package var atOnce = uploadsAtOnceDefault
        package var giveUpMilliseconds = Int64(UploadCourse.giveUpSecondsDefault) * 1000

        package init() {}
    }

    package static let uploadsAtOnceDefault = 3
    package static let uploadsAtOnceMax = 32

    /// Uploads files, some of them at once. Ids go to standard output in the order of the files. On a terminal, the key
    /// p pauses and goes on.
    package func upload(_ files: [String], options: UploadOptions) throws(ClientError) -> Outcome {
        idsWanted = options.printsIDs && !printsJSON
        isWatching = options.watching
        let jobs = files.enumerated().map { index, path -> any Job in
            if options.resumes && path != "-" && FileStamp.ofPlainFile(at: path) != nil {
                return ResumingUploadJob(path: path, row: index, session: self, options: options)
            }
            return UploadJob(path: path, row: index, session: self, options: options)
        }
        if console.mode == .bars && Terminal.isInputTerminal && !files.contains("-") { listenToPauseKey(jobs) }
        defer {
            transfers.onReadable(Terminal.inputDescriptor, nil)
            pauseKey = nil
        }
        return try run(jobs, atOnce: options.atOnce)
    }

    private func listenToPauseKey(_ jobs: [any Job]) {
        let key = PauseKey()
        pauseKey = key
        transfers.onReadable(Terminal.inputDescriptor) { [unowned self] in
            guard let presses = key.taken() else { return transfers.onReadable(Terminal.inputDescriptor, nil) }
            guard presses % 2 == 1 else { return }
            isPaused.toggle()
            for job in jobs { isPaused ? job.pause() : job.goOn() }
        }
    }

    /// The ids the server has given so far, by row.
    package var knownIDs: [String] { ids.compactMap(\.self) }

    /// Ends the run with this error at the next turn, for what the jobs cannot see. The first reason counts.
    package func stop(_ reason: ClientError) {
        stopReason = stopReason ?? reason
    }

    private func run(_ jobs: [any Job], atOnce: Int) throws(ClientError) -> Outcome {
        var isStarted = jobs.map { _ in false }
        while true {
            var now = Clock.monotonicMilliseconds
            var open = zip(jobs, isStarted).count { $1 && $0.occupiesPlace }
            pauseKey?.hold(nowMilliseconds: now)
            for index in jobs.indices where !isStarted[index] && open < atOnce && !isPaused {
                isStarted[index] = true
                jobs[index].start(nowMilliseconds: now)
                open += jobs[index].occupiesPlace ? 1 : 0
            }
            for (job, isStarted) in zip(jobs, isStarted) where isStarted && job.outcome == nil {
                job.tick(nowMilliseconds: now)
            }
            try printIDs(jobs)
            console.refresh(nowMilliseconds: now)
            if let stopReason { throw stopReason }
            if jobs.allSatisfy({ $0.outcome != nil }) { break }

            now = Clock.monotonicMilliseconds
            let wakes = zip(jobs, isStarted).compactMap { $1 && $0.outcome == nil ? $0.wakesAtMilliseconds : nil }
            let waits =
                wakes.map { $0 - now } + [console.millisecondsToTurn(nowMilliseconds: now), 1000].compactMap(\.self)
            let size = Terminal.size().columns
            transfers.turn(waitingMilliseconds: waits.min() ?? 0)
            if Terminal.size().columns != size { console.windowChanged() }
            if let signal = Interrupts.taken {
                console.finish(nowMilliseconds: Clock.monotonicMilliseconds)
                tellHowToGoOn(jobs)
                throw .interrupted(signal: signal)
            }
        }
        console.finish(nowMilliseconds: Clock.monotonicMilliseconds)
        try printIDs(jobs, atEnd: true)
        return .gravest(jobs.compactMap(\.outcome))
    }

    private func tellHowToGoOn(_ jobs: [any Job]) {
        let going = jobs.filter { $0.outcome == nil && $0.goesOnAlone }.compactMap(\.id)
        let cut = jobs.count { $0.outcome == nil && !$0.goesOnAlone && !$0.isResumable && $0.isSending }
        if cut > 0 { Terminal.note("\(Wording.plural(Int64(cut), "upload")) cut off") }
        guard outlivesCommand else { return }
        tellHowToResume(jobs.filter { $0.outcome == nil })
        guard !going.isEmpty else { return }
        let who = going.count == 1 ? "the document goes on; watch it again" : "the documents go on; watch them again"
        Terminal.note("\(who) with: headway watch\(server) \(going.joined(separator: " "))")
    }

    private var server: String {
        calls.address.shown == ServerAddress.defaultText ? "" : " --server \(calls.address.shown)"
    }

    /// Files whose turn had not come are named as well: the same command is to do all that is left.
    private func tellHowToResume(_ open: [any Job]) {
        let begun = open.count(where: \.isResumable)
        let paths = open.compactMap { $0.isResumable || !$0.isSending && !$0.goesOnAlone ? $0.path : nil }
        guard begun > 0 else { return }
        let what = begun == 1 ? "the upload goes on where it is" : "the uploads go on where they are"
        let watch = isWatching ? " --watch" : ""
        let names = paths.map(Terminal.shellWord).joined(separator: " ")
        Terminal.note("\(what) with: headway upload\(server)\(watch) --resume \(names)")
    }

    // MARK: What jobs tell

    func accepted(_ id: String, row: Int) {
        ids[row] = id
    }

    /// A state or reply as the server sent it, one line of JSON.
    func emit(_ line: @autoclosure () -> String) {
        guard printsJSON else { return }
        let text = Terminal.isOutputTerminal ? TerminalText.cleanJSON(line()) : line()
        do {
            try console.output(text)
        } catch {
            stop(error)
        }
    }

    /// A row's end that no event tells: with `--json` there is no row to show it, so a line says it.
    func ended(_ row: Int, _ error: ClientError, name: String) {
        let now = Clock.monotonicMilliseconds
        console.update(row) { $0.end(error.outcome, words: error.wordsBesideName, nowMilliseconds: now) }
        guard printsJSON else { return }
        Terminal.note("\(TerminalText.clean(name)): \(error.wordsBesideName)")
    }

    /// Said once for all rows, until a connection stands again. Bars show a lost connection themselves; what they have
    /// no room for is why there is no new one.
    func offline(_ error: ClientError) {
        if case .connectionLost = error, console.mode == .bars { return }
        guard !isOfflineTold else { return }
        isOfflineTold = true
        console.note("\(error.words); trying again")
    }

    func online() {
        guard isOfflineTold else { return }
        isOfflineTold = false
        console.note("connected again")
    }

    /// Ids go out in the order of the rows. Where bars share the terminal, they wait for the end, below the bars.
    private func printIDs(_ jobs: [any Job], atEnd: Bool = false) throws(ClientError) {
        guard idsWanted else { return }
        if !atEnd && Terminal.isOutputTerminal && Terminal.drawsBars { return }
        while idsPrinted < ids.count, ids[idsPrinted] != nil || jobs[idsPrinted].outcome != nil {
            if let id = ids[idsPrinted] { try console.output(TerminalText.clean(id)) }
            idsPrinted += 1
        }
    }
}

/// One row's work.
protocol Job: AnyObject {
    var id: String? { get }
    /// Nil until it has ended.
    var outcome: Outcome? { get }
    /// Whether another job must wait for this one.
    var occupiesPlace: Bool { get }
    var isSending: Bool { get }
    /// Whether the server finishes the document without us.
    var goesOnAlone: Bool { get }
    /// Whether a later run can go on with what it has sent.
    var isResumable: Bool { get }
    /// Of the file it sends.
    var path: String? { get }
    var wakesAtMilliseconds: Int64? { get }
    func start(nowMilliseconds: Int64)
    func tick(nowMilliseconds: Int64)
    func pause()
    func goOn()
}

extension Job {
    var isResumable: Bool { false }
    var path: String? { nil }
    func pause() {}
    func goOn() {}
}
